"""The system-call filter, run by a small interpreter of classic BPF for both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from labora.host import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def judge(machine, number, *arguments, arch=None, **profile):
    """Runs the filter over one call and returns its verdict."""
    data = struct.pack("<IIQ6Q", number, arch or AUDIT[machine], 0, *[*arguments, *[0] * (6 - len(arguments))])
    text = seccomp.assemble(machine, **profile)
    program = [struct.unpack_from("<HBBI", text, at) for at in range(0, len(text), 8)]
    at, value = 0, 0
    while True:
        code, true, false, k = program[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, k)
        elif code == 0x15:
            at += true if value == k else false
        elif code == 0x35:
            at += true if value >= k else false
        elif code == 0x45:
            at += true if value & k else false
        elif code == 0x06:
            return k
        else:
            raise AssertionError(f"unexpected instruction {code:#x}")


_CALLS = ("read", "execve", "clone", "clone3", "ioctl", "socket", "mount", "ptrace")
NUMBERS = {
    "x86_64": dict(zip(_CALLS, (0, 59, 56, 435, 16, 41, 165, 101), strict=True)),
    "aarch64": dict(zip(_CALLS, (63, 221, 220, 435, 29, 198, 40, 117), strict=True)),
}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_kind_of_call_gets_its_verdict(machine):
    number = NUMBERS[machine]
    assert judge(machine, number["read"], 0) == ALLOW
    assert judge(machine, number["execve"]) == ALLOW
    assert judge(machine, number["ptrace"]) == ALLOW
    assert judge(machine, number["mount"]) == EPERM
    assert judge(machine, number["clone3"]) == ENOSYS
    assert judge(machine, number["clone"], 0x1200011) == ALLOW
    assert judge(machine, number["clone"], 0x10000011) == EPERM
    assert judge(machine, number["clone"], 0x20000 | 17) == EPERM
    assert judge(machine, number["ioctl"], 0, 0x5401) == ALLOW
    assert judge(machine, number["ioctl"], 0, 0x5412) == EPERM
    assert judge(machine, number["ioctl"], 0, 0x5412 | 1 << 32) == EPERM
    assert judge(machine, number["socket"], 2) == ALLOW
    assert judge(machine, number["socket"], 40) == 0x50000 | errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_foreign_architecture_ends_the_process(machine):
    assert judge(machine, 0, arch=0x40000003) == KILL


def test_x32_numbers_do_not_slip_by():
    assert judge("x86_64", 0x40000000 | 165) == ENOSYS


def test_an_unknown_machine_has_no_filter():
    assert seccomp.assemble("riscv64") is None


# chown or fchown, setuid, chroot, mknodat, fsync
OWNERS = {"x86_64": (92, 105, 161, 259, 74), "aarch64": (55, 146, 51, 33, 82)}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_owners_are_pretended_only_where_asked_for_and_pipes_are_made(machine):
    chown, setuid, chroot, mknodat, fsync = OWNERS[machine]
    done = 0x50000  # errno 0: the call does nothing and succeeds
    for number in (chown, setuid):
        assert judge(machine, number, 0, 33) == ALLOW
        assert judge(machine, number, 0, 33, pretend_owners=True) == done
    for kind, verdict in ((0o020000, done), (0o060000, done), (0o010000, ALLOW), (0o140000, ALLOW), (0o100000, ALLOW)):
        assert judge(machine, mknodat, 0, 0, kind | 0o644, pretend_owners=True) == verdict
    assert judge(machine, chroot) == EPERM
    assert judge(machine, chroot, pretend_owners=True) == EPERM
    assert judge(machine, chroot, allow_chroot=True) == ALLOW
    assert judge(machine, fsync, 3, pretend_owners=True) == ALLOW
    assert judge(machine, fsync, 3, pretend_sync=True) == done
    assert judge(machine, NUMBERS[machine]["mount"], pretend_owners=True, allow_chroot=True) == EPERM
