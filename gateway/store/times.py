"""Times as the stores keep them: in whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_integer(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def span_to_integer(span: timedelta) -> int:
    """How many microseconds that is."""
    return span // _MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    """The reverse of ``to_integer``."""
    return _EPOCH + microseconds * _MICROSECOND
