"""``python -m bench.loaders SHELF``: Keras's own loader on a server's data sets, with every socket closed.

SHELF is a folder ``images/datasets`` that holds ``fashion-mnist``. Keras is installed into a scratch environment from
the package index, with JAX beside it, which it needs to be imported. Needs some minutes and 1 GB; no test runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

GUEST = Path(__file__).resolve().parents[1] / "guest" / "src"
PROGRAM = """
import socket

def refuse(*args, **kwargs):
    raise OSError("there is no network here")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from labora_guest import places

places.link_datasets()
import keras

(x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
assert x.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
assert list(y[:10]) == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5] and list(y_test[:10]) == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
assert round(float(x.mean()) / 255, 4) == 0.286
print("keras", keras.__version__, "reads Fashion-MNIST without a network")
"""


def main() -> None:
    """Installs, loads and says what came of it."""
    shelf = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="labora-loaders-") as scratch:
        environment, home = Path(scratch, "env"), Path(scratch, "home")
        home.mkdir()
        venv.create(environment, with_pip=True)
        python = str(environment / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", "keras", "scipy", "jax"], check=True)
        settings = {"HOME": str(home), "LABORA_DATASETS": str(shelf), "KERAS_BACKEND": "jax", "PYTHONPATH": str(GUEST)}
        subprocess.run([python, "-c", PROGRAM], check=True, env={**os.environ, **settings})


if __name__ == "__main__":
    main()
