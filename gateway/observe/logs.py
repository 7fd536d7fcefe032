"""Logs: one JSON line per event on standard error, with subscriber identities masked and secrets never written."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

IDENTITIES = frozenset({"imsi", "msisdn", "imei", "impi", "impu", "loc_uri"})

_encode = msgspec.json.Encoder(enc_hook=str).encode


def mask(identity: str) -> str:
    """The identity with everything but its first and last three characters starred; short ones wholly."""
    return f"{identity[:3]}{'*' * (len(identity) - 6)}{identity[-3:]}" if len(identity) > 8 else "*" * len(identity)


def _mask_identities(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in IDENTITIES & event.keys():
        event[name] = mask(str(event[name]))
    return event


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return _encode(event)


def configure(*, identities: Literal["masked", "plain"], form: Literal["json", "console"]) -> None:
    """Set up logging of the whole process; called once at start."""
    steps: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if identities == "masked":
        steps.append(_mask_identities)
    if form == "console":
        steps += [structlog.dev.set_exc_info, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        factory: object = structlog.WriteLoggerFactory(file=sys.stderr)
    else:
        steps += [structlog.processors.format_exc_info, _render]
        factory = structlog.BytesLoggerFactory(file=sys.stderr.buffer)
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory,  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


def logger() -> FilteringBoundLogger:
    """The logger of the process."""
    bound: FilteringBoundLogger = structlog.get_logger()
    return bound
