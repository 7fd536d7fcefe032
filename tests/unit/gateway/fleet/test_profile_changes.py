"""The difference of two editions of profiles, as people read it."""

from __future__ import annotations

from gateway.fleet.profile import parse_profiles
from gateway.fleet.profile_changes import Change, ProfileChange, Statement, profile_changes
from gateway.mo.catalogue import Catalogue

A = 'name = "a"\nlayer = "plan"\n[match]\nplan = "basic"\n[mo.ims]\nTimer_T1 = 2000\nTimer_T2 = 4000\n'
B = 'name = "b"\nlayer = "operator"\nunset = ["ims/Guess"]\n'


def changes(catalogue: Catalogue, was: dict[str, str], now: dict[str, str]) -> list[ProfileChange]:
    before, after = (parse_profiles(texts, catalogue).profiles for texts in (was, now))
    return profile_changes(before, after, was, now)


def test_the_same_is_no_change(catalogue: Catalogue) -> None:
    """The same files say the same."""
    assert changes(catalogue, {"a.toml": A, "b.toml": B}, {"b.toml": B, "a.toml": A}) == []


def test_each_line_is_told(catalogue: Catalogue) -> None:
    """What is new or other has its line in the new file, what is gone the one in the old; matches and layers count."""
    now = A.replace("Timer_T1 = 2000\n", "").replace("4000", "5000").replace('"basic"', '["basic", "gold"]')
    (found,) = changes(catalogue, {"a.toml": A}, {"a.toml": now + "Guess = 99\n"})
    assert (found.profile, found.layer, found.file, found.change) == ("a", "plan", "a.toml", Change.CHANGED)
    assert set(found.statements) == {
        Statement("match.plan", 0, "basic", "basic, gold"),
        Statement("ims/Timer_T1", 6, "2000", None),
        Statement("ims/Timer_T2", 6, "4000", "5000"),
        Statement("ims/Guess", 7, None, "99"),
    }


def test_profiles_come_and_go(catalogue: Catalogue) -> None:
    """A deleted profile is told with all that it said, and after the others."""
    added, deleted = changes(catalogue, {"a.toml": A}, {"b.toml": B})
    assert (added.change, added.statements[-1]) == (Change.ADDED, Statement("unset ims/Guess", 3, None, ""))
    assert (deleted.change, deleted.file) == (Change.DELETED, "a.toml")
    assert Statement("ims/Timer_T1", 6, "2000", None) in deleted.statements


def test_other_words_are_told_apart_from_other_values(catalogue: Catalogue) -> None:
    """A comment, or another file, is written down when applied, and changes nothing."""
    for now in ({"a.toml": "# why\n" + A}, {"c.toml": A}):
        (found,) = changes(catalogue, {"a.toml": A}, now)
        assert (found.change, found.statements) == (Change.RESTATED, ())
