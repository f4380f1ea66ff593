"""Unix sockets at paths longer than the 107 bytes that an address holds.

The folder is opened and the socket named through ``/proc/self/fd/N``, which is always short.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def _short(path: Path) -> Iterator[str]:
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def bind_unix(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Returns a listening socket at ``path``, replacing one that is there. Born with mode 0600."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, kind)
    mask = os.umask(0o177)
    try:
        with _short(path) as short:
            listener.bind(short)
        listener.listen(64)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.setblocking(False)
    return listener


def connect_unix(path: Path, timeout_s: float | None = None, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Returns a socket connected to ``path``. Raises OSError when nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.settimeout(timeout_s)
    try:
        with _short(path) as short:
            connection.connect(short)
    except BaseException:
        connection.close()
        raise
    return connection
