"""What grids and bars of tabs have in common."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from google.colab.errors import WidgetException
from google.colab.output import _area, _publish, _tags


class OutputAreaWidget:
    """Something with places that output can be directed to. It is shown once there is output for it.

    All that it shows carries its id as a tag, and that of the place it lies in.
    """

    def __init__(self) -> None:
        self._id = f"id-{uuid.uuid4().hex}"
        self._published = False
        self._inside: str | None = None
        self._passing = False

    def _html(self) -> str:
        """Returns what it looks like, with an element for each place."""
        raise NotImplementedError

    def _script(self) -> str:
        """Returns what makes it work."""
        return ""

    def _publish(self) -> None:
        """Shows it, where it is not shown yet."""
        if self._published:
            return
        self._published = True
        with _tags.use_tags(self._id):
            _publish.html(self._html())
            if self._script():
                _publish.javascript(self._script())

    def _place(self, *where: object) -> str:
        return "-".join([self._id, *map(str, where)])

    @contextlib.contextmanager
    def _output_to(self, place: str, script: str = "") -> Iterator[None]:
        """Directs output into a place. Raises WidgetException where it goes into another place already."""
        if self._inside is not None and not self._passing:
            raise WidgetException("Already inside a component")
        self._publish()
        before = self._inside, self._passing
        self._inside, self._passing = place, False
        try:
            with _tags.use_tags([self._id, place]), _area.redirect_to_element(f"#{place}"):
                if script:
                    _publish.javascript(script)
                with _tags.use_tags(f"{place}-content"):
                    yield
        finally:
            self._inside, self._passing = before

    def _clear(self, place: str | None) -> None:
        """Takes away what is shown in a place, by default the one that output goes into."""
        place = place or self._inside
        if place is None:
            raise WidgetException("Say which one, or do it within output_to().")
        # What directs the output belongs to the place too, and stays while output goes there.
        _tags.clear(output_tags=[self._id, f"{place}-content" if place == self._inside else place])

    def remove(self, wait: bool = False) -> None:
        """Takes all of it away.

        Args:
            wait: once there is something new to show.
        """
        if self._inside is not None:
            raise WidgetException("It cannot be removed while output goes into it.")
        _tags.clear(wait, output_tags=self._id)
        self._published = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"
