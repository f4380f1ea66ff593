"""The way from a route to the guest of the caller's runtime."""

from __future__ import annotations

from labora.api.services import Services
from labora.base.errors import GoneError, UnavailableError
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
