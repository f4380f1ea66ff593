"""The way from a route to the guest of the caller's runtime."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from labora.api.services import Services
from labora.base.errors import GoneError, InvalidError, UnavailableError
from labora.kernels.connection import GuestConnection
from labora.runtimes.model import Runtime


def living(services: Services, runtime: Runtime) -> GuestConnection:
    """Returns the connection to a runtime's guest.

    Raises:
        GoneError: the runtime has ended.
        UnavailableError: it is not ready yet.
    """
    if runtime.desired != "running":
        raise GoneError(runtime.message or "The runtime has ended.", code="runtime_ended")
    if runtime.status != "ready" or services.kernels is None:
        raise UnavailableError("The runtime is starting. Try again in a moment.", code="starting", retry_after=2)
    return services.kernels.connection(runtime)


async def told(answer: Awaitable[Any]) -> Any:
    """Returns what a guest answers. Raises UnavailableError where it was started by an older server."""
    try:
        return await answer
    except InvalidError as error:
        if error.error_code != "unknown_verb":
            raise
        raise UnavailableError(
            "This runtime was started by an older version and cannot do this. Delete it to start a fresh one.",
            code="runtime_outdated",
        ) from error
