"""Which values are secrets, and what is written down in their place."""

from __future__ import annotations

import pytest

from gateway.fleet.secret import covered, covered_file, covered_line, is_secret


@pytest.mark.parametrize(
    ("uri", "secret"),
    [
        ("./DMAcc/1/AppAuth/1/AAuthSecret", True),
        ("./DMAcc/1/AppAuth/1/aauthsecret?prop=Name", True),
        ("./AAuthSecret/Name", False),
        ("rcs/MESSAGING/ftHTTPCSPwd", True),
        ("", False),
        ("./Vendor/Wifi/Psk", True),
        ("./Vendor/WPA2_PSK", True),
        ("./Vendor/Mail/SmtpPassword", True),
        ("./Vendor/Mail/IncomingPwd2", True),
        ("./Vendor/preSharedKeyHex", True),
        ("./Vendor/PasswordLength", False),
        ("./Vendor/MapSkin", False),
        ("./Vendor/Keep", False),
        ("./NAP/1/Bearer/WLAN/WEPKeyId", False),
    ],
)
def test_a_secret_is_known_by_the_name_of_its_node(uri: str, secret: bool) -> None:
    """However it is spelt, whatever is asked of it, and a maker's own too; what stands below it is another node."""
    assert is_secret(uri) is secret


def test_secrets_are_covered_wherever_their_node_stands() -> None:
    """Beside the value, as its key, in a group, in a serialized subtree; nothing else changes."""
    subtree = "<MgmtTree><Node><NodeName>AAuthSecret</NodeName><Value>s3</Value></Node></MgmtTree>"
    told = {
        "values": {"ims/Timer_T1": "2000", "ims/Ext/GSMA/UserPwd": "s1", "ims/Ext/GSMA/Realm": ""},
        "operations": [
            {"verb": "Add", "uri": "./A/AuthPW", "value": "s2", "format": "chr"},
            {"verb": "Atomic", "uri": "", "value": None, "members": [{"uri": "./A/B", "value": subtree}]},
            {"verb": "Alert", "answers": ["s4"]},
            {"verb": "Get", "uri": "./A", "results": {"./A/AuthPW": "s5", "./A/Name": "x"}, "status": 200},
        ],
        "leaves": [{"node": "ims/Ext/GSMA/UserPwd", "wanted": "s1", "held": "s0", "standing": "drifted"}],
    }
    assert covered(told) == {
        "values": {"ims/Timer_T1": "2000", "ims/Ext/GSMA/UserPwd": "***", "ims/Ext/GSMA/Realm": ""},
        "operations": [
            {"verb": "Add", "uri": "./A/AuthPW", "value": "***", "format": "chr"},
            {"verb": "Atomic", "uri": "", "value": None, "members": [{"uri": "./A/B", "value": "***"}]},
            {"verb": "Alert", "answers": ["***"]},
            {"verb": "Get", "uri": "./A", "results": {"./A/AuthPW": "***", "./A/Name": "x"}, "status": 200},
        ],
        "leaves": [{"node": "ims/Ext/GSMA/UserPwd", "wanted": "***", "held": "***", "standing": "drifted"}],
    }


def test_all_that_stands_beside_a_secrets_node_is_covered() -> None:
    """Where a value came from, and what it was and is now in a plan."""
    explained = {"node": "rcs/UserPwd", "value": "s1", "winner": {"layer": "plan", "template": "s1"}, "losers": []}
    assert covered(explained)["winner"] == {"layer": "plan", "template": "***"}
    assert covered({"key": "mo.ims.UserPwd", "was": None, "now": "s1"}) == {
        "key": "mo.ims.UserPwd",
        "was": None,
        "now": "***",
    }


def test_a_profile_is_shown_without_its_secrets() -> None:
    """Whatever its keys are quoted with; what is none stays as it is written."""
    text = 'name = "x" # a name\n[mo.rcs]\n"A/UserPwd" = "s1"\nUserPwd = 5\n\'B/Psk\' = \'s\'\nUserName = "bob"\n'
    shown = 'name = "x" # a name\n[mo.rcs]\n"A/UserPwd" = "***"\nUserPwd = "***"\n\'B/Psk\' = "***"\nUserName = "bob"\n'
    assert covered_file(text) == shown
    assert covered_line(shown) == 3


def test_a_shown_profile_is_told_from_one_that_states_its_secrets() -> None:
    """By the first line whose secret is covered; what only looks so, and is no secret, is taken as it stands."""
    assert covered_line('[mo.rcs]\n\nUserName = "***"\n"A/UserPwd" = "s1"\nUserPwd = "***"\n') == 5
    assert covered_line('[mo.rcs]\nUserName = "***"\nUserPwd = "*** not covered"\n') is None
