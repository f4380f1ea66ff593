"""Tags of outputs, by which a program clears some of what a cell shows.

A display whose metadata has ``outputarea`` changes the tags of what follows it; ``clear_output`` with ``output_tags``
removes outputs that have all of these. As Colaboratory's kernels and pages say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labora.notebook.model import Output

TAGS = "$tags"
"""Where an output keeps its tags; displays write them into their metadata too."""
_MAX_TAGS = 64
_MAX_LENGTH = 200

Tags = frozenset[str]


def _tags(value: Any) -> Tags:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(tag for tag in value[:_MAX_TAGS] if isinstance(tag, str) and 0 < len(tag) <= _MAX_LENGTH)


def retagged(active: Tags, metadata: Mapping[str, Any]) -> Tags | None:
    """Returns the tags in use after a display with this metadata; None when it says nothing about them."""
    area = metadata.get("outputarea")
    if not isinstance(area, dict) or not ("add_tags" in area or "remove_tags" in area):
        return None
    return frozenset(sorted((active | _tags(area.get("add_tags"))) - _tags(area.get("remove_tags")))[:_MAX_TAGS])


def tags_to_clear(content: Mapping[str, Any]) -> Tags:
    """Returns which outputs a ``clear_output`` is about; none: all of them."""
    return _tags(content.get("output_tags"))


def tags_of(output: Output) -> Tags:
    """Returns an output's tags: those that it was given here, or came with."""
    metadata = output.get("metadata")
    return _tags(output.get(TAGS, metadata.get("tags") if isinstance(metadata, dict) else None))


def tag(output: Output, tags: Tags) -> None:
    """Gives an output its tags."""
    if not tags:
        return
    output[TAGS] = sorted(tags)
    if isinstance(output.get("metadata"), dict):
        output["metadata"] = {"tags": sorted(tags), **output["metadata"]}
