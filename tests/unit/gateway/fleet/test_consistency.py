"""Rules over several nodes hold for every merge that some device could get, and a breach names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.fleet.consistency import Rule, load_rules
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet, load_profiles, parse_profile
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue

ROOT = Path(__file__).parents[4]
CONFIG = ROOT / "config"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(CONFIG / "mo", identifiers={})


@pytest.fixture(scope="module")
def rules(catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules the gateway is shipped with."""
    return load_rules([CONFIG / "mo"], catalogue)


def profile(name: str, layer: str, match: str, *values: str) -> tuple[str, str]:
    return name, "\n".join([f'name = "{name}"', f'layer = "{layer}"', "[match]", match, "[mo.rcs]", *values])


def broken(
    catalogue: Catalogue, rules: tuple[Rule, ...], *sources: tuple[str, str]
) -> tuple[str, int | None, str, str]:
    """Where the profiles break a rule: file, line, node and what is said; all empty when they keep all."""
    parsed = [parse_profile(source, f"/profiles/{name}.toml", catalogue) for name, source in sources]
    try:
        ProfileSet(parsed, catalogue, rules)
    except ConfigError as fault:
        return str(fault.file), fault.line, str(fault.key), fault.reason
    return "", None, "", ""


def test_the_shipped_profiles_keep_the_shipped_rules(catalogue: Catalogue, rules: tuple[Rule, ...]) -> None:
    """Every merge of the demo operator's profiles is sound. Spec: RCC.07 Annex A"""
    assert len(rules) == 6
    assert load_profiles(CONFIG / "profiles", catalogue, rules).profiles


@pytest.mark.parametrize(
    ("values", "line", "node", "says"),
    [
        (
            ('"SERVICES/GroupChatAuth" = true',),
            6,
            "MESSAGING/Chat/conf-fcty-uri",
            "group chat needs a conference factory",
        ),
        (
            ('"SERVICES/GroupChatAuth" = true', '"MESSAGING/Chat/conf-fcty-uri" = "sip:x"'),
            6,
            "MESSAGING/Chat/max_adhoc_group_size",
            "room for three",
        ),
        (('"SERVICES/ftAuth" = true',), 6, "MESSAGING/FileTransfer/ftHTTPCSURI", "needs a content server"),
        (
            ('"SERVICES/ftAuth" = true', '"MESSAGING/FileTransfer/ftHTTPCSURI" = "http://x"'),
            7,
            "MESSAGING/FileTransfer/ftHTTPCSURI",
            "over TLS",
        ),
        (('"MESSAGING/Chatbot/PrivacyDisable" = true',), 6, "MESSAGING/Chatbot", "no chatbots without chat"),
        (
            ('"MESSAGING/FileTransfer/ftWarnSize" = 11', '"MESSAGING/FileTransfer/MaxSizeFileTr" = 10'),
            6,
            "MESSAGING/FileTransfer/ftWarnSize",
            "not over the largest size",
        ),
        (
            ('"MESSAGING/StandaloneMsg/MaxSize" = 10', '"MESSAGING/StandaloneMsg/SwitchoverSize" = 11'),
            7,
            "MESSAGING/StandaloneMsg/SwitchoverSize",
            "switch over",
        ),
        (('To-AppRef = "one"', "[mo.ims]", '"Ext/GSMA/AppRef" = "two"'), 6, "To-AppRef", "of the same document"),
    ],
)
def test_a_breach_names_its_place(
    catalogue: Catalogue, rules: tuple[Rule, ...], values: tuple[str, ...], line: int, node: str, says: str
) -> None:
    """File, line, node and rule are told, for a node that is missing those of the value that asks for it."""
    file, at, key, reason = broken(catalogue, rules, profile("p", "plan", 'plan = "a"', *values))
    assert (file, at, key) == ("/profiles/p.toml", line, f"rcs/{node}")
    assert says in reason
    assert "(RCC.07 Annex A, " in reason


@pytest.mark.parametrize(
    "values",
    [
        ('"MESSAGING/FileTransfer/ftWarnSize" = 11', '"MESSAGING/FileTransfer/MaxSizeFileTr" = 0'),
        ('"SERVICES/ftAuth" = true', '"IM/ftDefaultMech" = "MSRP"'),
        ('"SERVICES/ftAuth" = true', '"MESSAGING/FileTransfer/ftHTTPCSURI" = "{content_server}"'),
        ('"SERVICES/ChatAuth" = true', '"MESSAGING/Chatbot/PrivacyDisable" = true'),
        ('To-AppRef = "one"',),
        ('"UX/messagingUX" = 0',),
    ],
)
def test_what_keeps_the_rules(catalogue: Catalogue, rules: tuple[Rule, ...], values: tuple[str, ...]) -> None:
    """No limit, another mechanism, a variable, what is not there: none of it breaks a rule."""
    assert broken(catalogue, rules, profile("p", "plan", 'plan = "a"', *values))[3] == ""


def test_profiles_are_checked_as_they_come_together(catalogue: Catalogue, rules: tuple[Rule, ...]) -> None:
    """Two sound profiles whose merge is not are refused, unless no device can have both."""
    switch = '"SERVICES/ChatAuth" = true', '"MESSAGING/Chatbot/PrivacyDisable" = true'
    base = profile("base", "tenant", 'tenant = "t"', *switch)
    plan = profile("plan", "plan", 'plan = "a"', '"SERVICES/ChatAuth" = false')
    assert broken(catalogue, rules, base, plan)[:3] == ("/profiles/base.toml", 7, "rcs/MESSAGING/Chatbot")
    other = profile("other", "tenant", 'tenant = "u"', '"SERVICES/ChatAuth" = false')
    assert broken(catalogue, rules, base, other)[3] == ""
    one = profile("a", "group", 'group = "a"', switch[1], switch[0])
    two = profile("b", "group", 'group = "b"', '"SERVICES/ChatAuth" = false')
    assert broken(catalogue, rules, one, two)[3] == (
        "there are no chatbots without chat (RCC.07 Annex A, ChatAuth): take rcs/MESSAGING/Chatbot away, which a "
        "(a.toml:6) sets, or let rcs/SERVICES/ChatAuth not be false"
    )


def test_what_is_set_on_a_subscriber_is_told(catalogue: Catalogue, rules: tuple[Rule, ...]) -> None:
    """A subscriber's own value that breaks a rule is found in their selection."""
    profiles = load_profiles(CONFIG / "profiles", catalogue, rules)
    sound = Subscriber(id="a", imsis=("001010000000001",))
    odd = Subscriber(id="b", imsis=("001010000000002",), overrides={"rcs": {"SERVICES/ChatAuth": "false"}})
    assert profiles.breaches(profiles.select(sound, Device(id="a.1"))) == ()
    (breach,) = profiles.breaches(profiles.select(odd, Device(id="b.1")))
    assert (breach.node, breach.rule.clause) == ("rcs/MESSAGING/Chatbot", "RCC.07 Annex A, ChatAuth")


@pytest.mark.parametrize(
    ("content", "key", "says"),
    [
        ("rule = 1", "rule", "Expected `array`"),
        ('[[rule]]\nsays = "x"\n', "rule", "missing required field `clause`"),
        ('[[rule]]\nsays = "x"\nclause = "y"\nneed = []', "rule", "unknown field"),
        ('[[rule]]\nsays = "x"\nclause = "y"\nneeds = ["rcs/SERVICE"]', "x", "did you mean SERVICES"),
    ],
)
def test_faults_of_rules(catalogue: Catalogue, tmp_path: Path, content: str, key: str, says: str) -> None:
    """A rule that cannot be read, or looks at a node that is not there, is told by file."""
    (tmp_path / "r.toml").write_text(content)
    with pytest.raises(ConfigError, match=says) as caught:
        load_rules([tmp_path], catalogue)
    assert (caught.value.file, caught.value.key) == (tmp_path / "r.toml", key)
