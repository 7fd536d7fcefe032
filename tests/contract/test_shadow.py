"""Findings of comparing with another server, over every store: the newest of each client, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stores import OPENERS

from gateway.settings import Shadow
from gateway.shadow import MAX_DIFFERENCES, MAX_TEXT, Difference, Finding, Findings, finding_id

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T1 = Difference("changed", "APPLICATION ap2001/Timer_T1", "3000", "2000")


def finding(who: str, *differences: Difference, at: datetime = NOW) -> Finding:
    return Finding(
        id=finding_id(who), at=at, outcome="differing" if differences else "same", subscriber=who,
        differences=differences,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_the_newest_finding_of_each_client_is_kept_within_bounds(tmp_path: Path, kind: str) -> None:
    """Of so many clients, with so much of each; they are summed up, listed by pages, and go by age or on request."""
    store, times = await OPENERS[kind](tmp_path), [NOW]
    findings = Findings(store, Shadow(keep=3, keep_days=10), lambda: times[0])
    await findings.note(finding("ann", T1))
    await findings.note(finding("bea", T1, *[Difference("added", f"p{n}", "", "x" * 999) for n in range(500)]))
    await findings.note(finding("cy", at=NOW + timedelta(days=5)))
    await findings.note(finding("one-too-many", T1))
    await findings.note(finding("ann"))
    outcomes, places = await findings.sum_up()
    assert (outcomes["same"], outcomes["differing"]) == (2, 1)
    assert {one.clients for one in places} == {1}
    (bea,) = await findings.list(outcome="differing")
    assert (len(bea.differences), bea.more, len(bea.differences[1].ours)) == (MAX_DIFFERENCES, 401, MAX_TEXT)
    assert await findings.list(place="p7") == [bea]
    first = await findings.list(limit=2)
    assert len([*first, *await findings.list(after=first[-1].id)]) == 3
    times[0] = NOW + timedelta(days=11)
    await findings.expire()
    assert [one.subscriber for one in await findings.list()] == ["cy"]
    assert await findings.clear() == 1
    assert await findings.list() == []
    await store.close()


async def test_a_client_that_is_up_to_date_does_not_hide_what_was_found(tmp_path: Path) -> None:
    """That it was told to keep what it holds says nothing new of what that is."""
    store = await OPENERS["sqlite"](tmp_path)
    findings = Findings(store, Shadow(), lambda: NOW)
    await findings.note(finding("ann", T1))
    await findings.note(Finding(id=finding_id("ann"), at=NOW, outcome="unchanged", subscriber="ann"))
    assert [one.outcome for one in await findings.list()] == ["differing"]
    await store.close()
