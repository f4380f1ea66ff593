"""Structured logs: one line an event, bounded fields, no secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MAX_FIELD = 1024
MAX_TRACE = 16 * 1024


def _bound_fields(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cuts long values and encodes control characters, so that a request cannot forge or flood lines."""
    for key, value in event.items():
        if isinstance(value, str):
            text = value if len(value) <= MAX_FIELD else value[:MAX_FIELD] + "…"
            event[key] = text if text.isprintable() else text.encode("unicode_escape").decode()
    return event


def _bound_trace(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cuts a traceback and takes control characters out of it: an exception's text may quote what a client sent."""
    trace = event.get("exception")
    if isinstance(trace, str):
        if len(trace) > MAX_TRACE:
            trace = f"{trace[: MAX_TRACE // 2]}\n…\n{trace[-MAX_TRACE // 2 :]}"
        event["exception"] = "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in trace)
    return event


def configure_logging(*, json: bool = False, level: str = "info") -> None:
    """Sets up structlog for the process, on standard error.

    Args:
        json: one JSON object a line, else text for a terminal.
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _bound_fields,
            structlog.processors.format_exc_info,
            _bound_trace,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """Returns a bound structured logger that carries ``room=name``."""
    # Bound on first use, so that a logger made at import follows what configure_logging says later.
    return structlog.get_logger(room=name)
