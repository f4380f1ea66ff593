"""The system-call filter of a runtime, assembled as classic BPF without a library.

Deny list after Flatpak's (``flatpak-run.c``) and Docker's default profile; the README of this room states it in
words. A denied call answers EPERM, except the few that a C library tries first and falls back from (ENOSYS). A
foreign architecture (32-bit calls on a 64-bit kernel, x32) would walk around the numbers, so it is refused whole.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct

_LD_W_ABS = 0x20
_JEQ = 0x15
_JGE = 0x35
_JSET = 0x45
_AND = 0x54
_RET = 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000

_NR = 0
_ARCH = 4
_ARGS = 16  # low half of argument n lies at 16 + 8 n (little endian)

CLONE_NEWUSER = 0x10000000
CLONE_NEW_ANY = 0x02000000 | 0x04000000 | 0x08000000 | CLONE_NEWUSER | 0x20000000 | 0x40000000 | 0x00020000
TIOCSTI = 0x5412
TIOCLINUX = 0x541C

_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers: x86_64 from arch/x86/entry/syscalls/syscall_64.tbl, aarch64 from include/uapi/asm-generic/unistd.h.
# None: the architecture has no such call. ptrace and its kin stay: a debugger inside one's own sandbox is ordinary
# use, other runtimes' processes are not visible there, and the agent is not dumpable.
_DENY: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "listmount": (458, 458),
    "lookup_dcookie": (212, 18),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "statmount": (457, 457),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_IOCTL = (16, 29)
_SOCKET = (41, 198)
_SOCKETPAIR = (53, 199)
_CHROOT = "chroot"
# What a single-uid user namespace cannot do and a package's installation asks for: it is told that it was done.
_PRETEND: dict[str, tuple[int | None, int | None]] = {
    "chown": (92, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "lchown": (94, None),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "setgid": (106, 144),
    "setgroups": (116, 159),
    "setregid": (114, 143),
    "setresgid": (119, 149),
    "setresuid": (117, 147),
    "setreuid": (113, 145),
    "setuid": (105, 146),
}
# (numbers, which argument is the mode): devices are pretended, pipes and sockets are made.
_MKNOD: tuple[tuple[tuple[int | None, int | None], int], ...] = (((133, None), 1), ((259, 33), 2))
_DEVICE_BIT = 0x2000  # set in S_IFCHR and S_IFBLK, clear in S_IFIFO, S_IFSOCK and S_IFREG
_SYNC: dict[str, tuple[int | None, int | None]] = {
    "fdatasync": (75, 83),
    "fsync": (74, 82),
    "sync": (162, 81),
    "sync_file_range": (277, 84),
    "syncfs": (306, 267),
}
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)


def denied_names() -> list[str]:
    """Returns the names of the calls that are refused whatever their arguments, sorted."""
    return sorted(_DENY)


def _op(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, true, false, value)


def _refuse(number: int = errno.EPERM) -> bytes:
    return _op(_RET, _ERRNO | number)


def pretended_names() -> list[str]:
    """Returns the names of the calls that do nothing and succeed where ``assemble`` is asked to, sorted."""
    return sorted(_PRETEND)


def _pretend(calls: dict[str, tuple[int | None, int | None]], column: int) -> list[bytes]:
    numbers = [calls[name][column] for name in sorted(calls)]
    return [part for number in numbers if number is not None for part in (_op(_JEQ, number, 0, 1), _refuse(0))]


def assemble(
    machine: str | None = None, *, pretend_owners: bool = False, allow_chroot: bool = False, pretend_sync: bool = False
) -> bytes | None:
    """Returns the filter for ``bwrap --seccomp``.

    Args:
        machine: as ``uname -m`` says; this machine's by default.
        pretend_owners: chown, setuid and their kin, and mknod of devices, succeed without doing anything.
        allow_chroot: for sandboxes whose root has CAP_SYS_CHROOT in its own namespace.
        pretend_sync: nothing is forced to disk, for the making of images.

    Returns:
        The BPF program, or None for an architecture whose numbers are not written down here; the host then
        tells its operator so.
    """
    machine = machine or platform.machine()
    if machine not in _ARCHES:
        return None
    column = 0 if machine == "x86_64" else 1
    load_number = _op(_LD_W_ABS, _NR)
    program = [_op(_LD_W_ABS, _ARCH), _op(_JEQ, _ARCHES[machine], 1, 0), _op(_RET, _KILL), load_number]
    if machine == "x86_64":
        # x32 numbers carry bit 30; nothing but an attempt to dodge the list uses them.
        program += [_op(_JGE, 0x40000000, 0, 1), _refuse(errno.ENOSYS)]
    for name in denied_names():
        number = _DENY[name][column]
        if number is not None and not (allow_chroot and name == _CHROOT):
            program += [_op(_JEQ, number, 0, 1), _refuse()]
    if pretend_owners:
        program += _pretend(_PRETEND, column)
        for numbers, argument in _MKNOD:
            node = numbers[column]
            if node is not None:
                program += [_op(_JEQ, node, 0, 4), _op(_LD_W_ABS, _ARGS + 8 * argument)]
                program += [_op(_JSET, _DEVICE_BIT, 0, 1), _refuse(0), load_number]
    if pretend_sync:
        program += _pretend(_SYNC, column)
    # clone3 keeps its flags in memory, where a filter cannot look: the C library falls back to clone.
    program += [_op(_JEQ, _CLONE3[column], 0, 1), _refuse(errno.ENOSYS)]
    program += [_op(_JEQ, _CLONE[column], 0, 4), _op(_LD_W_ABS, _ARGS), _op(_JSET, CLONE_NEW_ANY, 0, 1), _refuse()]
    program += [load_number]
    # ioctl: the kernel looks at the low 32 bits of the request only.
    program += [_op(_JEQ, _IOCTL[column], 0, 5), _op(_LD_W_ABS, _ARGS + 8)]
    program += [_op(_JEQ, TIOCSTI, 1, 0), _op(_JEQ, TIOCLINUX, 0, 1), _refuse(), load_number]
    for number in (_SOCKET[column], _SOCKETPAIR[column]):
        families = [_op(_JEQ, family, len(_FAMILIES) - index, 0) for index, family in enumerate(_FAMILIES)]
        program += [_op(_JEQ, number, 0, len(_FAMILIES) + 3), _op(_LD_W_ABS, _ARGS), *families]
        program += [_refuse(errno.EAFNOSUPPORT), load_number]
    program += [_op(_RET, _ALLOW)]
    return b"".join(program)
