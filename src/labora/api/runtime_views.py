"""Joins what runtimes, guests, rooms and the drive know of one runtime into the answer of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from labora.access import Principal
from labora.api.runtime_models import KernelAnswer, Limits, Meter, RuntimeAccount, RuntimeAnswer
from labora.api.services import Services
from labora.base.clock import timestamp
from labora.base.errors import LaboraError, UnavailableError
from labora.rooms import NotebookKernel
from labora.runtimes.meters import Meter as RuntimeMeter
from labora.runtimes.model import Runtime
from labora.runtimes.policy import Allowance
from labora.runtimes.service import Runtimes


def runtimes_of(services: Services) -> Runtimes:
    """Returns the runtimes. Raises UnavailableError on a server that runs no code."""
    if services.runtimes is None:
        raise UnavailableError("This server runs no code.", code="no_compute")
    return services.runtimes


class RuntimeViews:
    """Answers about runtimes for one caller, who sees only the names of notebooks that they may read.

    Args:
        accounts: names of accounts by id, for the owner's list; None leaves them out.
    """

    def __init__(
        self, services: Services, caller: Principal, accounts: Mapping[str, RuntimeAccount] | None = None
    ) -> None:
        self._services = services
        self._caller = caller
        self._accounts = accounts

    async def of(self, found: Sequence[Runtime]) -> list[RuntimeAnswer]:
        """Returns the answers, in the order given."""
        allowed = await runtimes_of(self._services).policies.of_all({runtime.account_id for runtime in found})
        rooms = self._services.rooms
        kernels = rooms.overview.kernels() if rooms is not None else []
        by_runtime = {runtime.id: [one for one in kernels if one.runtime_id == runtime.id] for runtime in found}
        return list(
            await asyncio.gather(
                *(self._one(runtime, allowed[runtime.account_id], by_runtime[runtime.id]) for runtime in found)
            )
        )

    async def _one(self, runtime: Runtime, allowance: Allowance, kernels: Sequence[NotebookKernel]) -> RuntimeAnswer:
        meters = self._services.meters
        meter = await meters.read(runtime) if meters is not None else None
        idle_since = _idle_since(runtime, kernels, meter)
        idle_ends = None if idle_since is None else idle_since + timedelta(seconds=allowance.idle_timeout_s)
        shape = runtime.shape
        return RuntimeAnswer(
            id=runtime.id,
            image=runtime.image,
            status=runtime.status,
            isolation=runtime.isolation,
            created_at=timestamp(runtime.created_at),
            started_at=_text(runtime.started_at),
            last_execution_at=_text(runtime.last_execution_at),
            last_input_at=_text(runtime.last_input_at),
            idle_since=_text(idle_since),
            idle_ends_at=_text(idle_ends),
            deadline_at=_text(runtime.deadline_at),
            ends_at=_text(runtime.ends_at),
            ends_reason=runtime.ends_reason.value if runtime.ends_reason else None,
            limits=Limits(
                memory_bytes=shape.memory_bytes,
                cpus=shape.cpus,
                processes=shape.processes,
                disk_bytes=shape.disk_bytes,
            ),
            meter=None if meter is None else Meter.of(meter),
            kernels=[await self._kernel(kernel, meter) for kernel in kernels],
            account=(self._accounts or {}).get(runtime.account_id),
        )

    async def _kernel(self, kernel: NotebookKernel, meter: RuntimeMeter | None) -> KernelAnswer:
        used = {use.kernel_id: use for use in meter.kernels} if meter is not None else {}
        return KernelAnswer.of(kernel, await self._name(kernel.file_id), used.get(kernel.kernel_id))

    async def _name(self, file_id: str) -> str | None:
        try:
            return (await self._services.drive.get(self._caller, file_id)).name
        except LaboraError:
            # It is no longer shared with them, or it is somebody's of whom the owner sees nothing but the runtime.
            return None


def _idle_since(runtime: Runtime, kernels: Sequence[NotebookKernel], meter: RuntimeMeter | None) -> datetime | None:
    """Returns since when nothing has run and nobody has used the runtime; None while a kernel is at work."""
    busy = any(kernel.kernel in ("busy", "starting", "restarting") for kernel in kernels)
    busy = busy or (meter is not None and any(use.status in ("busy", "starting") for use in meter.kernels))
    if busy or runtime.status != "ready":
        return None
    known = (runtime.started_at, runtime.last_execution_at, runtime.last_input_at)
    return max(moment for moment in known if moment is not None) if any(known) else None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
