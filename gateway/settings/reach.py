"""Settings of whom to call, and when."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import Field

from gateway.settings.base import Seconds, Table


class Reach(Table):
    """Making devices call.

    A device is pushed to up to ``attempts`` times, ``retry_seconds`` after the first attempt and then each time after
    twice as long, up to ``max_retry_seconds``; ``deadline_seconds`` after the order it is given up. All processes of a
    store together make at most ``per_second`` pushes a second. From ``quiet_from`` to ``quiet_until``, such as "22:00"
    and "07:00" in ``timezone``, none is made. Whether a device has called is looked at after ``check_seconds``, and
    then ever more rarely.

    A phone that took a factory reset on is given an account anew, by OMA CP, ``reset_seconds`` after.

    ``first`` is for devices that speak nothing yet: an account by OMA CP ("bootstrap") and then package 0, the settings
    alone ("cp"), the message for RCC.14 clients ("rcscfg"), or nothing but their own call ("wait"). Phones of
    ``legacy_tacs`` (first eight digits of the IMEI) get the settings alone.
    """

    first: Literal["bootstrap", "cp", "rcscfg", "wait"] = "wait"
    legacy_tacs: tuple[Annotated[str, Field(pattern="^[0-9]{8}$")], ...] = ()
    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    retry_seconds: Annotated[float, Field(gt=0)] = 3600.0
    max_retry_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    deadline_seconds: Seconds = 604_800
    check_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    per_second: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    reset_seconds: Annotated[float, Field(ge=0)] = 300.0
    quiet_from: datetime.time | None = None
    quiet_until: datetime.time | None = None
    timezone: str = "UTC"

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until belong together: set both or neither")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet_from and quiet_until are the same: that leaves no time, or no quiet")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"there is no timezone {self.timezone[:40]!r}") from None
        return self
