"""Who may do what: rules and the only door to a File."""

from labora.access.model import ANONYMOUS, Ability, FileAccess, Grant, Principal, Reach, Role, Scope
from labora.access.query import access_file, access_rows, groups_of, no_such_file, visible

__all__ = [
    "ANONYMOUS",
    "Ability",
    "FileAccess",
    "Grant",
    "Principal",
    "Reach",
    "Role",
    "Scope",
    "access_file",
    "access_rows",
    "groups_of",
    "no_such_file",
    "visible",
]
