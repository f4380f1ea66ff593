"""Has data sets fetched in processes of their own: what they unpack and check takes whole seconds of a processor."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from labora.base.errors import InvalidError
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.datasets import Shelf, Standing


class Datasets:
    """The shelf, and the fetches that this server has begun. An interrupted one goes on when it is asked for again.

    Args:
        settings: where the shelf and the operator's manifests lie.
    """

    def __init__(self, settings: Settings) -> None:
        self.shelf = Shelf(settings.images_dir, settings.manifests_dir)
        self._words = (str(settings.images_dir), str(settings.manifests_dir))
        self._running: dict[str, asyncio.Task[None]] = {}

    async def fetch(self, name: str) -> Standing:
        """Begins a fetch unless it is held or under way. Returns how it stands then.

        Raises:
            InvalidError: it comes with a package.
            NotFoundError: it is not in the catalogue.
        """
        dataset = await asyncio.to_thread(self.shelf.get, name)
        standing = await asyncio.to_thread(self.shelf.standing, dataset)
        if standing.state == "included":
            raise InvalidError(f"{dataset.title} comes with {dataset.package}; there is nothing to fetch.")
        if standing.state in ("held", "fetching"):
            return standing
        if name not in self._running:
            task = self._running[name] = asyncio.create_task(self._fetch(name), name=f"dataset-{name}")
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return Standing(dataset, "fetching")

    async def standings(self) -> list[Standing]:
        """Returns the catalogue as it stands."""
        found, problems = await asyncio.to_thread(self.shelf.all)
        for problem in problems:
            get_logger("api").warning("manifest", problem=problem)
        return [
            # A fetch that begins or has just failed; one that still writes for libraries is held.
            Standing(one.dataset, "fetching")
            if one.dataset.name in self._running and one.state in ("missing", "failed")
            else one
            for one in found
        ]

    async def close(self) -> None:
        """Ends fetches; what they have so far stays."""
        for task in list(self._running.values()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _fetch(self, name: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "labora.datasets", *self._words, name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",
        )
        try:
            said, _ = await process.communicate()
            if said:
                get_logger("api").warning("dataset", name=name, said=said.decode(errors="replace").strip()[-2000:])
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
