"""Addresses of ports: which runtime and which port a label of a content host stands for."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from labora.api.content import ContentLabels
from labora.base.errors import ForbiddenError

RESERVED = frozenset({53, 3128, 9000})
"""Ports on which a runtime's own services listen: its name server, its way out, and where programs ask the server."""
_LABEL = re.compile(r"p-([a-z2-7]{20})-([1-9][0-9]{0,4})-([a-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class Door:
    """A port of a runtime.

    Attributes:
        label: the first part of the name of its host, given to no other runtime or port, ever.
    """

    label: str
    runtime_id: str
    port: int


class PortLabels:
    """Makes and reads labels; 128 bits of HMAC say that one is ours, so none has to be remembered."""

    def __init__(self, labels: ContentLabels) -> None:
        self._labels = labels

    async def door(self, runtime_id: str, port: int) -> Door:
        """Returns the door of a port. Raises ForbiddenError for one that is no program's."""
        if not 1 <= port <= 65_535 or port in RESERVED:
            raise ForbiddenError("This port is not one of a program of yours.", code="port_refused")
        return Door(f"p-{runtime_id}-{port}-{await self._sign(runtime_id, port)}", runtime_id, port)

    async def read(self, label: str) -> Door | None:
        """Returns the door that :meth:`door` gave this label, or None."""
        found = _LABEL.fullmatch(label)
        if found is None:
            return None
        runtime_id, port = found[1], int(found[2])
        if port in RESERVED or not hmac.compare_digest(found[3], await self._sign(runtime_id, port)):
            return None
        return Door(label, runtime_id, port)

    async def sign(self, *subject: str) -> str:
        """Returns a signature over something else that belongs to a port."""
        return await self._labels.sign("port-grant", *subject)

    async def _sign(self, runtime_id: str, port: int) -> str:
        return await self._labels.sign("port-label", runtime_id, str(port))
