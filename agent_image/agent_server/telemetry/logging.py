"""Structured logs: one line an event, on standard error. Neither message contents nor secrets are ever put in.

Libraries log through the standard library; theirs come out in the same shape, from warnings on. AutoGen's own loggers
are shut: they log whole conversations and, in tracebacks, what a model's endpoint answered.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog

_SILENCED = ("autogen_core", "autogen_core.events", "autogen_core.trace", "autogen_agentchat", "openai")
_LIBRARY_LEVEL = logging.WARNING


def configure_logging(level: str, log_format: str, **context: str) -> None:
    """Log from `level` (debug, info, warning, error) on, as `json` or `text`, with `context` on every line."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)
    _route_libraries(shared, renderer, max(threshold, _LIBRARY_LEVEL))


def code_location(error: BaseException) -> str:
    """Where an exception came from, as "file:line < file:line ...": its message might quote the conversation."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))


def _route_libraries(shared: list[Any], renderer: structlog.typing.Processor, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _without_traceback],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _without_traceback(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep an exception's type and place of a library's record, and drop its message."""
    record: logging.LogRecord = event["_record"]
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        event.update(error=type(error).__name__, where=code_location(error))
    record.exc_info = None
    event.pop("exc_info", None)
    return event
