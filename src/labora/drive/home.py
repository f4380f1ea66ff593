"""What a new account finds in its drive: a folder of examples."""

from __future__ import annotations

from pathlib import Path

from labora.access import Principal, Scope
from labora.base.logging import get_logger
from labora.drive.service import Drive


def examples_dir() -> Path | None:
    """Returns the folder of examples: the one that the wheel carries, else of the checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "_bundled" / "examples", package.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    return None


class Home:
    """Makes My Drive for new accounts and puts the examples there."""

    def __init__(self, drive: Drive, examples: Path | None = None) -> None:
        self._drive = drive
        self._examples = examples or examples_dir()

    async def prepare(self, account_id: str) -> None:
        """Makes the account's My Drive with its examples; safe to repeat."""
        await self._drive.context.ensure_root(_principal(account_id))

    async def furnish(self, account_id: str) -> None:
        """Copies the examples into a My Drive that was just made. A broken example never fails a sign-up."""
        if self._examples is None:
            return
        principal = _principal(account_id)
        notebooks = sorted(self._examples.glob("*.ipynb"))
        if not notebooks:
            return
        try:
            folder = await self._drive.create_folder(principal, "Examples")
            for path in notebooks:
                await self._drive.create_notebook(principal, path.name, folder.id, content=path.read_bytes())
        except Exception as error:  # noqa: BLE001 - the account is worth more than its examples
            get_logger("drive").error("examples not copied", error=repr(error))


def _principal(account_id: str) -> Principal:
    return Principal(account_id, scopes=frozenset({Scope.READ, Scope.WRITE}))
