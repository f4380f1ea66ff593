"""The loop against what no kernel sends: whatever is read, it answers or drops, and goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from labora.mount import fuse
from labora.mount.committer import Committer
from labora.mount.content import Stages
from labora.mount.filesystem import FileSystem
from labora.mount.fuse import Op
from labora.mount.nodes import new_row
from labora.mount.remote import Remote
from labora.mount.session import Session
from labora.mount.tree import Tree


def packet(op, nodeid, body, unique=7):
    return struct.pack("<IIQQIIIHH", 40 + len(body), op, unique, nodeid, 0, 0, 0, 0, 0) + body


class Answers(Remote):
    """A control plane that has an empty drive, and answers at once."""

    async def stream(self, verb, args, descriptors=(), *, wait_s=0.0):
        if verb == "stage":
            fds = [os.memfd_create("stage") for _ in range(args["count"])]
            yield {"ids": [str(number) for number in range(args["count"])]}, fds
        elif verb == "list":
            yield {"rows": [], "etag": "1"}, []
        elif verb == "find":
            yield {"row": None}, []
        elif verb == "stat":
            yield {"rows": {}}, []
        elif verb == "usage":
            yield {"total": 1 << 40, "free": 1 << 40}, []
        else:
            raise OSError(5, "no")


class Loop:
    """A session whose device is a socket."""

    def __init__(self):
        self.ours, theirs = os.pipe(), os.pipe()
        self.answers = theirs[0]
        tree = Tree(Answers(None), new_row("home", "folder", "MyDrive"))
        self.system = FileSystem(tree, Stages(tree.remote), Committer(tree), readonly=False, limit=1 << 30)
        self.session = Session(theirs[1], self.system.handlers(), tree.nodes.forget)
        os.set_blocking(self.answers, False)
        self.theirs = theirs

    async def tell(self, data):
        """Gives the session one packet; returns what it answered."""
        self.session.take(memoryview(data))
        async with asyncio.timeout(60):
            await asyncio.gather(*(task for _, task in self.session._pending.values()))
        try:
            return os.read(self.answers, 1 << 16)
        except BlockingIOError:
            return b""

    def close(self):
        for fd in (*self.ours, *self.theirs):
            os.close(fd)


ops = st.one_of(st.sampled_from([int(op) for op in Op]), st.integers(0, 2**32 - 1))
numbers = st.one_of(st.integers(0, 10), st.integers(0, 2**64 - 1))
bodies = st.one_of(
    st.binary(max_size=200),
    st.lists(numbers, max_size=6).map(lambda values: b"".join(struct.pack("<Q", value) for value in values)),
    st.tuples(st.binary(min_size=0, max_size=32), st.text(max_size=30)).map(
        lambda p: p[0] + p[1].encode("utf-8", "replace") + b"\0"
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(ops, numbers, bodies), max_size=12))
def test_any_requests_are_survived_and_answered_once(requests):
    async def run():
        loop = Loop()
        await loop.tell(packet(Op.INIT, 0, struct.pack("<IIII", 7, 40, 65536, 0xFFFFFFFF) + bytes(48)))
        for op, nodeid, body in requests:
            answer = await loop.tell(packet(op, nodeid, body))
            if op in (Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT):
                assert answer == b""
            else:
                length, error, unique = struct.unpack_from("<IiQ", answer)
                assert (length, unique) == (len(answer), 7)
                assert -4096 < error <= 0
                assert error == 0 or length == 16
        loop.close()

    asyncio.run(run())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_what_has_no_header_is_dropped(data):
    async def run():
        loop = Loop()
        await loop.tell(data)
        answer = await loop.tell(packet(Op.GETATTR, 1, bytes(16), unique=9))
        assert answer[-104:][:8] == struct.pack("<Q", 1)
        loop.close()

    asyncio.run(run())


async def test_a_node_lives_exactly_as_long_as_the_kernel_knows_it():
    loop = Loop()
    nodes = loop.system.nodes
    for _ in range(3):
        answer = await loop.tell(packet(Op.LOOKUP, 1, b"MyDrive\0"))
    (nodeid,) = struct.unpack_from("<Q", answer, 16)
    assert nodes.get(nodeid).lookups == 3
    await loop.tell(packet(Op.FORGET, nodeid, struct.pack("<Q", 2)))
    assert nodes.get(nodeid) is not None
    await loop.tell(packet(Op.BATCH_FORGET, 0, struct.pack("<IIQQQQ", 2, 0, nodeid, 1, 999, 5)))
    assert nodes.get(nodeid) is None
    loop.close()


async def test_names_and_sizes_beyond_what_can_be_are_refused():
    loop = Loop()
    for body in (b"", b"\0", b"no end", b"a\0b\0"):
        (_, error, _) = struct.unpack_from("<IiQ", await loop.tell(packet(Op.LOOKUP, 1, body)))
        assert error == -22
    (_, error, _) = struct.unpack_from("<IiQ", await loop.tell(packet(Op.LOOKUP, 1, b"x" * 300 + b"\0")))
    assert error == -36
    read = struct.pack("<QQIIQII", 1, 1 << 63, 4096, 0, 0, 0, 0)
    (_, error, _) = struct.unpack_from("<IiQ", await loop.tell(packet(Op.READ, 1, read)))
    assert error == -22
    loop.close()


def test_layouts_are_those_of_the_kernel():
    attr = fuse.Attr(1, 5, 0o100644, 1_500_000_000, 0)
    assert len(fuse.attr_reply(attr, 1)) == 104
    assert len(fuse.entry_reply(2, attr, 1)) == len(fuse.absent_reply(1)) == 128
    assert len(fuse.init_reply(fuse.Init(7, 40, 0, 0, passthrough=False), passthrough=False)) == 64
    assert len(fuse.statfs_reply(1, 1, 1)) == 80
    assert len(fuse.direntplus(2, attr, 1, 1, b"name", 8)) == fuse.direntplus_size(b"name") == 128 + 24 + 8


async def test_a_request_that_is_interrupted_in_the_same_read_is_answered():
    loop = Loop()
    await loop.tell(packet(Op.INIT, 0, struct.pack("<IIII", 7, 40, 65536, 0xFFFFFFFF) + bytes(48)))
    loop.session.take(memoryview(packet(Op.STATFS, 1, b"", unique=11)))
    loop.session.take(memoryview(packet(Op.INTERRUPT, 0, struct.pack("<Q", 11), unique=12)))
    for _ in range(5):
        await asyncio.sleep(0)
    length, error, unique = struct.unpack_from("<IiQ", os.read(loop.answers, 1 << 16))
    assert (length, error, unique) == (16, -errno.EINTR, 11)
    assert not loop.session._pending
    loop.close()
