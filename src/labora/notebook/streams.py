"""The text of one stream output while it grows: finished lines move into parts, the rest stays inline."""

from __future__ import annotations

from typing import Any

from labora.notebook.jsontext import without_lone_surrogates
from labora.notebook.model import Output, Store
from labora.notebook.operations import OutputOp, utf16_length
from labora.notebook.outputs import PART_CHARACTERS, cut_parts, stream_part
from labora.notebook.tags import Tags, tag, tags_of
from labora.notebook.terminal import Terminal
from labora.notebook.textdiff import common_prefix

_SHOWN_LIMIT = 3 * PART_CHARACTERS


class StreamText:
    """One stream output of a running execution."""

    def __init__(self, output_id: str, name: str, tags: Tags = frozenset()) -> None:
        self.name = name
        self.tags = tags
        self._id = output_id
        self._terminal = Terminal()
        self._pending: list[str] = []
        self._lines = ""
        """Finished lines behind the parts."""
        self._line = ""
        """The line that may still change."""
        self._parts: list[dict[str, Any]] = []
        self._cuts: list[str] = []
        """Texts of the parts that were made since the last commit."""
        self._shown = ""
        """The inline text as committed."""
        self._committed_parts = 0
        self._bytes = 0

    def feed(self, text: str) -> None:
        """Takes the next characters; they are worked in by :meth:`settle`."""
        self._pending.append(text)

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return self._bytes + len(self._line)

    def settle(self, store: Store, *, room: int, ends: bool) -> int:
        """Works pending characters in.

        Args:
            store: takes the parts.
            room: bytes that may be added.
            ends: the stream is over.

        Returns:
            How many bytes were left out because there was no room.
        """
        room += len(self._line)
        if self._pending:
            self._terminal.feed(without_lone_surrogates("".join(self._pending)))
            self._pending.clear()
        added = self._terminal.finish() if ends else self._terminal.take()
        self._line = self._terminal.line
        left_out = 0
        size = len(added) if added.isascii() else len(added.encode())
        if size + len(self._line) > room:
            kept = _whole_lines(added, max(0, room))
            left_out = size + len(self._line) - len(kept.encode())
            added, size = kept, len(kept.encode())
            self._terminal, self._line = Terminal(), ""
        self._bytes += size
        self._lines += added
        pieces, self._lines = cut_parts(self._lines)
        self._parts += [stream_part(piece, store) for piece in pieces]
        self._cuts += pieces
        return left_out

    def output(self) -> Output:
        """Returns the whole output, and counts it as committed."""
        self._shown = self._lines + self._line
        self._committed_parts = len(self._parts)
        self._cuts.clear()
        output: Output = {
            "id": self._id,
            "output_type": "stream",
            "name": self.name,
            "parts": list(self._parts),
            "text": self._shown,
        }
        tag(output, self.tags)
        return output

    def changes(self, at: int) -> list[OutputOp]:
        """Returns the operations since the last commit, and counts them as committed."""
        ops: list[OutputOp] = []
        text = "".join([*self._cuts, self._lines, self._line])
        shown = self._shown
        if self._cuts and len(text) > _SHOWN_LIMIT:
            # Too much to be sent only to be moved away: the parts take all that was shown, with what follows it.
            drop = utf16_length(shown)
            for part in self._parts[self._committed_parts :]:
                ops.append({"op": "spill", "at": at, "part": part, "drop": drop})
                drop = 0
            ops.append({"op": "text", "at": at, "keep": 0, "text": self._lines + self._line})
        else:
            same = common_prefix(shown, text)
            if same < len(shown) or same < len(text):
                ops.append({"op": "text", "at": at, "keep": utf16_length(text[:same]), "text": text[same:]})
            for part, cut in zip(self._parts[self._committed_parts :], self._cuts, strict=True):
                ops.append({"op": "spill", "at": at, "part": part, "drop": utf16_length(cut)})
        self.output()
        return ops

    def state(self) -> dict[str, Any]:
        """Returns, right after a commit, what the output does not tell."""
        return {"id": self._id, "bytes": self._bytes, "terminal": self._terminal.state()}

    @classmethod
    def restored(cls, output: Output, state: dict[str, Any]) -> StreamText:
        """Returns the stream that was committed as ``output`` and told ``state``."""
        self = cls(output["id"], output["name"], tags_of(output))
        text, length = output["text"], state["terminal"]["line"]
        self._parts, self._committed_parts = list(output["parts"]), len(output["parts"])
        self._lines, self._line = text[: len(text) - length], text[len(text) - length :]
        self._terminal = Terminal.restored(self._line, state["terminal"])
        self._shown, self._bytes = text, state["bytes"]
        return self


def _whole_lines(text: str, room: int) -> str:
    """Returns the beginning of ``text`` that fits into ``room`` bytes, up to the end of a line where there is one."""
    kept = text.encode()[:room].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] or kept
