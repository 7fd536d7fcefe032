"""A short message service centre in a process of its own: SMPP 3.4 as the smpp34 library serves it.

It binds whoever comes, writes each message it takes as a line of JSON to its output, and tells of its delivery. What to
do with the messages is its third argument: ``deliver``, ``throttle`` the first two, ``hold`` all without an answer,
``refuse`` them, ``fail`` to deliver, ``later``: tell of the delivery of each when the next one comes, or ``three``:
answer when it has three, and say how many were waiting by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import smpp34

DEADLINE_SECONDS = 30
THREE = 3


async def answer_all(kept: list[smpp34.SubmitSmEvent], esme: smpp34.Esme) -> None:
    """Answer what is kept, after the peer had all the time it needs to send more without an answer."""
    for _ in range(2):
        # What the peer had to send before this came to it is here before its answer to it is.
        await esme.deliver_sm("1", b"id:of-another stat:DELIVRD", source_addr="2", esm_class=4)
    print(json.dumps({"waiting": len(kept)}), flush=True)
    for event in kept:
        event.accept(secrets.token_hex(8))
    kept.clear()


async def tell(esme: smpp34.Esme, event: smpp34.SubmitSmEvent, message_id: str, state: str) -> None:
    """Bring the receipt of a message, after one of a message that the peer does not know."""
    for name in ("of-another", message_id):
        text = f"id:{name} sub:001 dlvrd:001 submit date:2603011200 done date:2603011200 stat:{state} err:000"
        await esme.deliver_sm(event.source_addr, text.encode(), source_addr=event.destination_addr, esm_class=4)


async def serve(port: int, mode: str) -> None:
    server = smpp34.Server("127.0.0.1", port, system_id="SMSC")
    await server.start()
    print("ready", flush=True)
    bound: dict[str, smpp34.Esme] = {}
    kept: list[smpp34.SubmitSmEvent] = []
    answering = before = None
    count = 0
    while True:
        event = await server.next()
        if answering is not None and answering.done():
            answering = answering.result()
        if isinstance(event, smpp34.Esme):
            bound[event.session_id] = event
            continue
        if not isinstance(event, smpp34.SubmitSmEvent):
            continue
        count += 1
        names = ("destination_addr", "source_addr", "esm_class", "data_coding", "registered_delivery", "protocol_id",
                 "dest_addr_ton", "dest_addr_npi", "source_addr_ton", "source_addr_npi")  # fmt: skip
        print(json.dumps({n: getattr(event, n) for n in names} | {"message": event.short_message.hex()}), flush=True)
        if mode in ("hold", "three"):
            kept.append(event)
            if mode == "three" and len(kept) == THREE:
                answering = asyncio.create_task(answer_all(kept, bound[event.session_id]))
        elif mode == "refuse":
            event.reject(smpp34.ESME_RINVDSTADR)
        elif mode == "throttle" and count <= 2:
            event.reject(smpp34.ESME_RTHROTTLED if count == 1 else smpp34.ESME_RMSGQFUL)
        else:
            message_id = secrets.token_hex(8)
            event.accept(message_id)
            due = before if mode == "later" else (event, message_id)
            before = event, message_id
            if due and due[0].registered_delivery and bound[event.session_id].can_receive:
                await tell(bound[event.session_id], *due, "UNDELIV" if mode == "fail" else "DELIVRD")


class Smsc:
    """The running centre."""

    def __init__(self, port: int, mode: str = "deliver") -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(port), mode], stdout=subprocess.PIPE, text=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._lines.get(timeout=DEADLINE_SECONDS) == "ready\n"

    def message(self) -> dict[str, Any]:
        """The next message that it took; waits for it."""
        taken: dict[str, Any] = json.loads(self._lines.get(timeout=DEADLINE_SECONDS))
        return taken

    def rest(self) -> list[dict[str, Any]]:
        """The messages that it took and nobody asked for, once it is ended."""
        return [json.loads(self._lines.get()) for _ in range(self._lines.qsize())]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def kill(self) -> None:
        """End it without a word to anybody."""
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def serving(port: int, mode: str = "deliver") -> Iterator[Smsc]:
    smsc = Smsc(port, mode)
    try:
        yield smsc
    finally:
        smsc.kill()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
