"""One line an event, as JSON or as text; the standard library's loggers (kopf's, aiohttp's) go the same way."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from agentteam_operator.settings import LogFormat, LogLevel


def configure_logging(level: LogLevel, form: LogFormat) -> None:
    """Write to standard error from now on."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Processor = structlog.processors.JSONRenderer()
    if form is LogFormat.TEXT:
        last = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.value.upper())
    # kopf tells of every event that it hands on; that is for those who debug kopf.
    logging.getLogger("kopf").setLevel("DEBUG" if level is LogLevel.DEBUG else "WARNING")
    logging.getLogger("kopf.objects").setLevel("WARNING")
    logging.getLogger("aiohttp.access").setLevel("WARNING")
