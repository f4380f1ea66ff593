"""Elements of a cell's output as objects of Python."""

from __future__ import annotations

import html as _html
import mimetypes
import pathlib
import re
import uuid
from collections.abc import Mapping
from typing import Any, Callable

__all__ = ["Element", "create_resource"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_ATTRIBUTE = re.compile(r"[^\s\"'<>/=\x00-\x1f]+\Z")
_FIND = """(() => {
  const found = document.getElementById(%s);
  if (found) return found;
  for (let i = 0; i < window.parent.frames.length; i += 1) {
    try {
      const other = window.parent.frames[i].document.getElementById(%s);
      if (other) return other;
    } catch { /* of another origin */ }
  }
  throw new Error('The element is not shown.');
})()"""
_SETUP = """(() => {
  const element = document.getElementById(%s);
  Object.assign(element, %s);
%s
})();"""
_CALL_PYTHON = """((event) => {
  const plain = (value) => ['string', 'number', 'boolean'].includes(typeof value);
  const detail = {type: event.type};
  for (const key in event) if (plain(event[key])) detail[key] = event[key];
  if (event.target && plain(event.target.value)) detail.value = event.target.value;
  google.colab.kernel.invokeFunction(%s, [detail], {});
})"""


def _literal(value: Any) -> str:
    from google.colab.output import _js

    return _js._literal(value)


class Element:
    """An element of HTML. It is shown as a cell's result, by ``display``, or within another one.

    What is set before it is shown comes with it; what is set afterwards changes it in the page, and what is asked for
    is asked of the page.

    Args:
        tag: such as ``button``.
        attributes: of the element.
        properties: of the object that JavaScript has of it.
        src: a script to load before, for elements that it defines.

    Raises:
        ValueError: ``tag`` is no name of an element.
    """

    def __init__(
        self,
        tag: str,
        attributes: Mapping[str, str] | None = None,
        properties: Mapping[str, Any] | None = None,
        src: str | None = None,
    ) -> None:
        if not isinstance(tag, str) or not _NAME.match(tag):
            raise ValueError(f"Invalid tag: {tag!r}")
        self._tag, self._src = tag, src
        self._guid = f"element-{uuid.uuid4().hex}"
        self._attributes = {_attribute(name): str(value) for name, value in (attributes or {}).items()}
        self._properties = dict(properties or {})
        self._children: list[Element | str] = []
        self._listeners: dict[str, list[tuple[Any, str]]] = {}
        self._shown = False

    def get_attribute(self, name: str) -> str | None:
        """Returns an attribute, or None."""
        if self._shown:
            value = self._eval(f"getAttribute({_literal(_attribute(name))})")
            return None if value is None else str(value)
        return self._attributes.get(name)

    def set_attribute(self, name: str, value: str) -> None:
        """Sets an attribute."""
        self._attributes[_attribute(name)] = str(value)
        if self._shown:
            self._do(f".setAttribute({_literal(name)}, {_literal(str(value))})")

    def get_property(self, name: str) -> Any:
        """Returns a property, as far as JSON can say it."""
        return self._eval_raw(f"[{_literal(name)}]") if self._shown else self._properties.get(name)

    def set_property(self, name: str, value: Any) -> None:
        """Sets a property; ``value`` is what JSON can say."""
        self._properties[name] = value
        if self._shown:
            self._do(f"[{_literal(name)}] = {_literal(value)}")

    def call(self, name: str, *args: Any) -> Any:
        """Calls a method of the shown element and returns what it gives. Raises ValueError before it is shown."""
        if not self._shown:
            raise ValueError("The element is not shown yet: display it first.")
        return self._eval_raw(f"[{_literal(name)}]({', '.join(map(_literal, args))})")

    def append_child(self, child: Element | str) -> None:
        """Puts an element or a text behind what is in it. Raises ValueError once it is shown."""
        if self._shown:
            raise ValueError("The element is shown already: put everything into it before.")
        self._children.append(child)

    def add_event_listener(self, name: str, callback: Callable[[Any], Any] | str) -> None:
        """Calls a function of Python with the event's plain values, or evaluates JavaScript, at an event."""
        if callable(callback):
            from google.colab import output

            target = f"{self._guid}-{name}-{len(self._listeners.get(name, []))}"
            output.register_callback(target, callback)
            script = _CALL_PYTHON % _literal(target)
        else:
            script = f"(function (event) {{ {callback} }})"
        kept = f"labora_{uuid.uuid4().hex}"
        self._listeners.setdefault(name, []).append((callback, f"{kept}\n{script}"))
        if self._shown:
            self._do_all(self._listening(name, kept, script, "ELEMENT"))

    def remove_event_listener(self, name: str, callback: Callable[[Any], Any] | str) -> None:
        """Takes back :meth:`add_event_listener`. Raises ValueError for what was not added."""
        for entry in self._listeners.get(name, []):
            if entry[0] == callback:
                self._listeners[name].remove(entry)
                kept = entry[1].partition("\n")[0]
                if self._shown:
                    self._do(f".removeEventListener({_literal(name)}, window[{_literal(kept)}])")
                return
        raise ValueError(f"This is no listener of {name}.")

    def _repr_html_(self) -> str:
        self._shown = True
        markup, scripts = self._parts()
        source = f'<script src="{_html.escape(self._src)}"></script>' if self._src else ""
        # A script must not end early in what is written into it.
        return f"{source}{markup}<script>{scripts}</script>"

    def _parts(self) -> tuple[str, str]:
        self._shown = True
        attributes = {**self._attributes, "id": self._guid}
        written = "".join(f' {name}="{_html.escape(value)}"' for name, value in attributes.items())
        inner, scripts = [], []
        for child in self._children:
            if isinstance(child, Element):
                markup, script = child._parts()
                inner.append(markup)
                scripts.append(script)
            else:
                inner.append(_html.escape(str(child)))
        listening = "\n".join(
            self._listening(name, *entry[1].split("\n", 1), "element")
            for name, entries in self._listeners.items()
            for entry in entries
        )
        scripts.append(_SETUP % (_literal(self._guid), _literal(self._properties), listening))
        return f"<{self._tag}{written}>{''.join(inner)}</{self._tag}>", "\n".join(scripts)

    @staticmethod
    def _listening(name: str, kept: str, script: str, element: str) -> str:
        return f"window[{_literal(kept)}] = {script}; {element}.addEventListener({_literal(name)}, window.{kept});"

    def _found(self) -> str:
        return _FIND % (_literal(self._guid), _literal(self._guid))

    def _eval(self, call: str) -> Any:
        return self._eval_raw(f".{call}")

    def _eval_raw(self, rest: str) -> Any:
        from google.colab import output

        return output.eval_js(f"{self._found()}{rest}")

    def _do(self, rest: str) -> None:
        from google.colab import output

        output.eval_js(f"{self._found()}{rest}; null")

    def _do_all(self, script: str) -> None:
        from google.colab import output

        output.eval_js(f"(() => {{ const ELEMENT = {self._found()}; {script} }})(); null")


def _attribute(name: str) -> str:
    if not isinstance(name, str) or not _ATTRIBUTE.match(name):
        raise ValueError(f"Invalid attribute: {name!r}")
    return name


def create_resource(
    content: bytes | str | None = None,
    filepath: str | None = None,
    handler: Callable[[str], Any] | None = None,
    headers: Mapping[str, str] | None = None,
    extension: str = "",
    route: str = "",
) -> Any:
    """Gives something out over HTTP for outputs to load, for as long as the kernel runs.

    Args:
        content: what to give out; or
        filepath: a file, read when it is asked for; or
        handler: a function that gets the path with its query and returns bytes or text.
        headers: of the answer.
        extension: how the address ends, which tells the kind of the content too.
        route: the address's path, instead of one that cannot be guessed.

    Returns:
        What has its address as ``url`` and takes it back by ``delete()``.

    Raises:
        ValueError: not exactly one of ``content``, ``filepath`` and ``handler`` is given.
    """
    from google.colab import _resources

    if sum(given is not None for given in (content, filepath, handler)) != 1:
        raise ValueError("Give one of content, filepath and handler.")
    name = filepath or f"x.{extension.lstrip('.')}"
    kind = mimetypes.guess_type(name)[0] or ("text/html" if isinstance(content, str) else "application/octet-stream")
    about = {"Content-Type": kind, **(headers or {})}
    if filepath is not None:
        place = pathlib.Path(filepath).resolve()
        return _resources.give(lambda _: place, about, extension or place.suffix, route)
    if handler is not None:
        return _resources.give(handler, about, extension, route)
    return _resources.give(lambda _: content, about, extension, route)
