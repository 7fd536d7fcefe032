"""Getting a device to call: by which way, when, how often, and how far it came.

Pure: what is known of the device and the time are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.fleet.clocks import behind_since
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber

Way = Literal["rcscfg", "dm_notify", "bootstrap", "cp", "wait"]
"""RCC.14 reconfiguration, OMA DM package 0, OMA CP with an account, OMA CP with settings alone, or its own call."""

DeviceProtocol = Literal["", "omadm", "rcc14"]

LONGEST_CHECK = timedelta(minutes=15)


class Quiet(NamedTuple):
    """The hours at which no phone is to make a sound, by the clock on the wall."""

    begin: time
    end: time
    zone: tzinfo

    def until(self, now: datetime) -> datetime:
        """The end of the quiet hours that ``now`` is in; ``now`` itself outside of them."""
        local = now.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        over_night = self.begin > self.end
        quiet = (clock >= self.begin or clock < self.end) if over_night else self.begin <= clock < self.end
        if not quiet:
            return now
        day = local.date() + timedelta(days=1 if over_night and clock >= self.begin else 0)
        # In another offset than now's where the clock is moved in between.
        return datetime.combine(day, self.end, self.zone).astimezone(now.tzinfo)


class Policy(NamedTuple):
    """How devices are reached: how often, how long apart, and when not."""

    attempts: int
    retry_seconds: float
    max_retry_seconds: float
    check_seconds: float
    quiet: Quiet | None = None
    legacy: frozenset[str] = frozenset()
    first: Way = "wait"


class Reaching(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That one device should call, and what was done about it.

    ``protocol`` is the one it should call by (empty: any that it speaks), ``chosen`` the way that whoever
    ordered it wants (empty: the one that leads to it). The first attempt is made ``begins_at`` (None: at once). ``way``
    and ``push`` are those of the newest attempt. ``called_at`` is its first call since the order. ``why`` is the newest
    thing that went wrong. ``behind_since`` says since when the clock is behind these times, if it was set back.
    """

    device_id: str
    reason: str
    ordered_at: datetime
    deadline_at: datetime
    protocol: DeviceProtocol = ""
    chosen: Way | Literal[""] = ""
    begins_at: datetime | None = None
    attempts: int = 0
    way: Way | Literal[""] = ""
    push: str = ""
    pushed_at: datetime | None = None
    called_at: datetime | None = None
    behind_since: datetime | None = None
    why: str = ""

    @property
    def state(self) -> Literal["waiting", "pushed", "contacted"]:
        """How far it came. What became of the push itself is its own record's to say."""
        if self.called_at is not None:
            return "contacted"
        return "waiting" if self.pushed_at is None else "pushed"

    def again(
        self,
        reason: str,
        now: datetime,
        deadline_at: datetime,
        protocol: DeviceProtocol,
        chosen: Way | Literal[""] = "",
        begins_at: datetime | None = None,
    ) -> Reaching:
        """The same with something new to call for: a push that is on its way does for that, too."""
        return replace(
            self,
            reason=reason,
            ordered_at=now,
            deadline_at=max(deadline_at, self.deadline_at),
            protocol=protocol if protocol == self.protocol else "",
            chosen=chosen or self.chosen,
            begins_at=min(begins_at, self.begins_at) if begins_at and self.begins_at else None,
            called_at=None,
            attempts=min(self.attempts, 1),
        )

    def pushed(self, way: Way, push: str, now: datetime, why: str = "") -> Reaching:
        """The same after one more attempt."""
        return replace(self, attempts=self.attempts + 1, way=way, push=push, pushed_at=now, why=why)

    def looked_at(self, now: datetime) -> Reaching:
        """The same after a look at the clock."""
        noted = max(filter(None, (self.ordered_at, self.pushed_at, self.called_at)))
        return replace(self, behind_since=behind_since(self.behind_since, noted, now))

    def by_clock(self, now: datetime) -> Reaching:
        """The same with the times that count for a clock that says it is ``now``: none lies ahead of it."""
        since = self.looked_at(now).behind_since
        if since is None:
            return self
        ahead = self.ordered_at - since if self.ordered_at > now else timedelta()
        return replace(
            self,
            ordered_at=self.ordered_at - ahead,
            deadline_at=self.deadline_at - ahead,
            begins_at=self.begins_at and self.begins_at - ahead,
            pushed_at=since if self.pushed_at and self.pushed_at > now else self.pushed_at,
        )


class Seen(NamedTuple):
    """What is known of the device: when it was last here, and whether it has what it is to have."""

    called_at: datetime | None
    configured: bool


class Step(NamedTuple):
    """What to do now, and with ``wait`` until when."""

    do: Literal["push", "wait", "done", "expired"]
    reaching: Reaching
    until: datetime | None = None


def next_step(reaching: Reaching, seen: Seen, policy: Policy, way: Way, now: datetime) -> Step:
    """What follows for a device that should call.

    One that has called since the order is not pushed to before the time for another attempt, and is done as soon as it
    has what it should have. ``way`` is what an attempt would be made by; "wait" leaves it to the device. A call that
    lies ahead of ``now`` was noted by a clock that was wrong, and says nothing.
    """
    reaching = reaching.looked_at(now)
    counts, called_at = reaching.by_clock(now), seen.called_at
    if called_at is not None and counts.ordered_at < called_at <= now:
        reaching = replace(reaching, called_at=reaching.called_at or called_at)
        if seen.configured:
            return Step("done", reaching)
    else:
        called_at = None
    if now >= counts.deadline_at:
        return Step("expired", reaching)
    touched_at = max(filter(None, (counts.pushed_at, called_at)), default=None)
    check = _check(policy, touched_at or counts.ordered_at, now)
    if way == "wait" or reaching.attempts >= policy.attempts:
        return Step("wait", reaching, min(check, counts.deadline_at))
    if touched_at is None:
        due_at = counts.begins_at or now
        if due_at > now:
            return Step("wait", reaching, min(due_at, counts.deadline_at))
    else:
        due_at = touched_at + backoff(policy, reaching.attempts)
    if policy.quiet is not None:
        due_at = policy.quiet.until(max(due_at, now))
    if due_at > now:
        return Step("wait", reaching, min(due_at, check, counts.deadline_at))
    return Step("push", reaching)


def backoff(policy: Policy, attempts: int) -> timedelta:
    """How long after so many attempts the next one comes."""
    factor = 2.0 ** min(max(attempts - 1, 0), 30)
    return timedelta(seconds=min(policy.retry_seconds * factor, policy.max_retry_seconds))


def latest_look(reaching: Reaching, policy: Policy, now: datetime) -> datetime:
    """The latest time at which the device is to be looked at next."""
    check_at = now + max(timedelta(seconds=policy.check_seconds), LONGEST_CHECK)
    return max(reaching.by_clock(now).begins_at or check_at, check_at)


def _check(policy: Policy, since: datetime, now: datetime) -> datetime:
    """When to look at the device again: ever more rarely, the longer nothing happened."""
    passed = max(now - since, timedelta()) / 4
    return now + max(timedelta(seconds=policy.check_seconds), min(passed, LONGEST_CHECK))


_NEEDS: Mapping[Way, str] = {"rcscfg": "rcc14", "dm_notify": "omadm", "bootstrap": "omadm", "cp": "omacp"}
"""The protocol that a device has to speak for a way to lead to it."""
_FIRST: tuple[Way, ...] = ("rcscfg", "bootstrap", "cp")
"""The ways to a phone that speaks nothing yet, in the order in which they take the place of ``policy.first``."""


def choose_way(
    subscriber: Subscriber,
    device: Device,
    policy: Policy,
    *,
    behind: frozenset[str],
    protocol: DeviceProtocol = "",
    chosen: Way | Literal[""] = "",
    unspoken: frozenset[str] = frozenset(),
) -> Way:
    """The way this device is reached by; ``behind`` are the protocols over which it lacks something.

    A phone that speaks nothing yet gets what ``policy.first`` says, or the settings themselves where it is known to
    take nothing else. One without an account that proves the server cannot be notified. ``chosen`` goes before all of
    that as long as it can be gone; no way leads over protocols of ``unspoken``.
    """
    if not subscriber.msisdn:
        return "wait"
    open_ways = {way for way in _NEEDS if _NEEDS[way] not in unspoken and _leads(way, subscriber, device)}
    if chosen in open_ways:
        return chosen
    if device.omadm is None and device.rcc14 is None:
        if device.tac in policy.legacy:
            return "cp" if subscriber.imsi else "wait"
        if policy.first == "wait":
            return "wait"
        # Another way than the first only where that is known to lead nowhere.
        ways = (policy.first, *_FIRST) if _NEEDS[policy.first] in unspoken else (policy.first,)
        return next((way for way in ways if way in open_ways), "wait")
    wanted = [protocol] if protocol else [one for one in ("rcc14", "omadm") if one in behind] or ["rcc14", "omadm"]
    # A client that never came is asked to where its phone speaks nothing else.
    asks = device.rcc14 is not None or "omadm" in unspoken
    for one in wanted:
        if one == "rcc14" and asks and "rcscfg" in open_ways:
            return "rcscfg"
        if one == "omadm" and "dm_notify" in open_ways:
            return "dm_notify"
    return "wait"


def _leads(way: Way, subscriber: Subscriber, device: Device) -> bool:
    """Whether there is all that the way needs, but for the protocol."""
    if way == "rcscfg":
        return bool(subscriber.imsi)
    if way == "dm_notify":
        return device.omadm is not None and device.omadm.server is not None
    # To one that has an account another one would only be in the way.
    free = device.omadm is None or device.omadm.reset_at is not None or way == "cp"
    return free and bool(device.imei and subscriber.imsi)
