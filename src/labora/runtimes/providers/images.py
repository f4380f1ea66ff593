"""The default image of this machine, prepared once in the background."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labora.base.errors import NotFoundError
from labora.host.image import ImageProgress, Recipe, image_identity, image_status, prepare_image

DEFAULT_IMAGE = "python"

Listener = Callable[[str, float | None], None]


class DefaultImages:
    """Prepares the default Python image when it is first asked for, or when :meth:`begin` is called.

    Args:
        images_dir: folder of images.
        recipe: what the image is made of.
    """

    def __init__(self, images_dir: Path, recipe: Recipe) -> None:
        self._dir = images_dir
        self._recipe = recipe
        self._work: asyncio.Future[Path] | None = None
        self._listeners: set[Listener] = set()

    def begin(self) -> asyncio.Future[Path]:
        """Starts the preparation unless it runs or has succeeded; the future holds the image's folder."""
        work = self._work
        if work is None or (work.done() and (work.cancelled() or work.exception() is not None)):
            loop = asyncio.get_running_loop()
            work = self._work = loop.create_future()
            # A failure is kept for the next who asks, and shown by status(); nobody need be waiting now.
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            # A daemon thread: stopping the server must not wait for minutes of downloads.
            threading.Thread(target=self._prepare, args=(loop, work), name="image", daemon=True).start()
        return work

    async def ready(self, name: str, progress: Listener) -> Path:
        """Waits until an image is prepared and returns its folder, telling progress meanwhile.

        Raises:
            NotFoundError: ``unknown_image``.
            UnavailableError: ``image_failed``; the message says what to do.
        """
        if name != DEFAULT_IMAGE:
            raise NotFoundError(f"There is no image named {name}.", code="unknown_image")
        self._listeners.add(progress)
        try:
            return await asyncio.shield(self.begin())
        finally:
            self._listeners.discard(progress)

    async def identity(self, name: str) -> str | None:
        """Returns what changes when the image is made anew; None while it is not ready."""
        if name != DEFAULT_IMAGE:
            return None
        return await asyncio.to_thread(image_identity, self._dir, self._recipe)

    async def statuses(self) -> list[dict[str, Any]]:
        """Returns what ``GET /images`` shows."""
        status = await asyncio.to_thread(image_status, self._dir, self._recipe)
        return [{**status.as_json(), "name": DEFAULT_IMAGE}]

    def _prepare(self, loop: asyncio.AbstractEventLoop, work: asyncio.Future[Path]) -> None:
        def settle(folder: Path | None, error: Exception | None) -> None:
            if work.done():
                return
            if error is not None:
                work.set_exception(error)
            elif folder is not None:
                work.set_result(folder)

        def tell(step: ImageProgress) -> None:
            for listener in list(self._listeners):
                listener(step.label, step.fraction)

        def in_loop(call: Callable[..., None], *args: object) -> None:
            # The loop may have ended before this thread.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(call, *args)

        try:
            folder = prepare_image(self._dir, self._recipe, lambda step: in_loop(tell, step))
        except Exception as error:  # noqa: BLE001 - carried to whoever waits
            in_loop(settle, None, error)
        else:
            in_loop(settle, folder, None)
