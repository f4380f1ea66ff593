"""How a live notebook wants to be saved, as it says in its own metadata."""

from __future__ import annotations

from labora.base.errors import ForbiddenError
from labora.notebook.privacy import SETTING, Settings, settings_of, with_setting
from labora.rooms.room import EMPTY_UPDATE, Room


def read_settings(room: Room) -> Settings:
    """Returns the settings of a notebook. Raises ForbiddenError for one that cannot be read."""
    document = room.require_document()
    return settings_of({key: document.metadata_value(key) for key in ("colab", SETTING)})


async def change_settings(
    room: Room, *, omit_outputs: bool | None, strip_personal: bool | None, author: str | None
) -> Settings:
    """Changes what is given and returns the settings then, once that is durable. The caller has checked access.

    Raises ForbiddenError for a notebook that nobody can edit, UnavailableError while the storage takes nothing.
    """
    document = room.require_document()
    if room.read_only_reason is not None:
        raise ForbiddenError(room.read_only_reason, code="read_only")
    await room.settled()
    metadata = document.metadata()
    wanted = [("colab", "private_outputs", omit_outputs), (SETTING, "strip_personal", strip_personal)]
    changes = {section: with_setting(metadata, section, key, on=on) for section, key, on in wanted if on is not None}
    # A section of which nothing is left goes, unless the file came with an empty one.
    gone = [section for section, members in changes.items() if not members and metadata.get(section)]
    kept = {key: value for key, value in changes.items() if value or metadata.get(key) is not None}
    update = document.set_metadata({key: value for key, value in kept.items() if key not in gone}, removed=gone)
    if update != EMPTY_UPDATE:
        room.add_update(update, author=author)
        await room.settled()
    return read_settings(room)
