"""Many devices at once, as a load: they come when they come, however slow the answers are.

Arrivals are set beforehand and evenly spread. How long one takes is counted from when it was to begin, so that a
gateway that stops for a while is charged with everybody who would have come meanwhile.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import re
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp

from adapters.simulator.latency import Latencies
from adapters.simulator.omadm_device import run_session
from adapters.simulator.phone_tree import Account
from adapters.simulator.rcc14_wire import Servers
from gateway.errors import ConfigError, Unavailable

MAX_OPEN = 2000
"""Most devices of one process at once; those beyond are not begun, and told of."""
TIMEOUT_SECONDS = 30
_VERSION = re.compile(rb'<characteristic type="VERS">\s*<parm name="version" value="(-?\d+)"')
_TOKEN = re.compile(rb'<parm name="token" value="([^"]+)"')

Came = Literal["document", "unchanged", "session"]


class Clients(NamedTuple):
    """RCC.14 clients with numbers in a row, on their operator's network; both URLs of ``servers`` are whole ones."""

    servers: Servers
    msisdn: str
    size: int


class Phones(NamedTuple):
    """OMA DM phones with these accounts, which post to ``url``."""

    url: str
    authority: Path
    accounts: tuple[Account, ...]


class Outcome(NamedTuple):
    """What became of them: how often each status (of the last request), how long each kind took, how many not begun.

    ``minutes`` are the latencies of each minute in which devices were to begin, of every kind.
    """

    statuses: Counter[str]
    latencies: dict[str, Latencies]
    minutes: dict[int, dict[str, Latencies]]
    retries_after: Counter[int]
    not_begun: int
    seconds: float

    @property
    def done(self) -> int:
        """How many got what they came for."""
        return self.statuses["200"]


class _Part(NamedTuple):
    """What one process does: arrivals ``first``, ``first + step``, … of a whole that makes ``rate`` a second."""

    fleet: Clients | Phones
    rate: float
    seconds: float
    first: int
    step: int


def run_fleet(fleet: Clients | Phones, *, rate: float, seconds: float, processes: int) -> Outcome:
    """Have ``rate`` devices a second come for so long, from that many processes; devices come again when all have.

    Raises: ConfigError when there are no devices.
    """
    size = fleet.size if isinstance(fleet, Clients) else len(fleet.accounts)
    if size < processes:
        raise ConfigError(f"{size} devices are too few for {processes} processes: each device is in one")
    parts = [_Part(fleet, rate, seconds, number, processes) for number in range(processes)]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        return _sum(list(pool.map(_run_part, parts)))


def _sum(outcomes: Sequence[Outcome]) -> Outcome:
    latencies: dict[str, Latencies] = {}
    minutes: dict[int, dict[str, Latencies]] = {}
    for outcome in outcomes:
        _add(latencies, outcome.latencies)
        for minute, kinds in outcome.minutes.items():
            _add(minutes.setdefault(minute, {}), kinds)
    statuses: Counter[str] = sum((one.statuses for one in outcomes), Counter())
    retries: Counter[int] = sum((one.retries_after for one in outcomes), Counter())
    not_begun = sum(one.not_begun for one in outcomes)
    return Outcome(statuses, latencies, minutes, retries, not_begun, max(one.seconds for one in outcomes))


def _add(total: dict[str, Latencies], kinds: dict[str, Latencies]) -> None:
    for kind, counted in kinds.items():
        total.setdefault(kind, Latencies()).add(counted)


def _run_part(part: _Part) -> Outcome:
    return asyncio.run(_Crowd().run(part))


class _Crowd:
    """The devices of one process."""

    def __init__(self) -> None:
        self._outcome = Outcome(Counter(), {}, {}, Counter(), 0, 0.0)
        self._open: set[asyncio.Task[None]] = set()
        self._not_begun = 0
        self._begun_at = 0.0

    async def run(self, part: _Part) -> Outcome:
        fleet = part.fleet
        tls = ssl.create_default_context(
            cafile=fleet.servers.ca_file if isinstance(fleet, Clients) else fleet.authority
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        with tempfile.TemporaryDirectory(prefix="mogate-fleet-") as folder:
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=tls), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as http:
                self._begun_at = begun_at = time.perf_counter()
                calls = self._devices(part, http, tls, Path(folder))
                for arrival in range(part.first, int(part.rate * part.seconds), part.step):
                    due_at = begun_at + arrival / part.rate
                    await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
                    self._begin(calls[arrival // part.step % len(calls)], due_at)
                await asyncio.gather(*self._open)
                took = time.perf_counter() - begun_at
        return self._outcome._replace(not_begun=self._not_begun, seconds=took)

    def _devices(
        self, part: _Part, http: aiohttp.ClientSession, tls: ssl.SSLContext, folder: Path
    ) -> list[Callable[[], Awaitable[tuple[str, str]]]]:
        """What each of the process's devices does when it comes: gives its status and what kind of call it was."""
        fleet = part.fleet
        if isinstance(fleet, Clients):
            numbers = range(part.first, fleet.size, part.step)
            return [_Client(fleet, number, http, self._outcome.retries_after).call for number in numbers]
        accounts = fleet.accounts[part.first :: part.step]
        return [_Phone(account, fleet.url, tls, folder / str(number)).call for number, account in enumerate(accounts)]

    def _begin(self, call: Callable[[], Awaitable[tuple[str, str]]], due_at: float) -> None:
        if len(self._open) >= MAX_OPEN:
            self._not_begun += 1
            return
        task = asyncio.get_running_loop().create_task(self._do(call, due_at))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _do(self, call: Callable[[], Awaitable[tuple[str, str]]], due_at: float) -> None:
        try:
            status, kind = await call()
        except (aiohttp.ClientError, TimeoutError, Unavailable) as error:
            status, kind = type(error).__name__, ""
        self._outcome.statuses[status] += 1
        kind = kind if status == "200" else f"status {status}"
        took = time.perf_counter() - due_at
        minute = self._outcome.minutes.setdefault(int((due_at - self._begun_at) / 60), {})
        for latencies in (self._outcome.latencies, minute):
            latencies.setdefault(kind, Latencies()).note(took)


class _Client:
    """One RCC.14 client: the plain leg and a document at first, then check-ins with its token."""

    def __init__(self, fleet: Clients, number: int, http: aiohttp.ClientSession, retries: Counter[int]) -> None:
        digits = str(int(fleet.msisdn.removeprefix("+")) + number)
        self._msisdn = f"+{digits}"
        self._about = {"IMEI": with_check_digit(f"00101502{number:06}"), "rcs_profile": "UP_2.4"}
        self._fleet = fleet
        self._http = http
        self._retries = retries
        self._token, self._version = "", "0"

    async def call(self) -> tuple[str, str]:
        if self._token:
            return await self._document({"vers": self._version, "token": self._token}, {}, "unchanged")
        servers = self._fleet.servers
        headers = {"Host": servers.host, "X-MSISDN": self._msisdn}
        async with self._http.get(servers.plain_url, params={"vers": "0"}, headers=headers) as answer:
            if answer.status != 200:
                return self._refused(answer), "document"
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
        return await self._document({"vers": "0"}, {"Cookie": cookie}, "document")

    async def _document(self, asked: dict[str, str], headers: dict[str, str], kind: Came) -> tuple[str, str]:
        servers = self._fleet.servers
        headers, about = headers | {"Host": servers.host}, self._about | asked
        async with self._http.get(
            servers.secure_url, params=about, headers=headers, server_hostname=servers.host
        ) as answer:
            body = await answer.read()
            if answer.status != 200:
                if answer.status == 511:
                    self._token = ""
                return self._refused(answer), kind
        if found := _VERSION.search(body):
            self._version = found[1].decode()
        if found := _TOKEN.search(body):
            self._token = found[1].decode()
        return "200", kind

    def _refused(self, answer: aiohttp.ClientResponse) -> str:
        if wait := answer.headers.get("Retry-After", ""):
            self._retries[int(wait)] += 1
        return str(answer.status)


class _Phone:
    """One OMA DM phone; a call is a whole session."""

    def __init__(self, account: Account, url: str, tls: ssl.SSLContext, state_file: Path) -> None:
        self._account = account
        self._url = url
        self._tls = tls
        self._state_file = state_file

    async def call(self) -> tuple[str, str]:
        transcript = await run_session(self._account, self._url, self._state_file, tls=self._tls)
        return "200" if transcript.result == "ok" else transcript.result, "session"


def with_check_digit(digits: str) -> str:
    """An IMEI of its first 14 digits.

    Spec: 3GPP TS 23.003 Annex B (Luhn)
    """
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits)]
    return digits + str(-sum(number // 10 + number % 10 for number in doubled) % 10)
