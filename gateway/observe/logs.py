"""Logs: one JSON line per event on standard error, with subscriber identities masked and secrets never written."""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO, Literal, cast

import msgspec

from gateway.observe.without import without

# Where they are installed structlog takes these up, for tracebacks and threads that are none of ours: 5 MiB.
with without("rich", "greenlet"):
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

IDENTITIES = frozenset({"imsi", "msisdn", "imei", "impi", "impu", "loc_uri"})
_NUMBER = re.compile(rb"(?<![0-9])(?:[0-9]{14,16}|(?:\+|%2[Bb])[0-9]{7,15})(?![0-9])")
"""An IMSI, an IMEI or an international MSISDN in the middle of a line."""
_AS_ZEROS = bytes(ord("0") if chr(octet) in "0123456789" else octet for octet in range(256))
_LONG, _ABROAD, _ESCAPED = b"0" * 14, b"+" + b"0" * 7, b"%0"
"""One of these is in every line with such a number in it, once its digits are written as zeros."""

_MAX_WAITING_LINES = 1000

_encode = msgspec.json.Encoder(enc_hook=str).encode


def mask(identity: str) -> str:
    """The identity with everything but its first and last three characters starred; short ones wholly."""
    return f"{identity[:3]}{'*' * (len(identity) - 6)}{identity[-3:]}" if len(identity) > 8 else "*" * len(identity)


class _Lines:
    """A stream that is handed whole lines: those of one turn of the event loop at once, with all before an error.

    ``line_of`` makes a line of an event. Its methods are what structlog calls; any thread may.
    """

    def __init__(self, file: BinaryIO, line_of: Callable[[EventDict], bytes]) -> None:
        self._file = file
        self._line_of = line_of
        self._waiting: deque[bytes | EventDict] = deque()
        self._lock = threading.Lock()

    def info(self, line: bytes | EventDict) -> None:
        """Write the line when the loop has dealt with what is at hand; at once where no loop runs.

        An event is made into a line no sooner: many in a row cost less than as many between requests.
        """
        waiting = self._waiting
        waiting.append(line)
        if len(waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()
        elif len(waiting) > _MAX_WAITING_LINES:
            self.flush()

    def error(self, line: bytes) -> None:
        """Write the line, and all that wait, now."""
        self._waiting.append(line)
        self.flush()

    warning = critical = error

    def flush(self) -> None:
        """Write all that wait."""
        with self._lock:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            lines = [one if isinstance(one, bytes) else self._line_of(one) for one in waiting]
            if lines:
                lines.append(b"")
                self._file.write(b"\n".join(lines))
                self._file.flush()


class _Logger(structlog.make_filtering_bound_logger(logging.INFO)):  # type: ignore[misc]
    """structlog's logger, with a shorter way for nearly every line: nothing is bound to it or filled into it."""

    def info(self, event: str, **fields: Any) -> None:
        """Log the event; a fraction of the price of the inherited way."""
        fields["event"] = event
        fields["timestamp"] = time.time_ns()
        self._logger.info(fields)


class _Forward(logging.Handler):
    """Brings what libraries say by way of ``logging`` into the same stream and form."""

    def emit(self, record: logging.LogRecord) -> None:
        logger().log(
            record.levelno, "library_said", library=record.name, message=record.getMessage(), exc_info=record.exc_info
        )


@functools.lru_cache(1)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _finish(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """The event with its level, its time and the traceback it may have."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(_, level, event)
    nanoseconds = event.pop("timestamp", 0) or time.time_ns()
    event["level"] = level
    event["timestamp"] = f"{_second(nanoseconds // 1_000_000_000)}.{nanoseconds // 1000 % 1_000_000:06}Z"
    return event


def _mask_identities(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if not IDENTITIES.isdisjoint(event):
        for name in IDENTITIES & event.keys():
            event[name] = mask(str(event[name]))
    return event


def _mask_numbers(_: WrappedLogger, __: str, line: bytes) -> bytes:
    """The line without what looks like an identity, wherever it came from."""
    # Looking for these costs a tenth of the search for a number, and most lines have none of them.
    zeros = line.translate(_AS_ZEROS)
    if _LONG not in zeros and _ABROAD not in zeros and _ESCAPED not in zeros:
        return line
    return _NUMBER.sub(lambda number: mask(number[0].decode()).encode(), line)


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    try:
        return _encode(event)
    except UnicodeEncodeError:  # octets that somebody sent are no text, and the line goes out with others
        texts = {name: value for name, value in event.items() if isinstance(value, str)}
        event.update((name, text.encode(errors="backslashreplace").decode()) for name, text in texts.items())
        return _encode(event)


def _to_bytes(_: WrappedLogger, __: str, line: str) -> bytes:
    return line.encode(errors="backslashreplace")


def configure(*, identities: Literal["masked", "plain"], form: Literal["json", "console"]) -> None:
    """Set up logging of the whole process; called once at start."""
    steps: list[Any] = [_finish]
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

    def line_of(event: EventDict) -> bytes:
        line: Any = event
        for step in steps:
            line = step(None, "info", line)
        return cast("bytes", line)

    lines = _Lines(sys.stderr.buffer, line_of)
    atexit.register(lines.flush)
    structlog.configure(
        processors=steps,
        wrapper_class=_Logger,
        logger_factory=lambda *_: lines,
    )
    logger.cache_clear()
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


@functools.cache
def logger() -> FilteringBoundLogger:
    """The logger of the process."""
    bound: FilteringBoundLogger = structlog.get_logger().bind()
    return bound
