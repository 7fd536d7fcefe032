"""What a clock that is set back has to do with times that it noted before.

Pure.
"""

from __future__ import annotations

from datetime import datetime


def behind_since(known: datetime | None, noted: datetime, now: datetime) -> datetime | None:
    """Since when the clock is seen to be behind a time that it noted itself; None when it is not.

    ``known`` is what this said at an earlier look. Whether the clock was wrong then or is wrong now cannot be told, so
    the times that were noted stay as they are, and count again as soon as the clock has come past them.
    """
    return min(known or now, now) if noted > now else None
