"""Runs a notebook with nbclient, as the measure for Labora: ``nbclient_child.py KERNEL_PYTHON IN.ipynb OUT.ipynb``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient


def main(python: str, source: Path, target: Path) -> None:
    notebook = nbformat.read(source, as_version=4)
    with TemporaryDirectory() as folder:
        spec = Path(folder, "kernels", "python3")
        spec.mkdir(parents=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python", "language": "python"}))
        specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
        work = Path(folder, "content")
        work.mkdir()
        NotebookClient(
            notebook, km=manager, allow_errors=True, timeout=120, resources={"metadata": {"path": str(work)}}
        ).execute(cwd=str(work))
    nbformat.write(notebook, target)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
