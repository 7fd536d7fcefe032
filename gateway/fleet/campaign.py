"""Campaigns: one change for many devices, group after group, that stops by itself when too much goes wrong.

Pure. The members of a campaign have an order; groups are stretches of it, and members are started in that order, so
how far a campaign has come is one number.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, Forbidden
from gateway.fleet.clocks import behind_since
from gateway.fleet.operation import Operation
from gateway.fleet.profile import check_match
from gateway.fleet.ranges import parse_ranges
from gateway.fleet.reversal import Reversal, can_be_reversed, without_way_back

PAGE_MEMBERS = 50
"""Members that are kept together."""


class CampaignState(enum.StrEnum):
    """Where a campaign stands. The last four are its ends; an end is left by undoing alone.

    One that is waiting has its members, and starts nobody before somebody else than its authors approved it.
    """

    BUILDING = "building"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    UNDOING = "undoing"
    FINISHED = "finished"
    STOPPED = "stopped"
    REJECTED = "rejected"
    UNDONE = "undone"


ENDS = frozenset({CampaignState.FINISHED, CampaignState.STOPPED, CampaignState.REJECTED, CampaignState.UNDONE})


class MemberState(enum.StrEnum):
    """Where one device of a campaign stands."""

    PENDING = "pending"
    STARTED = "started"
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDONE = "undone"


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device. ``previous`` is what it had of the values that were set (None: nothing of its own).

    ``operations`` and ``job`` are those that the campaign gave it; ``reversals`` take operations back, step by step,
    and ``kept`` names what was not taken back by undoing. ``code`` says why it failed or was skipped: a status of OMA
    DM, a result code of an MO, or a word. ``behind_since`` says since when the clock is behind its start, if it was set
    back.
    """

    device_id: str
    state: MemberState = MemberState.PENDING
    started_at: datetime | None = None
    deadline_at: datetime | None = None
    behind_since: datetime | None = None
    attempts: int = 0
    previous: dict[str, str | None] = {}
    operations: tuple[str, ...] = ()
    job: str = ""
    code: str = ""
    reversals: tuple[Reversal, ...] = ()
    kept: tuple[str, ...] = ()

    def looked_at(self, now: datetime) -> Member:
        """The same after a look at the clock; the same object when that is not moved."""
        since = behind_since(self.behind_since, self.started_at or now, now)
        return self if since == self.behind_since else replace(self, behind_since=since)

    @property
    def counts_from(self) -> datetime | None:
        """When it was started, by the clock as it is."""
        return self.behind_since or self.started_at

    def is_late(self, now: datetime) -> bool:
        """Whether its deadline is over."""
        if self.deadline_at is None or self.started_at is None or self.counts_from is None:
            return False
        return now - self.counts_from >= self.deadline_at - self.started_at


class Page(msgspec.Struct, frozen=True):
    """Members ``PAGE_MEMBERS`` at a time, in their order."""

    members: tuple[Member, ...] = ()

    def put(self, place: int, member: Member) -> Page:
        """The page with that member in its place."""
        return Page((*self.members[:place], member, *self.members[place + 1 :]))


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which devices: those listed, first and in this order, and those that ``match`` as profiles do.

    Where there are ``ranges`` of numbers, those that match are in one of them.
    With ``dynamic``, devices that come to match while the campaign runs join its last group.
    """

    devices: tuple[str, ...] = ()
    match: dict[str, tuple[str, ...]] = {}
    ranges: tuple[str, ...] = ()
    dynamic: bool = False

    @property
    def searches(self) -> bool:
        """Whether there are devices to look for, beside those listed."""
        return bool(self.match or self.ranges)


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What each device gets: values set on it or taken back from it, operations, a firmware package, or another
    address of this gateway to call.

    With ``refresh`` it gets what profiles have for it by now: those of the files that this identifies, and that took
    the place of ``replaces``. A gateway that serves those still leaves the campaign to others.
    With ``edition`` it gets that edition of the profiles, and who was not started keeps the one before.
    """

    values: dict[str, str] = {}
    unset: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    package: str = ""
    address: str = ""
    refresh: str = ""
    replaces: str = ""
    edition: str = ""

    @property
    def can_be_undone(self) -> bool:
        """Whether devices can get back any of what they had."""
        has_values = bool(self.values or self.unset or self.edition or self.address)
        return has_values or can_be_reversed(self.operations)

    @property
    def without_way_back(self) -> list[str]:
        """What of it cannot be taken back on any device, by name."""
        return [*without_way_back(self.operations), *([f"package {self.package}"] if self.package else [])]

    @property
    def job(self) -> tuple[str, str, str] | None:
        """The kind, action and subject of the job that each device gets; None for none."""
        if self.package:
            return "firmware", "update", self.package
        return ("account", "move", self.address) if self.address else None


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of the members: so many of them, or so many in a hundred of all; the last group takes the rest.

    It is a success when ``success_percent`` of it are ok, and an error as soon as more than ``error_percent`` failed.
    """

    size: int | None = None
    percent: int | None = None
    success_percent: int = 90
    error_percent: int = 10


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody else than its authors said to a campaign as it stands; not ``granted``: it was rejected."""

    by: str
    at: datetime
    granted: bool
    reason: str = ""


class Campaign(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One campaign, without its members.

    ``authors`` made it and changed it since; where it ``needs_approval`` it starts nobody before somebody else gave it.

    ``bounds`` are the ends of the groups in the order of the members, ``opened`` counts the groups whose members may
    be started. ``started`` and ``undone`` say how many members, from the first, were started and undone. ``cursor`` is
    the subscriber as far as which a search for members has come, empty when none goes on. ``counts`` are members by
    group and state, those that wait left out; ``errors`` are those that failed, by code. ``window`` is from when to
    when, in which time zone, members are started. ``looked_at`` is when somebody last went on with it.
    """

    id: str
    name: str
    created_at: datetime
    target: Target
    content: Content
    groups: tuple[Group, ...]
    after_success: Literal["next", "pause"] = "next"
    on_error: Literal["pause", "stop", "undo"] = "pause"
    rate_per_minute: float = 60.0
    window: tuple[str, str, str] | None = None
    device_deadline_seconds: int = 604_800
    retries: int = 0
    state: CampaignState = CampaignState.BUILDING
    begins_paused: bool = False
    authors: tuple[str, ...] = ()
    needs_approval: bool = False
    approval: Approval | None = None
    why: str = ""
    total: int = 0
    cursor: str = ""
    searched_at: datetime | None = None
    bounds: tuple[int, ...] = ()
    opened: int = 0
    judged: int = 0
    started: int = 0
    undone: int = 0
    next_start_at: datetime | None = None
    counts: tuple[dict[str, int], ...] = ()
    errors: dict[str, int] = {}
    looked_at: datetime | None = None
    ended_at: datetime | None = None

    def group_of(self, index: int) -> int:
        """The group of the member at that place in the order."""
        return min(bisect_right(self.bounds, index), len(self.groups) - 1)

    def size_of(self, group: int) -> int:
        """How many members a group has."""
        return self.bounds[group] - (self.bounds[group - 1] if group else 0) if self.bounds else 0

    def count(self, group: int, state: MemberState) -> int:
        """How many members of the group are in that state."""
        counted = self.counts[group] if self.counts else {}
        if state is MemberState.PENDING:
            return self.size_of(group) - sum(counted.values())
        return counted.get(state.value, 0)

    @property
    def under_way(self) -> int:
        """How many members are started and have no outcome."""
        return sum(one.get(MemberState.STARTED.value, 0) for one in self.counts)

    @property
    def limit(self) -> int:
        """How many members, from the first, may be started by now."""
        return self.bounds[self.opened - 1] if self.opened and self.bounds else 0


def check_target(target: Target) -> None:
    """There are devices to name or to look for so. Raises: ConfigError naming a facet or range that there is not."""
    check_match(target.match)
    parse_ranges(target.ranges, key="target.ranges")
    if not target.devices and not target.searches:
        raise ConfigError("names no device: give devices, a match, ranges, or all of them", key="target")
    if target.dynamic and not target.searches:
        raise ConfigError(
            "says of nobody who may join later: give a match or ranges, or leave it out", key="target.dynamic"
        )


def built(campaign: Campaign) -> Campaign:
    """The campaign with all members found: its groups have their sizes, and the first is open.

    A group that turns out empty is left out of account.
    """
    bounds, end = [], 0
    for group in campaign.groups:
        size = group.size if group.size is not None else -(-campaign.total * (group.percent or 0) // 100)
        end = min(campaign.total, end + size)
        bounds.append(end)
    bounds[-1] = campaign.total
    counts: tuple[dict[str, int], ...] = tuple({} for _ in bounds)
    return _begun(replace(campaign, bounds=tuple(bounds), counts=counts, opened=1))


def approved(campaign: Campaign, by: str, now: datetime, reason: str = "") -> Campaign:
    """The campaign as somebody else than its authors lets it begin, or go on after a change.

    Raises: Conflict when it does not wait for that, Forbidden for an author.
    """
    return _begun(_decided(campaign, "approve", Approval(by=by, at=now, granted=True, reason=reason)))


def rejected(campaign: Campaign, by: str, now: datetime, reason: str) -> Campaign:
    """The campaign at its end, as somebody else than its authors has it: who was not started never is.

    Raises: Conflict when it does not wait for approval, Forbidden for an author, ConfigError without a reason.
    """
    if not reason:
        raise ConfigError(f"say why campaign {campaign.id} is rejected: its authors have to know", key="reason")
    decided = _decided(campaign, "reject", Approval(by=by, at=now, granted=False, reason=reason))
    return replace(decided, state=CampaignState.REJECTED, why=f"rejected by {by}: {reason}", ended_at=now)


def changed(campaign: Campaign, by: str, now: datetime, *, needs_approval: bool, **terms: object) -> Campaign:
    """The campaign with other ``terms`` for those that were not started; whoever changes it is one of its authors.

    An approval was of what it was before: where it needs one, or ``needs_approval`` by now, it waits for another.

    Raises: Conflict when it has ended or is being undone.
    """
    open_states = (CampaignState.BUILDING, CampaignState.WAITING, CampaignState.RUNNING, CampaignState.PAUSED)
    _expect(campaign, "change", *open_states)
    after: Campaign = replace(
        campaign,
        **terms,
        authors=campaign.authors if by in campaign.authors else (*campaign.authors, by),
        needs_approval=campaign.needs_approval or needs_approval,
        approval=None,
    )
    if campaign.started and campaign.next_start_at:
        soon = now + timedelta(seconds=60.0 / after.rate_per_minute)
        after = replace(after, next_start_at=min(campaign.next_start_at, soon))
    if campaign.state is CampaignState.BUILDING or not after.needs_approval:
        return after
    if campaign.state is not CampaignState.WAITING:
        after = replace(after, begins_paused=campaign.state is CampaignState.PAUSED)
    return _begun(after)


def by_clock(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign by a clock that says it is ``now``: what one that was ahead has put later is moved back."""
    ahead = max((campaign.looked_at or now) - now, timedelta())
    return replace(
        campaign,
        searched_at=campaign.searched_at and campaign.searched_at - ahead,
        next_start_at=campaign.next_start_at and campaign.next_start_at - ahead,
    )


def joined(campaign: Campaign, count: int) -> Campaign:
    """The campaign with so many more members at the end of its order; they are of the last group."""
    total = campaign.total + count
    bounds = (*campaign.bounds[:-1], total) if campaign.bounds else ()
    return replace(campaign, total=total, bounds=bounds)


def moved(campaign: Campaign, index: int, before: Member, after: Member) -> Campaign:
    """The campaign with one of its members in another state."""
    if before.state is after.state:
        return campaign
    group = campaign.group_of(index)
    counted = dict(campaign.counts[group])
    if before.state is not MemberState.PENDING:
        counted[before.state.value] -= 1
    counted[after.state.value] = counted.get(after.state.value, 0) + 1
    counts = (*campaign.counts[:group], counted, *campaign.counts[group + 1 :])
    errors = dict(campaign.errors)
    for member, by in ((before, -1), (after, 1)):
        if member.state is MemberState.FAILED:
            errors[member.code] = errors.get(member.code, 0) + by
    return replace(campaign, counts=counts, errors={code: n for code, n in errors.items() if n})


def next_turn(campaign: Campaign, now: datetime) -> datetime | None:
    """When the next member may be started or undone, by the rate; None when there is none to be."""
    if campaign.state is CampaignState.RUNNING:
        waits = campaign.started < campaign.limit
    else:
        waits = campaign.state is CampaignState.UNDOING and campaign.undone < campaign.started
    return max(campaign.next_start_at or now, now) if waits else None


def took_turn(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign after the member whose turn it was: the next one comes after a gap.

    Who is late makes up for a second of it at the most, so a pause is not followed by a burst.
    """
    gap = timedelta(seconds=60.0 / campaign.rate_per_minute)
    turn_at = max(campaign.next_start_at or now, now - timedelta(seconds=1)) + gap
    if campaign.state is CampaignState.UNDOING:
        return replace(campaign, undone=campaign.undone + 1, next_start_at=turn_at)
    return replace(campaign, started=campaign.started + 1, next_start_at=turn_at)


def judged(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign after a look at its counts: the same object, or the next group opened, or paused, or ended."""
    if campaign.state is CampaignState.UNDOING:
        over = campaign.undone >= campaign.started
        return replace(campaign, state=CampaignState.UNDONE, ended_at=now) if over else campaign
    if campaign.state is not CampaignState.RUNNING:
        return campaign
    for group in range(campaign.judged, campaign.opened):
        if why := _error(campaign, group):
            return _on_error(replace(campaign, judged=group + 1), f"group {group + 1}: {why}", now)
    if campaign.opened < len(campaign.groups):
        last = campaign.opened - 1
        # An error that somebody let pass does not hold up the next group for ever.
        let_pass = campaign.judged > last and _over(campaign, last)
        if not let_pass and not _succeeded(campaign, last):
            return campaign
        if let_pass or campaign.after_success == "next" or campaign.size_of(last) == 0:
            return judged(replace(campaign, opened=campaign.opened + 1), now)
        why = f"group {campaign.opened} succeeded; the next one waits for somebody to open it"
        return campaign if campaign.why == why else replace(campaign, state=CampaignState.PAUSED, why=why)
    over = campaign.started >= campaign.total and not campaign.under_way
    if over and not campaign.target.dynamic:
        return replace(campaign, state=CampaignState.FINISHED, why="", ended_at=now)
    return campaign


def paused_for(before: Campaign, after: Campaign) -> Literal["errors", "success"]:
    """What a look at its counts has paused the campaign for: a group failed, or is through and the next one waits."""
    return "errors" if after.judged > before.judged else "success"


def paused(campaign: Campaign, why: str) -> Campaign:
    """The campaign, starting nobody until it is resumed. Raises: Conflict when it does not run."""
    _expect(campaign, "pause", CampaignState.RUNNING)
    return replace(campaign, state=CampaignState.PAUSED, why=why)


def resumed(campaign: Campaign) -> Campaign:
    """The campaign, running again; what it was paused for is let pass. Raises: Conflict when it is not paused."""
    _expect(campaign, "resume", CampaignState.PAUSED)
    opened = campaign.opened
    if campaign.after_success == "pause" and opened < len(campaign.groups) and _succeeded(campaign, opened - 1):
        opened += 1
    return replace(campaign, state=CampaignState.RUNNING, why="", opened=opened)


def next_group(campaign: Campaign) -> Campaign:
    """The campaign with its next group open now, whatever became of those before. Raises: Conflict."""
    _expect(campaign, "open the next group of", CampaignState.RUNNING, CampaignState.PAUSED)
    if campaign.opened >= len(campaign.groups):
        raise Conflict(f"campaign {campaign.id} has opened its last group")
    return replace(campaign, state=CampaignState.RUNNING, why="", opened=campaign.opened + 1)


def stopped(campaign: Campaign, now: datetime, why: str) -> Campaign:
    """The campaign at its end: who was not started never is. Raises: Conflict when it has ended."""
    states = (CampaignState.BUILDING, CampaignState.WAITING, CampaignState.RUNNING, CampaignState.PAUSED)
    _expect(campaign, "stop", *states)
    return replace(campaign, state=CampaignState.STOPPED, why=why, ended_at=now)


def undoing(campaign: Campaign, why: str) -> Campaign:
    """The campaign on its way back: every device that was started gets what it had. Raises: Conflict."""
    states = set(CampaignState) - {CampaignState.BUILDING, CampaignState.UNDOING, CampaignState.UNDONE}
    _expect(campaign, "undo", *(one for one in CampaignState if one in states))
    if not campaign.content.can_be_undone:
        what = ", ".join(campaign.content.without_way_back) or "what it did"
        raise Conflict(f"campaign {campaign.id} has nothing that can be undone: {what} cannot be taken back")
    return replace(campaign, state=CampaignState.UNDOING, why=why, ended_at=None, next_start_at=None)


def is_closed(campaign: Campaign) -> bool:
    """True when nothing is left to do or to look at."""
    if campaign.state is CampaignState.UNDONE:
        return True
    return campaign.state in ENDS and not campaign.under_way


def _begun(campaign: Campaign) -> Campaign:
    """The campaign with its members found: as it goes on from there by itself, or what it waits for."""
    if campaign.needs_approval and campaign.approval is None:
        return replace(campaign, state=CampaignState.WAITING, why="waits for the approval of somebody else")
    if campaign.begins_paused:
        return replace(campaign, state=CampaignState.PAUSED, why="waits for somebody to resume it")
    return replace(campaign, state=CampaignState.RUNNING, why="")


def _decided(campaign: Campaign, what: str, approval: Approval) -> Campaign:
    _expect(campaign, what, CampaignState.WAITING)
    if approval.by in campaign.authors:
        raise Forbidden(f"campaign {campaign.id} needs the approval of somebody else: {approval.by} made or changed it")
    return replace(campaign, approval=approval)


def _error(campaign: Campaign, group: int) -> str:
    """Why the group is an error; empty as long as it is none."""
    plan, size = campaign.groups[group], campaign.size_of(group)
    failed = campaign.count(group, MemberState.FAILED)
    if size and failed * 100 > plan.error_percent * size:
        return f"{failed} of {size} devices failed, more than {plan.error_percent} %"
    if _over(campaign, group) and not _succeeded(campaign, group):
        return f"{campaign.count(group, MemberState.OK)} of {size} devices are ok, less than {plan.success_percent} %"
    return ""


def _over(campaign: Campaign, group: int) -> bool:
    """Whether every member of the group has its outcome."""
    return not campaign.count(group, MemberState.PENDING) and not campaign.count(group, MemberState.STARTED)


def _succeeded(campaign: Campaign, group: int) -> bool:
    size = campaign.size_of(group) - campaign.count(group, MemberState.SKIPPED)
    return campaign.count(group, MemberState.OK) * 100 >= campaign.groups[group].success_percent * size


def _on_error(campaign: Campaign, why: str, now: datetime) -> Campaign:
    if campaign.on_error == "undo" and campaign.content.can_be_undone:
        return undoing(campaign, why)
    if campaign.on_error == "stop":
        return stopped(campaign, now, why)
    return paused(campaign, why)


def _expect(campaign: Campaign, what: str, *states: CampaignState) -> None:
    if campaign.state not in states:
        known = " or ".join(states)
        raise Conflict(f"cannot {what} campaign {campaign.id}: it is {campaign.state}, not {known}")
