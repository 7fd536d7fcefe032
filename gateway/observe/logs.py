"""Logs: one JSON line per event on standard error, with subscriber identities masked and secrets never written."""

from __future__ import annotations

import functools
import logging
import re
import sys
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

IDENTITIES = frozenset({"imsi", "msisdn", "imei", "impi", "impu", "loc_uri"})
_NUMBER = re.compile(rb"(?<![0-9])(?:[0-9]{14,16}|(?:\+|%2[Bb])[0-9]{7,15})(?![0-9])")
"""An IMSI, an IMEI or an international MSISDN in the middle of a line."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


def mask(identity: str) -> str:
    """The identity with everything but its first and last three characters starred; short ones wholly."""
    return f"{identity[:3]}{'*' * (len(identity) - 6)}{identity[-3:]}" if len(identity) > 8 else "*" * len(identity)


def _mask_identities(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in IDENTITIES & event.keys():
        event[name] = mask(str(event[name]))
    return event


def _mask_numbers(_: WrappedLogger, __: str, line: bytes) -> bytes:
    """The line without what looks like an identity, wherever it came from."""
    return _NUMBER.sub(lambda number: mask(number[0].decode()).encode(), line)


class _Forward(logging.Handler):
    """Brings what libraries say by way of ``logging`` into the same stream and form."""

    def emit(self, record: logging.LogRecord) -> None:
        logger().log(
            record.levelno, "library_said", library=record.name, message=record.getMessage(), exc_info=record.exc_info
        )


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return _encode(event)


def _to_bytes(_: WrappedLogger, __: str, line: str) -> bytes:
    return line.encode()


def configure(*, identities: Literal["masked", "plain"], form: Literal["json", "console"]) -> None:
    """Set up logging of the whole process; called once at start."""
    steps: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if identities == "masked":
        steps.append(_mask_identities)
    if form == "console":
        plain = structlog.dev.plain_traceback
        steps.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
        steps.append(_to_bytes)
    else:
        steps.append(_render)
    if identities == "masked":
        steps.append(_mask_numbers)
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
    )
    logger.cache_clear()
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


@functools.cache
def logger() -> FilteringBoundLogger:
    """The logger of the process."""
    bound: FilteringBoundLogger = structlog.get_logger().bind()
    return bound
