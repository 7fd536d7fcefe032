"""``python tests/bench/detections.py``: how many sightings a second are decoded from MAP, and detected over a store.

Each of so many subscribers is seen in a first phone, then in the same again, over SQLite. The messages are those that
an MSC with Automatic Device Detection sends; pycrate decodes them beside us. Decoding is in CPU seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from map_messages import TCAP, invoked, packed, update_location

from adapters.detection.map_add import decode_message
from gateway.detections import Detections
from gateway.fleet.detection import Sighting
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Detection
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

SUBSCRIBERS = 2000


def measure(count: int) -> dict[str, float]:
    """The figures of so many subscribers."""
    messages = [
        invoked(2, update_location(imsi=packed(imsi_of(n)), **{"add-info": {"imeisv": packed(f"35123456{n:06}01")}}))
        for n in range(count)
    ]
    started = time.process_time()
    sightings = [sighting for message in messages for sighting in decode_message(message)]
    ours = time.process_time() - started
    started = time.process_time()
    for message in messages:
        TCAP.from_ber(message)
    theirs = time.process_time() - started
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        first, again = uvloop.run(detect(Path(folder), sightings))
    return {
        "messages": count,
        "decoded_per_second": round(count / ours),
        "times_as_fast_as_pycrate": round(theirs / ours, 1),
        "first_use_per_second": round(count / first),
        "seen_again_per_second": round(count / again),
    }


def main() -> None:
    """Print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--subscribers", type=int, default=SUBSCRIBERS)
    print(json.dumps(measure(options.parse_args().subscribers), indent=2))


def imsi_of(number: int) -> str:
    """The IMSI of one of the subscribers."""
    return f"00101{number:010}"


async def detect(folder: Path, sightings: list[Sighting]) -> tuple[float, float]:
    """Seconds to detect them for the first time, and once more."""
    store = SqliteStore.open(folder / "store.sqlite")
    people = [Subscriber(id=f"s{n}", imsis=(imsi_of(n),)) for n in range(len(sightings))]
    await asyncio.gather(*(store.commit(PutSubscriber(one)) for one in people))
    detections = Detections(store, Detection(), lambda: datetime.now(UTC))
    seconds = []
    for outcome in ("detected", "known"):
        started = time.perf_counter()
        reports = await detections.report_all(sightings)
        seconds.append(time.perf_counter() - started)
        assert {report.outcome for report in reports} == {outcome}
    await store.close()
    return seconds[0], seconds[1]


if __name__ == "__main__":
    main()
