"""Rules of detection: for whom, what follows, and what is said of a rule that is none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError
from gateway.fleet.detection import Cause, Detection
from gateway.fleet.detection_rules import calling, follow, parse_rules
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber

ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001", plan="basic", groups=("old",))
PHONE = Device(id="ann.1", imei="351234560000010", manufacturer="Acme", model="Nova 5")
FIRST = Detection(Cause.FIRST_IMEI, "001010000000001", "3512345600000101")


def applying(match: str, detection: Detection = FIRST, source: str = "map", subscriber: Subscriber = ANN) -> bool:
    """Whether a rule with that match is for the detection."""
    rules = parse_rules(f'[rules.one]\ncauses = ["first-imei"]\n{match}', "rules.toml")
    return bool(follow(rules, subscriber, PHONE, detection, source).rules)


@pytest.mark.parametrize(
    ("match", "is_for"),
    [
        ("", True),
        ('match.tac = "35123456"', True),
        ('match.tac = ["35999999", "35123456"]', True),
        ('match.tac = "35999999"', False),
        ('match.model = "nova 5"', True),
        ('match.manufacturer = "ACME"', True),
        ('match.plan = "basic"\nmatch.group = "old"', True),
        ('match.plan = "basic"\nmatch.group = "new"', False),
        ('match.tenant = "bluebird"', False),
        ('match.plmn = "00101"', True),
        ('match.imsi = "001010000000000-001010000000099"', True),
        ('match.imsi = "001010000000002-001010000000099"', False),
        ('match.imsi = "001010000000001"', True),
        ('match.msisdn = "+15550100000-+15550100009"', True),
        ('match.msisdn = "+15550100002"', False),
        ('match.attributes.segment = "youth"', False),
        ('sources = ["map", "s13"]', True),
        ('sources = ["csv"]', False),
    ],
)
def test_a_rule_is_for_what_its_match_says(match: str, is_for: bool) -> None:
    """Every line of the match must agree, with one of its values."""
    assert applying(match) is is_for


def test_the_network_is_that_of_the_sim_that_was_seen() -> None:
    """Not that of another SIM of the subscriber's."""
    other = FIRST._replace(imsi="262010000000001")
    both = replace(ANN, imsis=(*ANN.imsis, other.imsi))
    assert applying('match.plmn = "26201"', other, subscriber=both)
    assert not applying('match.plmn = "00101"', other, subscriber=both)


def test_a_rule_is_for_its_causes() -> None:
    """And for no others."""
    assert not applying("", FIRST._replace(cause=Cause.REMOVED))


def test_what_follows_adds_up() -> None:
    """Groups come and go, plan and attributes are set; the configuration becomes another, once for each rule."""
    rules = parse_rules(
        """
        [rules.volte]
        causes = ["first-imei", "changed-imei"]
        join = ["volte"]
        leave = ["old"]
        attributes = { class = "new" }
        [rules.plan]
        causes = ["first-imei"]
        match.group = "old"
        plan = "premium"
        reach = true
        within_seconds = 600
        webhook = true
        """,
        "rules.toml",
    )
    after, followed = follow(rules, ANN, PHONE, FIRST, "map")
    assert (after.groups, after.plan, after.attributes) == (("volte",), "premium", {"class": "new"})
    assert after.content_revision == ANN.content_revision + 2
    assert [(rule.name, rule.reach, rule.within_seconds, rule.webhook) for rule in followed] == [
        ("volte", False, 0, False),
        ("plan", True, 600, True),
    ]
    assert follow(rules[:1], after, PHONE, FIRST, "map").subscriber is after


def test_rules_together_make_one_call() -> None:
    """The shortest time and the first way that is named count; no rule, no call."""
    causes = 'causes = ["first-imei"]\n'
    rules = parse_rules(
        f"[rules.quiet]\n{causes}[rules.slow]\n{causes}reach = true\nwithin_seconds = 600\n"
        f'[rules.cp]\n{causes}reach = true\nwithin_seconds = 900\nway = "cp"',
        "rules.toml",
    )
    assert calling(rules) == ("slow", 600, "cp")
    assert calling(rules[:1]) is None


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("[rules.a]\ncauses = [", 2, "not TOML"),
        ('[rules.a]\ncauses = ["first-imei"]\n\n[rules.b]\njoin = ["x"]', 4, "causes"),
        ('[rules.a]\ncauses = ["first-use"]', 2, "first-use"),
        ('[rules.a]\ncauses = ["first-imei"]\ncolour = 1', 3, "colour"),
        ('[rules.a]\ncauses = ["first-imei"]\nreach = "yes"', 3, "bool"),
        ('[rules.a]\ncauses = ["first-imei"]\nway = "cp"', 3, "reach = true"),
        ('[rules.a]\ncauses = ["first-imei"]\nreach = true\nway = "pigeon"', 4, "pigeon"),
        ('[rules.a]\ncauses = ["first-imei"]\nmatch.colour = "red"', 3, "tac"),
        ('[rules.a]\ncauses = ["first-imei"]\nmatch.imsi = "5-1"', 3, "range"),
        ('[rules.a]\ncauses = ["first-imei"]\n[rules.a.match]\ntac = []', 3, "length"),
        ('[rule.a]\ncauses = ["first-imei"]', 1, r"\[rules.NAME\]"),
        ("rules = 1", 1, r"\[rules.NAME\]"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_place(source: str, line: int, says: str) -> None:
    """File, line, key, and what would be right."""
    with pytest.raises(ConfigError, match=says) as refused:
        parse_rules(source, "rules.toml")
    assert (refused.value.file, refused.value.line) == ("rules.toml", line)
