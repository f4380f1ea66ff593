"""The vectors that hold the two event appliers together, read by the Python twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labora.base.errors import InvalidError
from labora.rooms.model import empty_state
from labora.rooms.state import apply_event

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "events.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_events_lead_to_the_state_of_the_vector(vector: dict[str, Any]) -> None:
    before = json.dumps(vector["before"])
    state = vector["before"]
    for event in vector["events"]:
        state = apply_event(state, event)
    assert state == vector["after"]
    assert json.dumps(vector["before"]) == before, "the state before must stay as it was"


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(InvalidError):
        apply_event(empty_state(), {"type": "surprise"})
