"""Profiles are written as they are read."""

from pathlib import Path

import pytest

from gateway.fleet.profile import parse_profile
from gateway.fleet.profile_format import format_profile
from gateway.fleet.selection import Layer
from gateway.mo.catalogue import Catalogue

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(ROOT / "config" / "mo", identifiers={})


def test_what_is_written_is_read_as_it_was_meant(catalogue: Catalogue) -> None:
    """Values of every format, variables, braces, quotes and control characters come back, and so does the match."""
    templates = {
        "ims": {
            "Timer_T1": "2000",
            "Keep_Alive_Enabled": "true",
            "Ext/GSMA/Q-Value": "0.5",
            "Private_user_identity": "{impi}",
            "Name": 'a "quoted" \\ {{brace}}\n\t\x85 é',
        },
        "rcs": {"SERVICEPROVIDEREXT/a b": "x", "SERVICES/rcsDisabledState": "-1"},
    }
    match = {"plan": ["one", "two"], "attributes.colour": ["red"]}
    text = format_profile("taken over", Layer.PLAN, match, templates, catalogue)
    profile = parse_profile(text, "x.toml", catalogue)
    read: dict[str, dict[str, str | None]] = {}
    for node, source in profile.content.values.items():
        read.setdefault(node.mo, {})[node.path] = source.template
    assert read == templates
    assert (profile.name, profile.layer) == ("taken over", Layer.PLAN)
    assert profile.match == {"plan": frozenset({"one", "two"}), "attributes.colour": frozenset({"red"})}


def test_values_look_as_people_write_them(catalogue: Catalogue) -> None:
    """Numbers and truth values stand without quotes, each MO under its title."""
    text = format_profile(
        "x", Layer.OPERATOR, {}, {"ims": {"Timer_T1": "02000", "Keep_Alive_Enabled": "false"}}, catalogue
    )
    assert text == (
        'name = "x"\nlayer = "operator"\n\n# 3GPP IMS Management Object\n[mo.ims]\n'
        "Timer_T1 = 2000\nKeep_Alive_Enabled = false\n"
    )
