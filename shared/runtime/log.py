"""One structured event per step, as JSON lines on stderr, with every secret removed."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.redaction import Redactor


def configure(agent: str, level: str, redactor: Redactor) -> None:
    """Set up structlog for this process; every event carries `agent`, and each step binds `incident` and `trace_id`."""

    def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: redactor.json(value) for key, value in event.items()}

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[*shared, redact, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(agent=agent)
    libraries = logging.StreamHandler(sys.stderr)  # adapters and libraries that log with the standard library
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, render],
    )
    libraries.setFormatter(formatter)
    logging.basicConfig(level=max(logging.getLevelNamesMapping()[level.upper()], logging.INFO), handlers=[libraries])
    for chatty in ("urllib3", "httpx"):  # a line for each request
        logging.getLogger(chatty).setLevel(logging.WARNING)
