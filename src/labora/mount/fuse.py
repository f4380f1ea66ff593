"""The kernel's FUSE protocol, version 7.31 and later: requests in, replies out. Pure.

Layouts are those of ``include/uapi/linux/fuse.h``. Everything that is read is bounded by the length that the header
names, and what does not fit is a :class:`ProtocolError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

MAX_WRITE = 1024 * 1024
BUFFER = MAX_WRITE + 64 * 1024
"""Bytes that one read of the device needs room for: the largest write and its headers."""
ROOT_ID = 1
MAX_NAME = 255

Buffer = bytes | bytearray | memoryview


class ProtocolError(ValueError):
    """A request that no kernel sends."""


class Op(IntEnum):
    """Requests that are answered; all others get ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    ACCESS = 34
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43
    READDIRPLUS = 44
    RENAME2 = 45


# INIT flags that are asked for, where the kernel offers them.
ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES = 1 << 0, 1 << 3, 1 << 5
DO_READDIRPLUS, READDIRPLUS_AUTO, PARALLEL_DIROPS = 1 << 13, 1 << 14, 1 << 18
MAX_PAGES, CACHE_SYMLINKS, EXPLICIT_INVAL_DATA, INIT_EXT = 1 << 22, 1 << 23, 1 << 25, 1 << 30
_PASSTHROUGH = 1 << (37 - 32)
_WANTED = (
    ASYNC_READ | ATOMIC_O_TRUNC | BIG_WRITES | DO_READDIRPLUS | READDIRPLUS_AUTO | PARALLEL_DIROPS | MAX_PAGES
    | CACHE_SYMLINKS | EXPLICIT_INVAL_DATA
)  # fmt: skip

FOPEN_DIRECT_IO, FOPEN_KEEP_CACHE, FOPEN_PASSTHROUGH = 1, 2, 128
FATTR_SIZE, FATTR_FH = 1 << 3, 1 << 6
NOTIFY_INVAL_INODE, NOTIFY_INVAL_ENTRY = 2, 3
RENAME_NOREPLACE = 1
SEEK_TYPES = {"folder": 4, "file": 8, "notebook": 8, "shortcut": 10}
"""``d_type`` of directory entries by kind."""

_IN_HEADER = struct.Struct("<IIQQIIIHH")
_OUT_HEADER = struct.Struct("<IiQ")
_ATTR = struct.Struct("<6Q10I")
_ENTRY_HEAD = struct.Struct("<QQQQII")
_ENTRY = struct.Struct("<QQQQII6Q10I")
_ATTR_HEAD = struct.Struct("<QII")
_OPEN_OUT = struct.Struct("<QIi")
_INIT_IN = struct.Struct("<IIII")
_INIT_OUT = struct.Struct("<IIIIHHIIHHIIH22x")
_STATFS = struct.Struct("<5Q10I")
_DIRENT = struct.Struct("<QQII")
_READ_IN = struct.Struct("<QQIIQII")
_SETATTR_IN = struct.Struct("<IIQQQQQQIIIIIIII")
IN_HEADER, WRITE_IN = _IN_HEADER.size, _READ_IN.size


class Request(NamedTuple):
    """One request: what the header says, and the body, valid until the next one is read."""

    op: int
    unique: int
    nodeid: int
    body: memoryview


def parse(data: memoryview) -> Request:
    """Reads one request. Raises ProtocolError where the header does not fit what was read."""
    if len(data) < IN_HEADER:
        raise ProtocolError("shorter than its header")
    length, op, unique, nodeid, _uid, _gid, _pid, extended, _ = _IN_HEADER.unpack_from(data)
    end = length - 8 * extended
    if length != len(data) or end < IN_HEADER:
        raise ProtocolError("of another length than its header says")
    return Request(op, unique, nodeid, data[IN_HEADER:end])


def _unpack(layout: struct.Struct, body: memoryview) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise ProtocolError("shorter than its fields")
    return layout.unpack_from(body)


_LAYOUTS = {size: struct.Struct(size) for size in ("<Q", "<II", "<IIQ", "<QII", "<QQII", "<QQQII", "<IIII", "<QIIQ")}


def fields(layout: str, body: memoryview) -> tuple[int, ...]:
    """Returns the fields that ``body`` begins with. Raises ProtocolError."""
    return _unpack(_LAYOUTS[layout], body)


def name_of(body: memoryview) -> str:
    """Returns the one name that ``body`` is. Raises ProtocolError for none; UnicodeDecodeError for what is no text."""
    return names_of(body, 1)[0]


def names_of(body: memoryview, count: int) -> list[str]:
    """Returns names, each closed by NUL. Raises ProtocolError, or UnicodeDecodeError."""
    parts = bytes(body).split(b"\0")
    if len(parts) != count + 1 or parts[-1] or not all(parts[:-1]):
        raise ProtocolError(f"not {count} names")
    return [part.decode() for part in parts[:-1]]


@dataclass(frozen=True, slots=True)
class Init:
    """What the kernel offers."""

    major: int
    minor: int
    readahead: int
    flags: int
    passthrough: bool


def read_init(body: memoryview) -> Init:
    """Reads INIT."""
    major, minor, readahead, flags = _unpack(_INIT_IN, body)
    flags2 = int.from_bytes(body[16:20], "little") if flags & INIT_EXT and len(body) >= 20 else 0
    return Init(major, minor, readahead, flags, bool(flags2 & _PASSTHROUGH))


def init_reply(init: Init, *, passthrough: bool) -> bytes:
    """Returns the answer to INIT: version 7 with what we use of what is offered."""
    flags, flags2, depth = init.flags & _WANTED, 0, 0
    if passthrough and init.passthrough:
        flags, flags2, depth = flags | INIT_EXT, _PASSTHROUGH, 1
    return _INIT_OUT.pack(
        7, min(init.minor, 40), max(init.readahead, 128 * 1024), flags, 64, 48, MAX_WRITE, 1, MAX_WRITE // 4096, 0,
        flags2, depth, 0,
    )  # fmt: skip


class ReadIn(NamedTuple):
    """READ, READDIR, WRITE: handle, offset, bytes."""

    handle: int
    offset: int
    size: int


def read_in(body: memoryview) -> ReadIn:
    """Reads the fields of READ, READDIR and WRITE; offsets beyond what a file can have are refused."""
    handle, offset, size, _, _, _, _ = _unpack(_READ_IN, body)
    if offset >= 1 << 63:
        raise ProtocolError("an offset beyond every file")
    return ReadIn(handle, offset, size)


class SetAttr(NamedTuple):
    """SETATTR: which fields, the handle where ``FATTR_FH`` is set, the new size."""

    valid: int
    handle: int
    size: int


def read_setattr(body: memoryview) -> SetAttr:
    """Reads SETATTR."""
    values = _unpack(_SETATTR_IN, body)
    if values[0] & FATTR_SIZE and values[3] >= 1 << 63:
        raise ProtocolError("a size beyond every file")
    return SetAttr(values[0], values[2], values[3])


class Attr(NamedTuple):
    """What ``stat`` shows of a file; times in nanoseconds."""

    ino: int
    size: int
    mode: int
    mtime: int
    ctime: int
    links: int = 1


def _attr_fields(attr: Attr) -> tuple[int, ...]:
    m, mn = divmod(attr.mtime, 1_000_000_000)
    c, cn = divmod(attr.ctime, 1_000_000_000)
    blocks = (attr.size + 511) // 512
    return attr.ino, attr.size, blocks, m, m, c, mn, mn, cn, attr.mode, attr.links, 0, 0, 0, MAX_WRITE, 0


def attr_reply(attr: Attr, valid_s: int) -> bytes:
    """Returns the answer to GETATTR and SETATTR."""
    return _ATTR_HEAD.pack(valid_s, 0, 0) + _ATTR.pack(*_attr_fields(attr))


def entry_reply(nodeid: int, attr: Attr, valid_s: int) -> bytes:
    """Returns the answer to LOOKUP and whatever makes a file."""
    return _ENTRY.pack(nodeid, 0, valid_s, valid_s, 0, 0, *_attr_fields(attr))


def absent_reply(valid_s: int) -> bytes:
    """Returns the answer to LOOKUP that says that there is nothing of this name, for a while."""
    return _ENTRY_HEAD.pack(0, 0, valid_s, 0, 0, 0) + bytes(_ATTR.size)


def open_reply(handle: int, flags: int, backing: int = 0) -> bytes:
    """Returns the answer to OPEN and OPENDIR."""
    return _OPEN_OUT.pack(handle, flags, backing)


def write_reply(size: int) -> bytes:
    """Returns the answer to WRITE."""
    return struct.pack("<II", size, 0)


def statfs_reply(total: int, free: int, files: int) -> bytes:
    """Returns the answer to STATFS; ``total`` and ``free`` in bytes."""
    block = 4096
    free_blocks = free // block
    return _STATFS.pack(total // block, free_blocks, free_blocks, files, 1 << 30, block, MAX_NAME, block, *(0,) * 7)


def reply_head(unique: int, length: int, error: int = 0) -> bytes:
    """Returns the header of an answer with ``length`` bytes behind it; ``error`` is a negative errno."""
    return _OUT_HEADER.pack(_OUT_HEADER.size + length, error, unique)


def dirent(ino: int, offset: int, name: bytes, kind: int) -> bytes:
    """Returns one entry of READDIR."""
    length = len(name)
    return _DIRENT.pack(ino, offset, length, kind) + name + bytes(-length % 8)


def direntplus(nodeid: int, attr: Attr, valid_s: int, offset: int, name: bytes, kind: int) -> bytes:
    """Returns one entry of READDIRPLUS; node 0 is an entry that the kernel must look up."""
    return entry_reply(nodeid, attr, valid_s) + dirent(attr.ino, offset, name, kind)


def direntplus_size(name: bytes) -> int:
    """Returns how many bytes :func:`direntplus` makes."""
    return _ENTRY.size + _DIRENT.size + len(name) + (-len(name) % 8)


def forgets(op: int, nodeid: int, body: memoryview) -> list[tuple[int, int]]:
    """Returns (node, lookups) of FORGET and BATCH_FORGET."""
    if op == Op.FORGET:
        return [(nodeid, fields("<Q", body)[0])]
    count = fields("<II", body)[0]
    if len(body) < 8 + 16 * count:
        raise ProtocolError("fewer entries than it says")
    return [struct.unpack_from("<QQ", body, 8 + 16 * place) for place in range(count)]


def inval_inode(nodeid: int, offset: int = 0) -> bytes:
    """Returns the notice that content from ``offset`` on, and attributes, changed; -1: attributes only."""
    body = struct.pack("<Qqq", nodeid, offset, 0)
    return _OUT_HEADER.pack(_OUT_HEADER.size + len(body), NOTIFY_INVAL_INODE, 0) + body
