"""One start of a runtime, tried again while the host is away or the image is not ready."""

from __future__ import annotations

import asyncio
import time

from labora.base.errors import UnavailableError
from labora.base.settings import RuntimeSettings
from labora.runtimes.model import ProviderHandle, Runtime, RuntimeSpec
from labora.runtimes.ports import ProgressCallback, Provider

HOST_GRACE_S = 60.0
"""The provider's own deadline lies behind ours, so that the ordinary end comes with warning and reason."""
HOST_PATIENCE_S = 60.0
"""A host that was killed on a busy machine takes a while to come back and to adopt what runs."""
RETRIED = ("host_unreachable", "image_not_ready")


def environment_of(settings: RuntimeSettings) -> dict[str, str]:
    """Returns the variables that every runtime starts with."""
    return {**settings.environment, "LABORA_SPOOL_BYTES": str(settings.spool_bytes)}


def spec_of(runtime: Runtime, settings: RuntimeSettings) -> RuntimeSpec:
    """Returns what the provider needs to start ``runtime``."""
    return RuntimeSpec(
        runtime_id=runtime.id,
        generation=runtime.generation,
        account_id=runtime.account_id,
        image=runtime.image,
        shape=runtime.shape,
        key=runtime.key,
        deadline=(runtime.deadline_at or runtime.created_at).timestamp() + HOST_GRACE_S,
        env=environment_of(settings),
    )


async def start_with_retries(provider: Provider, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
    """Starts a runtime. Raises what the provider raises when it is not worth another try, or not after a minute."""
    until, pause = time.monotonic() + HOST_PATIENCE_S, 0.25
    while True:
        try:
            return await provider.start(spec, progress)
        except UnavailableError as error:
            pause = error.retry_after or min(2 * pause, 8.0)
            if error.error_code not in RETRIED or time.monotonic() + pause > until:
                raise
        await asyncio.sleep(pause)
