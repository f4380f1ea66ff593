"""Pure: whether a cell's output is live for an account, so that its frame may act (docs/protocols.md, section 8)."""

from __future__ import annotations

from typing import Any

from labora.base.errors import ForbiddenError
from labora.rooms.model import RoomState


def is_live(state: RoomState, account_id: str, execution_id: Any) -> bool:
    """Returns whether an execution is the account's own, owns its cell's slot and is of its kernel's present life.

    Args:
        state: the room as the account sees it.
        account_id: who wants to act.
        execution_id: as a client sent it.
    """
    execution = state["executions"].get(execution_id) if isinstance(execution_id, str) else None
    runtime = state["runtimes"].get(account_id)
    if execution is None or runtime is None or execution["account"]["id"] != account_id:
        return False
    cell = state["cells"].get(execution["cell_id"])
    if cell is None or cell["execution_id"] != execution_id:
        return False
    if runtime["status"] != "ready" or runtime["kernel"] not in ("idle", "busy"):
        return False
    life = execution.get("life")
    return life is not None and (execution["runtime_id"], life) == (runtime["runtime_id"], runtime.get("life"))


def require_live(state: RoomState, account_id: str, execution_id: Any) -> str:
    """Returns the execution's id. Raises ForbiddenError ``not_live``."""
    if not is_live(state, account_id, execution_id):
        raise ForbiddenError(
            "This output can only be looked at: it was saved, made by somebody else, or made before your kernel was "
            "restarted. Run its cell to use it.",
            code="not_live",
        )
    return str(execution_id)
