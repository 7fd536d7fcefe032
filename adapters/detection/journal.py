"""Sightings on their way into a spool, by a process of its own: none is lost when it is killed."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

from gateway.errors import ConfigError

PREFIX = "s13-"
PART = ".part"
MAX_REMEMBERED = 200_000
REMEMBER_SECONDS = 3600.0


class Journal:
    """Lines of JSON in files of a spool: one is written at a time, and moved in when it is ``seconds`` old.

    Threads may share it. What a process that died left unfinished is moved in by the next one.
    """

    def __init__(self, folder: Path, *, seconds: float = 1.0) -> None:
        """Raises: ConfigError when nothing can be written there."""
        self._folder = folder
        self._seconds = seconds
        self._lock = threading.Lock()
        self._file: int | None = None
        self._part = Path()
        self._begun_at = 0.0
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._recover()
        except OSError as error:
            raise ConfigError(f"cannot be written to: {error.strerror}", file=folder, key="detection.spool") from None

    def add(self, imsi: str, imei: str, line: bytes) -> bool:
        """Keep the line, unless this SIM was in this phone a short while ago. It is with the system when this returns.

        Raises: OSError.
        """
        now = time.monotonic()
        with self._lock:
            before = self._seen.get(imsi)
            if before is not None and before[0] == imei and now - before[1] < REMEMBER_SECONDS:
                return False
            if self._file is None:
                self._part = self._folder / f"{PREFIX}{time.time_ns()}-{os.getpid()}.jsonl{PART}"
                self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._begun_at = now
            os.write(self._file, line + b"\n")
            self._seen[imsi] = (imei, now)
            self._seen.move_to_end(imsi)
            if len(self._seen) > MAX_REMEMBERED:
                self._seen.popitem(last=False)
        return True

    def turn(self, *, now: bool = False) -> None:
        """Move the file in when it is old enough, or ``now``. Raises: OSError."""
        with self._lock:
            if self._file is not None and (now or time.monotonic() - self._begun_at >= self._seconds):
                self._part.rename(self._part.with_suffix(""))
                os.close(self._file)
                self._file = None

    def _recover(self) -> None:
        """Move in what processes left that are no more: whoever writes a file holds a lock on it."""
        for part in self._folder.glob(f"{PREFIX}*{PART}"):
            left = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.rename(part.with_suffix(""))
            except BlockingIOError:
                continue
            finally:
                os.close(left)
