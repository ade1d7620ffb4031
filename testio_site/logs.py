"""Logs: one line for each thing that happened, to standard error; for people at a terminal, as JSON elsewhere."""

import sys
from typing import Any

import structlog

_LOG_FIELDS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_FOR_PEOPLE: list[Any] = [
    # Plain tracebacks: the rich ones show local variables, and a token may be among them.
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]
_FOR_MACHINES: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]

SETTINGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _LOG_FIELDS,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_FOR_PEOPLE if sys.stderr.isatty() else _FOR_MACHINES),
            ],
        },
    },
    # Standard output is for results only.
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "axes": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Ticks come every few seconds: only what goes wrong with them is news.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},
        "django_structlog": {"level": "WARNING"},
        "fontTools": {"level": "ERROR"},  # every table of every font of every PDF
        "fpdf": {"level": "ERROR"},
    },
}


def configure() -> None:
    """Structured lines of our own go the same way as everybody else's."""
    structlog.configure(
        processors=[*_LOG_FIELDS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
