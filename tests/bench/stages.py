"""Where the CPU of an OMA DM message goes: the front end in this process, without HTTP, its parts timed apart.

A bare HTTP server answers as many requests in between, for what a core is worth changes all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import uvloop
from aiohttp import web
from bench.baseline import Baseline
from bench.client import Conversation, Fixed, Lane
from bench.fleet import PLANS, VALUES, WBXML, XML, DmSession, Phone
from bench.process import cpu_seconds
from bench.scenarios import Replay
from live_gateway import CONFIG
from msgspec.structs import replace
from store_scene import load_device

from adapters.omadm import codec, handlers, steps
from adapters.omadm.forms import Letter
from adapters.omadm.handlers import OmaDmFront
from adapters.omadm.idle import Idle
from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.app import now
from gateway.detections import Detections
from gateway.files import load_configuration
from gateway.fleet.device import Credential, Device, OmaDmState, account_digest
from gateway.fleet.subscriber import Subscriber
from gateway.learnt import LearntModels
from gateway.observe import logs
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.serving.front import Response
from gateway.settings import load_settings
from gateway.store.group_commit import GroupCommit
from gateway.store.protocol import Contact, PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore
from gateway.trace import Tracer

PHONES = 64
AT_ONCE = 32
CALLS = 20
"""Of each phone in a round, where nothing is to be changed: one writes little, and is to pay for all that follows."""
FILE = "stages.db"
BARE_REQUESTS = 500
STAGES = ("decode", "step", "encode", "store", "other")
BARE = "bare POST"
"""Beside the stages: what the other server takes for a request with the message of an up-to-date phone in WBXML."""
_STEPS = ("respond", "record_outcomes", "describe_device", "settle")
_COMMIT_THREAD = "sqlite-commit"


class _Stopwatch:
    """CPU time of the loop's thread by stage; what a timed function calls and is timed itself counts there alone."""

    def __init__(self) -> None:
        self.nanoseconds: defaultdict[str, int] = defaultdict(int)
        self._inner = 0

    @contextlib.contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Count what happens in here, which must not wait for anything."""
        outer, self._inner = self._inner, 0
        before = time.thread_time_ns()
        try:
            yield
        finally:
            taken = time.thread_time_ns() - before
            self.nanoseconds[stage] += taken - self._inner
            self._inner = outer + taken

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            with self.running(stage):
                return function(*arguments, **named)

        return run


class _Answer(Response):
    """An answer that nobody sends, with the lines of its head."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status, body, headers)
        self.head = "\r\n".join(f"{name}: {value}" for name, value in headers.items()).encode()


class _TimedStore(SqliteStore):
    stopwatch: _Stopwatch

    async def load_contact(self, loc_uri: str, now: datetime) -> Contact | None:
        with self.stopwatch.running("store"):  # reads run where they are called and do not wait
            return await super().load_contact(loc_uri, now)


class _Bare:
    """The other server, which answers one exchange over and over."""

    def __init__(self, baseline: Baseline, lane: Lane, request: bytes) -> None:
        self._baseline = baseline
        self._lane = lane
        self._request = request
        self.stop = baseline.stop

    @classmethod
    async def answering(cls, exchange: Replay) -> _Bare:
        baseline = Baseline([exchange.site], Path())
        return cls(baseline, await Lane.open(baseline.ports[0], AT_ONCE), exchange.request)

    async def microseconds(self) -> float:
        """Its CPU for a request, in the middle of ``BARE_REQUESTS``."""
        before = cpu_seconds(self._baseline.pid)
        await self._lane.run([Fixed(self._request)] * BARE_REQUESTS)
        return (cpu_seconds(self._baseline.pid) - before) / BARE_REQUESTS * 1e6


def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    """By kind of session, the microseconds of each stage for one message, in every round."""
    with tempfile.TemporaryDirectory(prefix="mogate-stages-") as folder, Path(os.devnull).open("w") as nowhere:
        with mock.patch.object(sys, "stderr", nowhere):
            logs.configure(identities="masked", form="json")
        return uvloop.run(_measure(Path(folder), rounds))


async def _measure(folder: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    settings = load_settings(CONFIG / "gateway.toml")
    configuration = load_configuration(settings)
    service = Service(
        configuration.catalogue, configuration.profiles, plmns=settings.operator.plmns, roots=settings.omadm.roots
    )
    store, sealer = _TimedStore.open(folder / FILE), Sealer(os.urandom(32))
    store.stopwatch = stopwatch = _Stopwatch()
    tracer = Tracer(store, settings.trace.model_copy(update={"mode": "off"}))
    front = OmaDmFront(
        store,
        service,
        sealer,
        tracer,
        settings.omadm,
        now,
        secrets_of=lambda *_: {},
        detections=Detections(store, settings.detection, now),
        models=LearntModels(store, settings.omadm.model_refusals),
    )
    with contextlib.ExitStack() as patches:
        for module, name, stage in (
            (codec, "open_message", "decode"),
            (codec.Opened, "read", "decode"),
            (codec, "encode", "encode"),
            (handlers, "encode_session", "encode"),
            (handlers, "decode_session", "decode"),
            (handlers, "receive", "step"),
            (Idle, "answer", "step"),
            (Letter, "fill", "encode"),
            (GroupCommit, "_hand_over", "store"),
            *((steps, name, "step") for name in _STEPS),
        ):
            patches.enter_context(mock.patch.object(module, name, stopwatch.timed(stage, getattr(module, name))))
        patches.enter_context(mock.patch.object(handlers, "Response", _Answer))
        for name in ("next_operations", "configuration_key", "learn_from"):
            patches.enter_context(mock.patch.object(service, name, stopwatch.timed("step", getattr(service, name))))
        numbers = (range(first, first + PHONES) for first in itertools.count(0, PHONES))
        phones = [await _enrol(store, sealer, Phone(number)) for number in next(numbers)]
        binary = [await _enrol(store, sealer, Phone(number)) for number in next(numbers)]
        signing = [await _enrol(store, sealer, Phone(number, "mac")) for number in next(numbers)]
        for _ in range(2):  # to be provisioned, and to be known by its opening
            await _hold(front, stopwatch, [DmSession(phone, XML, None) for phone in phones])
            await _hold(front, stopwatch, [DmSession(phone, WBXML, None) for phone in binary + signing])
        results: dict[str, list[dict[str, float]]] = defaultdict(list)
        bare = await _Bare.answering(await _exchange(front, DmSession(binary[0], WBXML, None)))
        patches.callback(bare.stop)
        for number in range(rounds):
            for title, callers, speech, commands in (
                ("XML, up to date", phones, XML, 0),
                ("WBXML, up to date", binary, WBXML, 0),
                ("WBXML, 10 commands", binary, WBXML, 10),
                ("WBXML, auth-MAC, 10 commands", signing, WBXML, 10),
            ):
                if commands:
                    await _change(store, callers, str(4000 + number))
                sessions = [DmSession(phone, speech, commands) for phone in callers * (1 if commands else CALLS)]
                # What is still to be brought from the write-ahead log into the file is of those before.
                with contextlib.closing(sqlite3.connect(folder / FILE)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                results[title].append(await _hold(front, stopwatch, sessions) | {BARE: await bare.microseconds()})
    await store.close()
    return dict(results)


async def _enrol(store: SqliteStore, sealer: Sealer, phone: Phone) -> Phone:
    number, subscriber_id = phone.number, f"s{phone.number}"

    def credential(name: str) -> Credential:
        return Credential(name=name, secret=sealer.seal(account_digest(name, "secret").encode(), CREDENTIAL_PURPOSE))

    device = Device(
        id=f"{subscriber_id}.1",
        imei=phone.imei,
        omadm=OmaDmState(
            loc_uri=phone.loc_uri,
            client=credential("phone"),
            server=credential("gateway"),
            auth=phone.auth,
            server_auth=phone.auth,
        ),
    )
    await store.commit(
        PutSubscriber(Subscriber(id=subscriber_id, imsis=(f"001012{number:09d}",), plan=PLANS[number % len(PLANS)])),
        PutDevice(device),
    )
    logins = {"client_name": "phone", "client_password": "secret"}
    logins |= {"server_name": "gateway", "server_password": "secret"}
    phone.take_account({"device_id": device.id} | logins)
    return phone


async def _change(store: SqliteStore, phones: Sequence[Phone], text: str) -> None:
    """Give each of them other values of ten nodes."""
    overrides: dict[str, dict[str, str]] = defaultdict(dict)
    for node in VALUES:
        mo, _, path = node.partition("/")
        overrides[mo][path] = text
    for phone in phones:
        device = await load_device(store, phone.device_id)
        assert device is not None
        revision = device.content_revision + 1
        await store.commit(PutDevice(replace(device, overrides=dict(overrides), content_revision=revision)))


async def _hold(front: OmaDmFront, stopwatch: _Stopwatch, sessions: Sequence[Conversation]) -> dict[str, float]:
    """Hold the sessions, many at once; the microseconds of each stage for one message."""
    stopwatch.nanoseconds.clear()
    queue, messages = iter(sessions), 0

    async def hold() -> None:
        nonlocal messages
        for session in queue:
            with stopwatch.running("device"):
                octets: bytes | None = session.first()
            while octets is not None:
                response = await _answered(front, octets)
                messages += 1
                with stopwatch.running("device"):
                    octets = session.answer(response.head, response.octets)

    commits, before = _commit_seconds(), time.process_time()
    await asyncio.gather(*[hold() for _ in range(AT_ONCE)])
    total, commits = time.process_time() - before, _commit_seconds() - commits
    taken = {stage: stopwatch.nanoseconds[stage] / 1e9 for stage in (*STAGES, "device")}
    taken["store"] += commits
    taken["other"] = total - sum(taken.values())
    return {stage: taken[stage] / messages * 1e6 for stage in STAGES}


async def _exchange(front: OmaDmFront, session: DmSession) -> Replay:
    """The first message of the session and its answer, as the other server gets them."""
    octets = session.first()
    response = await _answered(front, octets)
    session.answer(response.head, response.octets)
    return Replay.of((octets, response.head, response.octets), tls=False)


async def _answered(front: OmaDmFront, octets: bytes) -> _Answer:
    head, _, body = octets.partition(b"\r\n\r\n")
    return cast("_Answer", await front.handle(_request(head, body)))


def _request(head: bytes, body: bytes) -> web.BaseRequest:
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    content = SimpleNamespace(is_eof=lambda: True, read_nowait=lambda: body)
    request = SimpleNamespace(
        headers=headers, content=content, remote="127.0.0.1", method="POST", raw_path="/omadm", transport=None
    )
    return cast("web.BaseRequest", request)


def _commit_seconds() -> float:
    """The CPU that the thread which commits has used."""
    return sum(
        time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.name.startswith(_COMMIT_THREAD) and thread.ident is not None
    )
