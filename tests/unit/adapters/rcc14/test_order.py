"""The order of decisions on the TLS leg, row by row, and what holds of a request."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from adapters.rcc14.messages import Request, parse_request
from adapters.rcc14.order import CHALLENGES, CHECKS, ORDER, UNCHALLENGED, Fact, Step, decide, facts_of, major, offers_of

SHEET = [
    ("UNSUPPORTED_RELEASE", "NAME_RELEASES"),
    ("OVERLOADED", "SHED"),
    ("EAP_REPLY", "CHECK_EAP"),
    ("OTP_REPLY", "CHECK_OTP"),
    ("OIDC_REPLY", "CHECK_OIDC"),
    ("COOKIE", "TAKE_COOKIE"),
    ("GBA_REPLY", "CHECK_GBA"),
    ("TOKEN", "TAKE_TOKEN"),
    ("TOKEN_REFUSED", "DROP_TOKEN"),
    ("EAP_OFFERED", "START_EAP"),
    ("OIDC_OFFERED", "START_OIDC"),
    ("GBA_OFFERED", "START_GBA"),
    ("NO_PORT", "START_AGAIN"),
    ("NUMBER", "START_OTP"),
]
ROWS = [(Fact[fact], Step[step]) for fact, step in SHEET]


@pytest.mark.parametrize(("place", "row"), list(enumerate(ROWS)), ids=[fact for fact, _ in SHEET])
def test_each_row_decides_over_all_below_it(place: int, row: tuple[Fact, Step]) -> None:
    """Whatever of the later rows holds as well, the first that holds decides (RCC.14 2.2.2, 2.3)."""
    fact, step = row
    below = [later for later, _ in ROWS[place + 1 :]]
    for others in itertools.chain([()], [(one,) for one in below], [tuple(below)]):
        assert decide({fact, *others}) is step


def test_nothing_at_all_is_refused() -> None:
    """Who neither shows nor can be sent anything is refused."""
    assert decide(set()) is Step.REFUSE
    assert list(ORDER.items()) == ROWS


def test_a_fact_that_came_to_nothing_lets_the_next_decide() -> None:
    """A cookie that has ended leaves it to the token; a token that is no good is answered before anything starts."""
    facts = {Fact.COOKIE, Fact.TOKEN, Fact.EAP_OFFERED, Fact.NUMBER}
    assert decide(facts) is Step.TAKE_COOKIE
    assert decide(facts - {Fact.COOKIE}) is Step.TAKE_TOKEN
    assert decide(facts - {Fact.COOKIE, Fact.TOKEN} | {Fact.TOKEN_REFUSED}) is Step.DROP_TOKEN


def holds(query: str, **known: object) -> set[Fact]:
    given = {"releases": (), "has_cookie": False, "replies": ()} | known
    return facts_of(parse_request(query), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        ("", {Fact.NO_PORT}),
        ("SMS_port=0", set()),
        ("SMS_port=70000", {Fact.NO_PORT}),
        ("token=&SMS_port=37273", set()),
        ("token=x&SMS_port=37273", {Fact.TOKEN}),
    ],
)
def test_what_a_query_says(query: str, facts: set[Fact]) -> None:
    """An empty token is none, and a port that is none is as good as none (RCC.14 2.3)."""
    assert holds(query) == facts


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("msisdn=%2B15550100001", True),
        ("msisdn=+15550100001", True),
        ("IMSI=001010000000001", True),
        ("IMSI=001010000000001&msisdn=%2B15550100001", True),
        ("IMSI=001010000000001&msisdn=mine", False),
        ("msisdn=mine", False),
        ("", False),
    ],
)
def test_a_number_to_send_a_code_to(query: str, number: bool) -> None:
    """It is the one that is claimed, or that of the IMSI; what is no number is asked for again."""
    assert (Fact.NUMBER in offers_of(parse_request(query), ["otp"])) is number
    assert Fact.NUMBER not in offers_of(parse_request(query), [])


@pytest.mark.parametrize(
    ("release", "spoken", "unsupported"),
    [
        ("5.0", ("2.0", "4.0", "5.0"), False),
        ("5.1", ("5.0",), False),
        ("6.0", ("2.0", "5.0"), True),
        ("", ("5.0",), False),
        ("new", ("5.0",), True),
        ("99", (), False),
    ],
)
def test_a_release_that_is_not_spoken(release: str, spoken: tuple[str, ...], unsupported: bool) -> None:
    """The number before the point counts; a client that names none is older than the parameter (RCC.14 2.3.1)."""
    facts = holds(f"provisioning_version={release}", releases=set(map(major, spoken)))
    assert (Fact.UNSUPPORTED_RELEASE in facts) is unsupported


def test_every_method_has_its_rows() -> None:
    """A reply and a challenge of each method have one fact and one step each."""
    for table in (CHECKS, CHALLENGES):
        assert set(table) == {"eap", "otp", "oidc", "gba"}
        for fact, step in table.values():
            assert ORDER[fact] is step
    replies = facts_of(Request(), releases=(), has_cookie=True, replies=["eap", "gba"])
    assert replies == {Fact.EAP_REPLY, Fact.GBA_REPLY, Fact.COOKIE, Fact.NO_PORT}
    assert offers_of(Request(), ["oidc", "otp"]) == {Fact.OIDC_OFFERED}


def test_challenges_come_after_everything_that_could_be_shown() -> None:
    """Whether a client could be challenged need not be known while it has something to show."""
    order = list(ORDER.values())
    challenges = [order.index(step) for _, step in CHALLENGES.values()]
    shown = [order.index(step) for step in order if step not in UNCHALLENGED and order.index(step) not in challenges]
    assert max(shown) < min(challenges)


def test_the_explanation_has_the_order() -> None:
    """The table that people read is the one that is gone by."""
    page = (Path(__file__).parents[4] / "docs" / "explanation" / "rcc14.md").read_text()
    rows = [f"| {place} | {fact.value} | {step.value} |" for place, (fact, step) in enumerate(ORDER.items(), start=1)]
    assert "\n".join(rows) in page
    assert f"| {Step.REFUSE.value} |" in page
