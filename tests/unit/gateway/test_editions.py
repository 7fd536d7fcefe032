"""Editions of the profiles' files: replaced as a whole, finished after a crash, kept to go back to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.editions import KEPT, Editions, edition_of
from gateway.errors import ConfigError, Conflict, NotFound

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """The directory of the profiles, with something else in it too."""
    folder = tmp_path / "profiles"
    (folder / "old").mkdir(parents=True)
    for name in ("a.toml", "b.toml", "README.md", "old/c.toml"):
        (folder / name).write_text(f"first {name}")
    return folder


@pytest.fixture
def editions(profiles: Path, tmp_path: Path) -> Editions:
    return Editions(profiles, tmp_path / "editions")


def test_all_files_are_replaced_and_those_before_kept(editions: Editions, profiles: Path) -> None:
    """New, changed and deleted files; what is no profile stays. The edition before has the files as they were."""
    before = editions.current()
    editions.replace({"b.toml": "second", "c.toml": "new"}, NOW)
    assert editions.current() == {"b.toml": "second", "c.toml": "new"}
    assert (profiles / "README.md").exists()
    assert (profiles / "old" / "c.toml").exists()
    (kept,) = editions.kept()
    assert (kept.edition, kept.replaced_at, kept.files) == (edition_of(before), NOW, 2)
    assert editions.load(kept.edition) == before == {"a.toml": "first a.toml", "b.toml": "first b.toml"}
    assert editions.load("") == editions.current()
    assert [one.name for one in profiles.iterdir() if "part" in one.name] == []


def test_an_interrupted_replacement_is_finished(
    editions: Editions, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file the process ended at, the next start has the new edition whole; and only once."""
    replace, done = Path.replace, 0

    def dies(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done > 3:  # the edition before, the one to come, one file
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            editions.replace({"a.toml": "second", "z.toml": "second"}, NOW)
    assert editions.current() == {"a.toml": "second", "b.toml": "first b.toml"}
    editions.recover()
    assert editions.current() == {"a.toml": "second", "z.toml": "second"}
    (profiles / "a.toml").write_text("by hand")
    editions.recover()
    assert editions.current()["a.toml"] == "by hand"


def test_the_oldest_editions_go(editions: Editions) -> None:
    """There are never more than so many, and the newest are those."""
    for number in range(KEPT + 3):
        editions.replace({"a.toml": str(number)}, NOW + timedelta(seconds=number))
    kept = editions.kept()
    assert len(kept) == KEPT
    assert editions.load(kept[0].edition) == {"a.toml": str(KEPT + 1)}
    with pytest.raises(NotFound, match="profile editions"):
        editions.load("../seal")


def test_only_one_replaces_at_a_time(editions: Editions) -> None:
    """Another has to come again, in this process or any other; an end lets the next one in."""
    with editions.alone(), pytest.raises(Conflict), editions.alone():
        pass
    with editions.alone():
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, profiles: Path) -> None:
    """The message has the directory and the setting to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/editions.*the setting profiles"):
        Editions(profiles, tmp_path / "file" / "editions").replace({"a.toml": ""}, NOW)
