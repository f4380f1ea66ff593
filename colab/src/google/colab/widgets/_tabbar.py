"""Tabs whose panels take output."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Iterator

from google.colab.errors import WidgetException
from google.colab.widgets._widget import OutputAreaWidget

_LAYOUTS = {"top": "column", "bottom": "column-reverse", "start": "row", "end": "row-reverse"}
_STYLE = """#{id} {{ display: flex; flex-direction: {layout}; gap: 8px; }}
#{id} > [role=tablist] {{ display: flex; flex-direction: {list}; flex-wrap: wrap; gap: 4px; align-content: start; }}
#{id} > [role=tablist] > button {{ font: inherit; color: inherit; cursor: pointer; padding: 4px 12px; min-height: 28px;
  border: 1px solid var(--colab-border-color, #8886); border-radius: 4px; background: none; }}
#{id} > [role=tablist] > button[aria-selected=true] {{ font-weight: 600;
  background: var(--colab-highlighted-surface-color, #8883); }}
#{id} > div:not([role=tablist]) {{ flex: 1; min-width: 0; }}"""
_SCRIPT = """(() => {
  const bar = document.getElementById('%s');
  if (!bar) return;
  const tabs = [...bar.querySelector('[role=tablist]').children];
  bar.laboraSelect = (at) => tabs.forEach((tab, index) => {
    tab.setAttribute('aria-selected', String(index === at));
    tab.tabIndex = index === at ? 0 : -1;
    document.getElementById(tab.getAttribute('aria-controls')).hidden = index !== at;
  });
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => bar.laboraSelect(at));
    tab.addEventListener('keydown', (event) => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (!step) return;
      event.preventDefault();
      const next = (at + step + tabs.length) %% tabs.length;
      bar.laboraSelect(next);
      tabs[next].focus();
    });
  });
  bar.laboraSelect(0);
})();"""


class TabBar(OutputAreaWidget):
    """Tabs, one shown at a time. ``with bar.output_to('name'):`` directs output into one.

    Args:
        tab_names: their names.
        location: where the names stand, ``top``, ``bottom``, ``start`` or ``end`` of the panels.

    Raises:
        ValueError: for another location.
    """

    def __init__(self, tab_names: Iterable[str], location: str = "top") -> None:
        super().__init__()
        if location not in _LAYOUTS:
            raise ValueError(f"Invalid value for location: {location}. It is one of {', '.join(_LAYOUTS)}.")
        self.tab_names = [str(name) for name in tab_names]
        self._location = location

    def _html(self) -> str:
        layout = _LAYOUTS[self._location]
        style = _STYLE.format(id=self._id, layout=layout, list="column" if "row" in layout else "row")
        upright = ' aria-orientation="vertical"' if "row" in layout else ""
        names = "".join(
            f'<button type="button" role="tab" id="{self._place(at, "tab")}" '
            f'aria-controls="{self._place(at, "panel")}">{html.escape(name)}</button>'
            for at, name in enumerate(self.tab_names)
        )
        panels = "".join(
            f'<div role="tabpanel" id="{self._place(at, "panel")}" aria-labelledby="{self._place(at, "tab")}" hidden>'
            f'<div id="{self._place(at)}"></div></div>'
            for at in range(len(self.tab_names))
        )
        return f'<style>{style}</style><div id="{self._id}"><div role="tablist"{upright}>{names}</div>{panels}</div>'

    def _script(self) -> str:
        return _SCRIPT % self._id

    def _index(self, tab: int | str) -> int:
        if isinstance(tab, str):
            if tab not in self.tab_names:
                raise WidgetException(f"There is no tab {tab!r}; there are {', '.join(self.tab_names)}.")
            return self.tab_names.index(tab)
        if not 0 <= tab < len(self.tab_names):
            raise WidgetException(f"There is no tab {tab}: there are {len(self.tab_names)}, counted from 0.")
        return tab

    @contextlib.contextmanager
    def output_to(self, tab: int | str, select: bool = True) -> Iterator[None]:
        """Directs output into a tab.

        Args:
            tab: its number, counted from 0, or its name.
            select: show that tab.

        Raises:
            WidgetException: there is none of this number or name.
        """
        at = self._index(tab)
        script = f"document.getElementById('{self._id}').laboraSelect({at});" if select else ""
        with self._output_to(self._place(at), script):
            yield

    def clear_tab(self, tab: int | str | None = None) -> None:
        """Empties a tab, by default the one that output goes into."""
        self._clear(None if tab is None else self._place(self._index(tab)))

    def __iter__(self) -> Iterator[str]:
        for at, name in enumerate(self.tab_names):
            with self.output_to(at):
                # Meanwhile one may also be chosen by hand.
                self._passing = True
                yield name
                self._passing = False
