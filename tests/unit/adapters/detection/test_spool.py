"""The spool: every file is applied once, whole, in its order, and put away with what was wrong with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from map_messages import DETECTED, IMEISV, IMSI, invoked, update_location

from adapters.detection.spool import Spool
from gateway.detections import Detections, Report
from gateway.errors import ConfigError, Unavailable
from gateway.fleet.detection import Sighting
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Detection
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIRST, SECOND = "3512345600000101", "3588888800000101"


class Dying(Detections):
    """Dies, like a process, after so many batches."""

    batches = 1

    async def report_all(self, sightings: list[Sighting]) -> list[Report]:  # type: ignore[override]
        reports = await super().report_all(sightings)
        self.batches -= 1
        if self.batches < 0:
            raise KeyboardInterrupt
        return reports


class Lab:
    """A spool over a store; files are as old as they are told to be."""

    def __init__(self, folder: Path, store: SqliteStore) -> None:
        self.folder = folder
        self.store = store

    def spool(self, kind: type[Detections] = Detections) -> Spool:
        settings = Detection(spool=self.folder)
        return Spool(settings, kind(self.store, settings, lambda: NOW), self.store, lambda: NOW)

    def leave(self, name: str, content: str | bytes, minutes: int = 10) -> None:
        file = self.folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        written = (NOW - timedelta(minutes=minutes)).timestamp()
        os.utime(file, (written, written))

    def names(self, folder: str) -> list[str]:
        """The files there, by the names they came with."""
        return sorted(file.name.partition("-")[2] for file in (self.folder / folder).iterdir())

    async def told(self, subscriber: str = "ann") -> list[tuple[str, str, str]]:
        events = await self.store.load_events(subscriber_id=subscriber, limit=1000)
        return [(event.detail["cause"], event.detail["source"], event.detail.get("imei", "")) for event in events]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=(IMSI,))))
    folder = tmp_path / "spool"
    folder.mkdir()
    yield Lab(folder, store)
    await store.close()


async def test_files_of_every_kind_are_applied(lab: Lab) -> None:
    """CSV, JSON lines, MAP in TCAP and an argument alone; the oldest file first."""
    lab.leave("a.map", invoked(2, update_location(**DETECTED)), 40)
    lab.leave("b.csv", f"imsi,imei\n{IMSI},{FIRST}\n", 30)
    lab.leave("c.jsonl", f'{{"imsi":"{IMSI}","imei":"{SECOND}","source":"s13"}}\n\n', 20)
    lab.leave("d.update-location.ber", update_location(**DETECTED), 10)
    await lab.spool().work()
    assert await lab.told() == [
        ("first-imei", "map", IMEISV),
        ("changed-imei", "csv", FIRST),
        ("changed-imei", "s13", SECOND),
        ("changed-imei", "map", IMEISV),
    ]
    assert lab.names("done") == ["a.map", "b.csv", "c.jsonl", "d.update-location.ber"]
    assert lab.names("failed") == lab.names("claimed") == []


async def test_what_is_wrong_is_put_away_with_the_reason(lab: Lab) -> None:
    """A broken message, rows that are none (the others count), a name that says nothing."""
    lab.leave("a.map", invoked(2, update_location(**DETECTED))[:-3])
    lab.leave("b.csv", f"imsi,imei\n{IMSI},12\n{IMSI},{FIRST}\n")
    lab.leave("c.csv", "colour\nred\n")
    lab.leave("d.txt", "hello")
    lab.leave("e.jsonl", b"\xff\n")
    await lab.spool().work()
    assert await lab.told() == [("first-imei", "csv", FIRST)]
    reasons = {file.name.partition("-")[2]: file.read_text() for file in (lab.folder / "failed").glob("*.reason")}
    assert lab.names("failed") == sorted([name.removesuffix(".reason") for name in reasons] + [*reasons])
    assert "cut off" in reasons["a.map.reason"]
    assert reasons["b.csv.reason"].startswith("line 2: imei")
    assert "colour" in reasons["c.csv.reason"]
    assert ".jsonl" in reasons["d.txt.reason"]
    assert "line 1" in reasons["e.jsonl.reason"]


async def test_files_that_are_still_written_are_left_alone(lab: Lab) -> None:
    """By their names: a dot in front, .part or .tmp at the end."""
    for name in (".a.csv", "b.csv.part", "c.csv.tmp"):
        lab.leave(name, f"imsi,imei\n{IMSI},{FIRST}\n")
    await lab.spool().work()
    assert await lab.told() == []
    assert (lab.folder / "b.csv.part").exists()


@pytest.mark.parametrize("batches", [0, 1, 2])
async def test_a_file_that_was_begun_is_finished_by_the_next_process(lab: Lab, batches: int) -> None:
    """Wherever the first one died: no row is lost, and none is applied twice, though a phone comes back in it."""
    rows = [f"{IMSI},{(FIRST, SECOND)[number % 2]}" for number in range(150)]
    lab.leave("a.csv", "imsi,imei\n" + "\n".join(rows))
    Dying.batches = batches
    with pytest.raises(KeyboardInterrupt):
        await lab.spool(Dying).work()
    assert lab.names("claimed") == ["a.csv"]
    await lab.spool().work()
    told = await lab.told()
    assert [imei for _, _, imei in told] == [(FIRST, SECOND)[number % 2] for number in range(150)]
    assert lab.names("done") == ["a.csv"]


async def test_a_file_is_older_than_what_was_seen_since_it_was_written(lab: Lab) -> None:
    """A file that lay around does not undo what happened meanwhile."""
    lab.leave("a.csv", f"imsi,imei\n{IMSI},{FIRST}\n")
    await Detections(lab.store, Detection(), lambda: NOW).report(Sighting(imsi=IMSI, imei=SECOND))
    await lab.spool().work()
    assert [imei for _, _, imei in await lab.told()] == [SECOND]


async def test_when_the_store_is_away_the_file_waits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays claimed, and is taken up again."""
    lab.leave("a.csv", f"imsi,imei\n{IMSI},{FIRST}\n")

    async def away(*_: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(lab.store, "load_household", away)
        with pytest.raises(Unavailable):
            await lab.spool().work()
    assert lab.names("claimed") == ["a.csv"]
    await lab.spool().work()
    assert lab.names("done") == ["a.csv"]


async def test_old_files_are_forgotten(lab: Lab) -> None:
    """A week after they were applied, however old they came; those that failed wait for somebody to look at them."""
    lab.leave("a.csv", f"imsi,imei\n{IMSI},{FIRST}\n", 60 * 24 * 30)
    lab.leave("b.txt", "", 60 * 24 * 30)
    await lab.spool().work()
    assert lab.names("done") == ["a.csv"]
    week_ago = (NOW - timedelta(days=8)).timestamp()
    for file in [*(lab.folder / "done").iterdir(), *(lab.folder / "failed").iterdir()]:
        os.utime(file, (week_ago, week_ago))
    await lab.spool().work()
    assert lab.names("done") == []
    assert "b.txt" in lab.names("failed")


async def test_a_place_that_cannot_be_a_spool_is_refused(lab: Lab) -> None:
    """At start, with its name."""
    (lab.folder / "a").write_text("a file")
    settings = Detection(spool=lab.folder / "a")
    told = Detections(lab.store, settings, lambda: NOW)
    with pytest.raises(ConfigError, match=r"detection\.spool"):
        Spool(settings, told, lab.store, lambda: NOW)
