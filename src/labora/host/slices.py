"""Short slices of processor time, so that whoever wakes for a moment does not wait for those who compute.

A scheduler lets a process run for a slice, some 3 ms, before one that has just woken gets its turn. A cell passes
through a chain of processes (control plane, agent, kernel, and back), each of which wakes, works for less than a
millisecond and sleeps; beside a neighbour that takes all processors each of them waits for a whole slice. With short
slices they wait for a short one. Nobody's share of the processors changes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct

SLICE_NS = 500_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
# struct sched_attr, first version: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def take_short_slices() -> None:
    """Asks for short slices for this thread and for all that it starts from now on.

    Linux 6.12 and later honour it; elsewhere nothing changes, and nothing fails.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    with contextlib.suppress(OSError):
        ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(attributes, len(attributes)), 0)
