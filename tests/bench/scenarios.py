"""What is measured: the table of scenarios, and a round of one of them on the gateway and on the baseline."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench.baseline import Baseline, Site
from bench.client import Conversation, Fixed, Lane, Recorded
from bench.fleet import WBXML, XML, Client, DmSession, Fleet, Phone, Query, Speech
from bench.process import cpu_seconds, on_server_core
from bench.proofs import SimChallenge, SmsCode

SETTLE_SECONDS = 1.1
"""How long the gateway may put off what it need not do at once (when a device was last seen: written every second)."""
TURNS = 10
"""How often gateway and baseline take turns in a round."""

T = TypeVar("T")


class Marks(NamedTuple):
    """The share of the baseline's speed to reach."""

    first_cut: float
    good: float
    goal: float


class Scenario(NamedTuple):
    """Requests of one kind, as they come from many devices.

    ``devices`` are those that take part; ``changes`` of the values of each are changed before every round.
    """

    name: str
    title: str
    tls: bool
    marks: Marks | None
    devices: Callable[[Fleet], Sequence[Phone | Client]]
    conversation: Callable[[Phone | Client], Conversation]
    changes: int = 0


def _query(*, document: bool, afresh: bool = False) -> Callable[[Phone | Client], Conversation]:
    def make(device: Phone | Client) -> Conversation:
        assert isinstance(device, Client)
        return Query(device, document=document, afresh=afresh)

    return make


def _proof(kind: Callable[[Client], Conversation]) -> Callable[[Phone | Client], Conversation]:
    def make(device: Phone | Client) -> Conversation:
        assert isinstance(device, Client)
        return kind(device)

    return make


def _session(speech: Speech, commands: int) -> Callable[[Phone | Client], Conversation]:
    def make(device: Phone | Client) -> Conversation:
        assert isinstance(device, Phone)
        return DmSession(device, speech, commands)

    return make


# Each scenario of RCC.14 has clients of its own: one that asked for another version before would cost a write. A phone
# speaks XML or WBXML, not both.
SCENARIOS = (
    Scenario(
        "rcc14_unchanged", "RCC.14 unchanged", True, Marks(0.50, 0.70, 0.85),
        lambda fleet: fleet.clients[0::3], _query(document=False),
    ),
    Scenario(
        "rcc14_full", "RCC.14 full document", True, Marks(0.40, 0.60, 0.80),
        lambda fleet: fleet.clients[1::3], _query(document=True, afresh=True),
    ),
    Scenario(
        "rcc14_large", "RCC.14 document of 20 kB", True, Marks(0.40, 0.60, 0.80),
        lambda fleet: fleet.large, _query(document=True, afresh=True),
    ),
    Scenario(
        "rcc14_changed", "RCC.14 new version", True, None,
        lambda fleet: fleet.proving, _query(document=True), changes=1,
    ),
    Scenario(
        "rcc14_otp", "RCC.14 proof by SMS code", True, None,
        lambda fleet: fleet.proving, _proof(SmsCode),
    ),
    Scenario(
        "rcc14_eap_aka", "RCC.14 proof by EAP-AKA", True, None,
        lambda fleet: fleet.proving, _proof(SimChallenge),
    ),
    Scenario(
        "omadm_xml", "OMA DM XML, up to date", False, Marks(0.12, 0.20, 0.30),
        lambda fleet: fleet.phones[0::2], _session(XML, 0),
    ),
    Scenario(
        "omadm_wbxml", "OMA DM WBXML, up to date", False, Marks(0.16, 0.28, 0.45),
        lambda fleet: fleet.phones[1::2], _session(WBXML, 0),
    ),
    Scenario(
        "omadm_xml_change", "OMA DM XML, one change", False, None,
        lambda fleet: fleet.phones[0::2], _session(XML, 1), changes=1,
    ),
    Scenario(
        "omadm_wbxml_change", "OMA DM WBXML, one change", False, None,
        lambda fleet: fleet.phones[1::2], _session(WBXML, 1), changes=1,
    ),
    Scenario(
        "omadm_wbxml_ten", "OMA DM WBXML, 10 commands", False, None,
        lambda fleet: fleet.phones[1::2], _session(WBXML, 10), changes=10,
    ),
    Scenario(
        "omadm_wbxml_ten_mac", "OMA DM WBXML, auth-MAC, 10 commands", False, None,
        lambda fleet: fleet.signing, _session(WBXML, 10), changes=10,
    ),
)  # fmt: skip


class Round(NamedTuple):
    """What one round of a scenario took. Seconds of CPU are the server's own; ``wall_seconds`` are the gateway's."""

    requests: int
    gateway_cpu_seconds: float
    baseline_cpu_seconds: float
    wall_seconds: float

    @property
    def ratio(self) -> float:
        """The gateway's speed as a share of the baseline's."""
        return self.baseline_cpu_seconds / self.gateway_cpu_seconds


class Replay(NamedTuple):
    """One exchange as the baseline gets it: the same request octets, an answer of the same size."""

    request: bytes
    site: Site

    @classmethod
    def of(cls, exchange: tuple[bytes, bytes, bytes], *, tls: bool) -> Replay:
        sent, head, body = exchange
        method, target = sent.split(b" ", 2)[:2]
        typed = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")]
        content_type = typed[0].partition(b":")[2].strip() if typed else b"text/plain"
        path = target.partition(b"?")[0].decode()
        return cls(sent, Site(method.decode(), path, content_type.decode(), len(body), tls))


class Bench:
    """The gateway with its fleet, and the baseline with a site for every exchange of every scenario."""

    def __init__(self, fleet: Fleet, lanes: dict[bool, Lane], gateway_pid: int) -> None:
        self._fleet = fleet
        self._lanes = lanes
        self._gateway_pid = gateway_pid
        self._offset = itertools.count()
        self._replays: dict[str, list[tuple[Replay, Lane]]] = {}
        self.baseline: Baseline

    async def prepare(self, tls_folder: Path, tls: ssl.SSLContext, connections: int) -> None:
        """Record one conversation of every scenario, and start the baseline that answers likewise.

        What has a mark is measured on a fleet whose every device has asked as it is going to.
        """
        for scenario in SCENARIOS:
            if scenario.marks is not None:
                await self._lanes[scenario.tls].run(map(scenario.conversation, scenario.devices(self._fleet)))
        replays = {scenario.name: await self._record(scenario) for scenario in SCENARIOS}
        sites = [replay.site for exchanges in replays.values() for replay in exchanges]
        with on_server_core():
            self.baseline = Baseline(sites, tls_folder)
        ports = iter(self.baseline.ports)
        for name, exchanges in replays.items():
            self._replays[name] = [
                (replay, await Lane.open(next(ports), connections, tls if replay.site.tls else None))
                for replay in exchanges
            ]

    def exchanges(self, scenario: Scenario) -> list[Replay]:
        """The exchanges of one conversation of the scenario."""
        return [replay for replay, _ in self._replays[scenario.name]]

    async def round(self, scenario: Scenario, count: int, settle_seconds: float = SETTLE_SECONDS) -> Round:
        """About that many requests to the gateway, and as many to the baseline, in turns.

        The gateway's CPU is read when ``settle_seconds`` have passed since its last answer.
        """
        replays, lane = self._replays[scenario.name], self._lanes[scenario.tls]
        devices = await self._devices(scenario, max(1, count // len(replays)))
        requests, wall_seconds = 0, 0.0
        gateway_before, baseline_before = cpu_seconds(self._gateway_pid), cpu_seconds(self.baseline.pid)
        # What a core is worth changes from one tenth of a second to the next where others share it.
        for turn in range(TURNS):
            # One after the other, as they come: every tenth could be the same few, twice at once.
            some = devices[len(devices) * turn // TURNS : len(devices) * (turn + 1) // TURNS]
            started = time.perf_counter()
            requests += await lane.run(map(scenario.conversation, some))
            wall_seconds += time.perf_counter() - started
            for replay, bare in replays:
                await bare.run([Fixed(replay.request)] * len(some))
        baseline_cpu = cpu_seconds(self.baseline.pid) - baseline_before
        await asyncio.sleep(settle_seconds)
        gateway_cpu = cpu_seconds(self._gateway_pid) - gateway_before
        if requests != len(devices) * len(replays):
            raise AssertionError(f"{scenario.name}: {requests} requests for {len(devices)} devices")
        return Round(requests, gateway_cpu, baseline_cpu, wall_seconds)

    async def _record(self, scenario: Scenario) -> list[Replay]:
        (device,) = await self._devices(scenario, 1)
        recorded = Recorded(scenario.conversation(device))
        await self._lanes[scenario.tls].run([recorded])
        return [Replay.of(exchange, tls=scenario.tls) for exchange in recorded.exchanges]

    async def _devices(self, scenario: Scenario, count: int) -> list[Phone | Client]:
        """The next devices of the scenario, each at most once where a change is to be made."""
        devices = take_turns(
            scenario.devices(self._fleet), next(self._offset) * count, count, once=bool(scenario.changes)
        )
        if scenario.changes:
            await self._fleet.change(devices, scenario.changes)
        return devices


def take_turns(devices: Sequence[T], start: int, count: int, *, once: bool = False) -> list[T]:
    """So many of the devices, round and round from one of them; with ``once`` each at most once."""
    count = min(count, len(devices)) if once else count
    return [devices[(start + number) % len(devices)] for number in range(count)]
