"""What the root user of a runtime may do, beyond what anybody may: a package manager's needs and no more.

The capabilities count in the runtime's own user namespace only, over its own uids and files.
"""

from __future__ import annotations

CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
