"""A campaign, whatever its devices do and its operator orders, keeps its promises and comes to an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.errors import Conflict, Forbidden
from gateway.fleet import campaign as machine
from gateway.fleet.campaign import ENDS, Campaign, CampaignState, Content, Group, Member, MemberState, Target

START = datetime(2026, 3, 1, tzinfo=UTC)
OUTCOMES = (MemberState.OK, MemberState.OK, MemberState.OK, MemberState.FAILED)

groups = st.lists(
    st.builds(
        Group,
        size=st.integers(1, 5),
        success_percent=st.sampled_from((0, 50, 100)),
        error_percent=st.sampled_from((0, 30, 100)),
    )
    | st.builds(Group, percent=st.integers(1, 100), error_percent=st.sampled_from((0, 30, 100))),
    min_size=1,
    max_size=4,
)


class CampaignMachine(RuleBasedStateMachine):
    """Starts members by the campaign's own turns, gives them outcomes, and orders what an operator may."""

    campaign: Campaign
    members: list[Member]

    @initialize(
        groups=groups,
        count=st.integers(0, 12),
        after=st.sampled_from(("next", "pause")),
        on_error=st.sampled_from(("pause", "stop", "undo")),
        rate=st.sampled_from((1.0, 60.0, 6000.0)),
        values=st.booleans(),
        guarded=st.booleans(),
    )
    def begin(
        self, groups: list[Group], count: int, after: str, on_error: str, rate: float, values: bool, guarded: bool
    ) -> None:
        self.now = START
        campaign = Campaign(
            id="c",
            name="c",
            created_at=START,
            target=Target(match={"plan": ("gold",)}),
            content=Content(values={"ims/Timer_T1": "1"} if values else {}, package="" if values else "p"),
            groups=tuple(groups),
            after_success=after,  # type: ignore[arg-type]
            on_error=on_error,  # type: ignore[arg-type]
            rate_per_minute=rate,
            authors=("ada",),
            needs_approval=guarded,
        )
        self.campaign = machine.built(machine.joined(campaign, count))
        self.members = [Member(device_id=str(n)) for n in range(count)]

    def settle(self, index: int, state: MemberState, code: str = "") -> None:
        before = self.members[index]
        after = Member(device_id=before.device_id, state=state, code=code)
        self.campaign = machine.moved(self.campaign, index, before, after)
        self.members[index] = after

    def turn(self) -> bool:
        """Take the turn that is due; False when none is."""
        turn_at = machine.next_turn(self.campaign, self.now)
        if turn_at is None or turn_at > self.now:
            return False
        undoes = self.campaign.state is CampaignState.UNDOING
        index = self.campaign.undone if undoes else self.campaign.started
        assert undoes or self.campaign.state is CampaignState.RUNNING
        assert self.members[index].state is MemberState.PENDING or undoes
        self.campaign = machine.took_turn(self.campaign, self.now)
        self.settle(index, MemberState.UNDONE if undoes else MemberState.STARTED)
        return True

    @rule(seconds=st.integers(0, 300))
    def work(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        before, taken = self.campaign.started + self.campaign.undone, 0
        while self.turn():
            taken += 1
        assert taken <= 2 + (seconds + 1) * self.campaign.rate_per_minute / 60
        assert self.campaign.started + self.campaign.undone == before + taken
        self.campaign = machine.judged(self.campaign, self.now)

    @precondition(lambda self: any(one.state is MemberState.STARTED for one in self.members))
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def answer(self, data: st.DataObject, outcome: MemberState) -> None:
        waiting = [n for n, one in enumerate(self.members) if one.state is MemberState.STARTED]
        index = data.draw(st.sampled_from(waiting))
        self.settle(index, outcome, "405" if outcome is MemberState.FAILED else "")
        self.campaign = machine.judged(self.campaign, self.now)

    @rule(
        order=st.sampled_from(("pause", "resume", "next", "stop", "undo", "approve", "reject", "change")),
        who=st.sampled_from(("ada", "bob", "eve")),
    )
    def order(self, order: str, who: str) -> None:
        before, now = self.campaign, self.now
        commands = {
            "pause": lambda: machine.paused(before, "by hand"),
            "resume": lambda: machine.resumed(before),
            "next": lambda: machine.next_group(before),
            "stop": lambda: machine.stopped(before, self.now, "by hand"),
            "undo": lambda: machine.undoing(before, "by hand"),
            "approve": lambda: machine.approved(before, who, now),
            "reject": lambda: machine.rejected(before, who, now, "no"),
            "change": lambda: machine.changed(before, who, now, needs_approval=False, retries=1),
        }
        try:
            self.campaign = commands[order]()
        except Forbidden:
            assert order in ("approve", "reject")
            assert who in before.authors
        except Conflict:
            assert self.campaign is before
        else:
            # Nothing that stops it waits for anybody.
            assert order != "stop" or self.campaign.state is CampaignState.STOPPED
            assert self.campaign.state is not CampaignState.WAITING or order == "change"

    @invariant()
    def counts_are_those_of_the_members(self) -> None:
        if not hasattr(self, "members"):
            return
        campaign = self.campaign
        for group in range(len(campaign.groups)):
            mine = [one for n, one in enumerate(self.members) if campaign.group_of(n) == group]
            assert campaign.size_of(group) == len(mine)
            for state in MemberState:
                assert campaign.count(group, state) == sum(one.state is state for one in mine)
        assert sum(campaign.errors.values()) == sum(one.state is MemberState.FAILED for one in self.members)

    @invariant()
    def nobody_is_started_out_of_turn(self) -> None:
        if not hasattr(self, "members"):
            return
        campaign = self.campaign
        assert campaign.started <= campaign.limit <= campaign.total == len(self.members)
        assert all(one.state is MemberState.PENDING for one in self.members[campaign.started :])
        assert campaign.undone <= campaign.started
        if campaign.state in ENDS:
            assert campaign.ended_at is not None
        if campaign.state is CampaignState.FINISHED:
            assert not campaign.under_way
            assert campaign.started == campaign.total

    @invariant()
    def nobody_is_started_that_nobody_else_approved(self) -> None:
        if not hasattr(self, "members"):
            return
        approval = self.campaign.approval
        if self.campaign.needs_approval and machine.next_turn(self.campaign, self.now):
            assert self.campaign.state is CampaignState.UNDOING or (
                approval is not None and approval.granted and approval.by not in self.campaign.authors
            )

    def teardown(self) -> None:
        """From wherever it is left, it ends once its devices answer and somebody resumes it."""
        if not hasattr(self, "members"):
            return
        for _ in range(200):
            if machine.is_closed(self.campaign):
                return
            if self.campaign.state is CampaignState.WAITING:
                self.campaign = machine.approved(self.campaign, "somebody else", self.now)
            if self.campaign.state is CampaignState.PAUSED:
                self.campaign = machine.resumed(self.campaign)
            self.now += timedelta(minutes=10)
            while self.turn():
                pass
            for index, member in enumerate(self.members):
                if member.state is MemberState.STARTED:
                    self.settle(index, MemberState.OK)
            self.campaign = machine.judged(self.campaign, self.now)
        raise AssertionError(f"it wedges: {self.campaign}")


CampaignMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_campaign_model = CampaignMachine.TestCase
