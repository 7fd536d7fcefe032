"""A directory in which other systems leave files of sightings: each is claimed, applied once, and put away.

Whoever writes there moves a finished file in; names that begin with a dot, or end in ``.part`` or ``.tmp``, are left
alone. One process works on a directory at a time: it holds the lock, which ends with the process. How far a file was
applied is kept with the sightings themselves, so a file that was begun by a process that died is taken up where that
one left it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from msgspec.structs import replace

from adapters.detection.map_add import OPERATION_NAMES, decode_message
from gateway.detections import Detections
from gateway.errors import ConfigError, DecodeError, LimitExceeded, Unavailable
from gateway.fleet.detection import Sighting, parse_fields, parse_line
from gateway.fleet.detection_csv import read_csv
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.settings import Detection
from gateway.store.protocol import PutEphemeral, Store

CLAIMED, DONE, FAILED = "claimed", "done", "failed"
UNFINISHED = (".part", ".tmp")
ROWS_AT_ONCE = 64
PROGRESS_DAYS = 30
MAX_TOLD_FAULTS = 100
MAX_LINE_BYTES = 1 << 16
BER_SUFFIXES = (".ber", ".map")
CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")

Row = tuple[str, Sighting | str]
"""A place in a file, and the sighting there or what is wrong with it."""


class Applied(NamedTuple):
    """What became of a file: how many rows it had, and what was wrong with some of them."""

    rows: int
    faults: tuple[str, ...] = ()


class Spool:
    """The spool in one directory; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        settings: Detection,
        detections: Detections,
        store: Store,
        clock: Callable[[], datetime],
    ) -> None:
        """Raises: ConfigError when the directory cannot be used."""
        folder = settings.spool or Path()
        try:
            for name in ("", CLAIMED, DONE, FAILED):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot be a spool: {error.strerror}", file=folder, key="detection.spool") from None
        self._folder = folder
        self._detections = detections
        self._store = store
        self._clock = clock
        self._poll_seconds = settings.spool_poll_seconds
        self._keep_days = settings.spool_keep_days

    async def watch(self) -> None:
        """Apply what is there and what comes, until cancelled."""
        try:
            while True:
                try:
                    if _is_ours(self._lock):
                        await self.work()
                except (Unavailable, OSError) as error:
                    logger().warning("spool_put_off", why=str(error))
                await asyncio.sleep(self._poll_seconds)
        finally:
            os.close(self._lock)

    async def work(self) -> None:
        """Apply every file there is: first those that were begun, then the others, the oldest first."""
        begun = await asyncio.to_thread(_files, self._folder / CLAIMED)
        for claimed in begun:
            await self._finish(claimed)
        for file in await asyncio.to_thread(_files, self._folder):
            with contextlib.suppress(FileNotFoundError):
                await self._finish(_claim(file, self._folder / CLAIMED))
        await asyncio.to_thread(_forget, self._folder / DONE, self._clock() - timedelta(days=self._keep_days))

    async def _finish(self, claimed: Path) -> None:
        with await asyncio.to_thread(claimed.open, "rb") as octets:
            try:
                applied = await self._apply(claimed.name, octets)
            except (ConfigError, DecodeError) as error:
                applied = Applied(0, (str(error),))
        result = FAILED if applied.faults else DONE
        await asyncio.to_thread(_put_away, claimed, self._folder / result, applied.faults, self._clock())
        metrics.count(metrics.spool_files, result)
        logger().info("spool_file", file=claimed.name, result=result, rows=applied.rows, why=applied.faults[:1])
        # What was kept of its progress is of no use any more.
        await self._store.commit(PutEphemeral(_progress_key(claimed.name), b"0", self._clock()))

    async def _apply(self, name: str, octets: BinaryIO) -> Applied:
        kept = await self._store.load_ephemeral(_progress_key(name), self._clock())
        done = int(kept) if kept else 0
        faults: list[str] = []
        written_at = datetime.fromtimestamp(os.fstat(octets.fileno()).st_mtime, UTC)
        rows = islice(_rows(name.partition("-")[2], octets), done, None)
        while some := await _next(rows, faults):
            sightings: list[Sighting] = []
            for number, (place, row) in enumerate(some, start=done):
                if isinstance(row, str):
                    faults.append(f"{place}: {row}")
                else:
                    # Rows of one time are in the order of the file, also when it is read a second time.
                    at = (row.seen_at or written_at) + timedelta(microseconds=number)
                    sightings.append(replace(row, seen_at=at))
            done += len(some)
            reports = await self._detections.report_all(sightings)
            faults += [report.why for report in reports if report.outcome == "failed"]
            del faults[MAX_TOLD_FAULTS:]
            if any(report.outcome == "detected" for report in reports):
                until = self._clock() + timedelta(days=PROGRESS_DAYS)
                await self._store.commit(PutEphemeral(_progress_key(name), str(done).encode(), until))
        return Applied(done, tuple(faults))


async def _next(rows: Iterator[Row], faults: list[str]) -> list[Row]:
    """The next few rows; a file that breaks off ends there, which is a fault of its own."""
    await asyncio.sleep(0)
    some: list[Row] = []
    try:
        for row in islice(rows, ROWS_AT_ONCE):
            some.append(row)
    except (ConfigError, DecodeError) as error:
        faults.append(str(error))
    return some


def _rows(name: str, octets: BinaryIO) -> Iterator[Row]:
    """What a file of that name holds. Raises: ConfigError, DecodeError."""
    suffix = Path(name).suffix.lower()
    if suffix == ".csv":
        yield from _csv_rows(octets, name)
    elif suffix in (".jsonl", ".ndjson"):
        yield from _json_rows(octets)
    elif suffix in BER_SUFFIXES:
        operation = Path(name).stem.rpartition(".")[2]
        whole = octets.read(MAX_LINE_BYTES + 1)
        for sighting in decode_message(whole, operation if operation in OPERATION_NAMES else ""):
            yield "message", sighting
    elif suffix in CAPTURE_SUFFIXES:
        # It brings in decoders of many protocols, which few gateways need.
        from adapters.detection.capture import Capture

        for number, sighting in enumerate(Capture(octets), start=1):
            yield f"sighting {number}", sighting
    else:
        known = ", ".join((".csv", ".jsonl", *BER_SUFFIXES, *CAPTURE_SUFFIXES))
        raise ConfigError(f"nobody can tell what it holds; the name is to end in one of {known}", file=name)


def _csv_rows(octets: BinaryIO, name: str) -> Iterator[Row]:
    text = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(_lines(octets)))
    for line, fields in read_csv(text, name):
        try:
            yield f"line {line}", parse_fields(fields, "csv")
        except DecodeError as error:
            yield f"line {line}", str(error)


def _json_rows(octets: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(octets), start=1):
        if line.strip():
            try:
                # Only who runs the gateway can write here, and may say where it is from.
                yield f"line {number}", parse_line(line, None)
            except DecodeError as error:
                yield f"line {number}", str(error)


def _lines(octets: BinaryIO) -> Iterator[bytes]:
    while line := octets.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise LimitExceeded(f"a line of more than {MAX_LINE_BYTES} octets")
        yield line


def _files(folder: Path) -> list[Path]:
    """The finished files in a directory, the oldest first."""
    found: list[tuple[int, str, Path]] = []
    for entry in os.scandir(folder):
        if not entry.name.startswith(".") and not entry.name.endswith(UNFINISHED) and entry.is_file():
            found.append((entry.stat().st_mtime_ns, entry.name, Path(entry.path)))
    return [path for _, _, path in sorted(found)]


def _claim(file: Path, folder: Path) -> Path:
    """The file where nobody else takes it, under a name that tells it from others of its name."""
    claimed = folder / f"{file.stat().st_mtime_ns:x}-{file.name}"
    file.rename(claimed)
    return claimed


def _forget(folder: Path, before: datetime) -> None:
    for file in _files(folder):
        if file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)


def _put_away(claimed: Path, folder: Path, faults: tuple[str, ...], now: datetime) -> None:
    """Move a file to where it stays; it is as old there as the move."""
    if faults:
        reason = "".join(f"{fault}\n" for fault in faults)
        (folder / f"{claimed.name}.reason").write_text(reason, encoding="utf-8")
    os.utime(claimed.rename(folder / claimed.name), (now.timestamp(), now.timestamp()))


def _is_ours(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _progress_key(name: str) -> str:
    return f"spool:{name}"
