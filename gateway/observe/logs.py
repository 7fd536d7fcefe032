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
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

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

_encoder = msgspec.json.Encoder(enc_hook=str)


def mask(identity: str) -> str:
    """The identity with everything but its first and last three characters starred; short ones wholly."""
    return f"{identity[:3]}{'*' * (len(identity) - 6)}{identity[-3:]}" if len(identity) > 8 else "*" * len(identity)


class _Lines:
    """A stream that is handed events, and writes those of one turn of the event loop at once, with all before an error.

    ``lines_of`` makes lines of them, each with its end. Its methods are what structlog calls; any thread may.
    """

    def __init__(self, file: BinaryIO, lines_of: Callable[[Sequence[EventDict]], bytes]) -> None:
        self._file = file
        self._lines_of = lines_of
        self._waiting: deque[EventDict] = deque()
        self._lock = threading.Lock()

    def info(self, event: EventDict) -> None:
        """Write the event when the loop has dealt with what is at hand; at once where no loop runs.

        It is made into a line no sooner: many in a row cost less than as many between requests.
        """
        waiting = self._waiting
        waiting.append(event)
        if len(waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()
        elif len(waiting) > _MAX_WAITING_LINES:
            self.flush()

    def error(self, event: EventDict) -> None:
        """Write the event, and all that wait, now."""
        self._waiting.append(event)
        self.flush()

    warning = critical = error

    def flush(self) -> None:
        """Write all that wait."""
        with self._lock:
            if waiting := [self._waiting.popleft() for _ in range(len(self._waiting))]:
                self._file.write(self._lines_of(waiting))
                self._file.flush()


class _Logger(structlog.make_filtering_bound_logger(logging.INFO)):  # type: ignore[misc]
    """structlog's logger, with a shorter way for nearly every event: nothing is bound to it or filled into it."""

    def info(self, event: str, **fields: Any) -> None:
        """Log the event; a fraction of the price of the inherited way."""
        fields["event"] = event
        fields["level"] = "info"
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


def _note(_: WrappedLogger, level: str, event: EventDict) -> tuple[tuple[EventDict], dict[str, Any]]:
    """The event with its level and its time, as the arguments of a method of ``_Lines``."""
    event.update(level=level, timestamp=time.time_ns())
    return (event,), {}


def _date(event: EventDict) -> None:
    """Write the event's time, in nanoseconds until now, as people do."""
    second, nanosecond = divmod(event["timestamp"], 1_000_000_000)
    event["timestamp"] = f"{_second(second)}.{nanosecond // 1000:06}Z"


def _mask_identities(event: EventDict) -> None:
    for name in IDENTITIES & event.keys():
        event[name] = mask(str(event[name]))


def _mask_numbers(octets: bytes) -> bytes:
    """Lines without what looks like an identity, wherever it came from."""
    # Looking for these costs a tenth of the search for a number, and most lines have none of them.
    zeros = octets.translate(_AS_ZEROS)
    if _LONG not in zeros and _ABROAD not in zeros and _ESCAPED not in zeros:
        return octets
    return _NUMBER.sub(lambda number: mask(number[0].decode()).encode(), octets)


def _as_json(events: Sequence[EventDict]) -> bytes:
    """A line of JSON for each event, with its end."""
    try:
        return _encoder.encode_lines(events)
    except UnicodeEncodeError:  # octets that somebody sent are no text, and these lines go out with others
        return _encoder.encode_lines([{name: _as_text(value) for name, value in event.items()} for event in events])


def _as_text(value: object) -> object:
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _for_people() -> Callable[[Sequence[EventDict]], bytes]:
    """What makes a line that people read of each event, with its end."""
    plain = structlog.dev.plain_traceback
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)

    def rendered(events: Sequence[EventDict]) -> bytes:
        return "".join([f"{render(None, '', event)}\n" for event in events]).encode(errors="backslashreplace")

    return rendered


def configure(*, identities: Literal["masked", "plain"], form: Literal["json", "console"]) -> None:
    """Set up logging of the whole process; called once at start."""
    render = _as_json if form == "json" else _for_people()
    masked = identities == "masked"

    def lines_of(events: Sequence[EventDict]) -> bytes:
        for event in events:
            _date(event)
            if masked and not IDENTITIES.isdisjoint(event):
                _mask_identities(event)
        octets = render(events)
        return _mask_numbers(octets) if masked else octets

    lines = _Lines(sys.stderr.buffer, lines_of)
    atexit.register(lines.flush)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, _note],
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
