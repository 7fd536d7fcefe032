"""Commands that compare what another server answers with what this gateway would."""

from __future__ import annotations

import base64
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import msgspec

from adapters.omadm.codec import decode, encoding_of
from adapters.omadm.comparison import Told, compare, held, told
from adapters.omadm.messages import SyncML
from adapters.provisioning.comparison import DIFFER_ANYWAY, Difference, compare_documents, has_configuration
from adapters.provisioning.document import MAX_BYTES, parse_document
from adapters.rcc14.messages import parse_request
from gateway.admin.client import Refused, segment
from gateway.cli.common import api, printing, progress
from gateway.errors import ConfigError, DecodeError

MAX_LINE_BYTES = 2 * MAX_BYTES
SAMPLES = 3
_XML, _WBXML = encoding_of("application/vnd.syncml.dm+xml"), encoding_of("application/vnd.syncml.dm+wbxml")


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request and what the other server answered.

    ``request`` is the target with its query. ``subscriber`` is anything that names one, where the request does not.
    """

    answer: str
    request: str = ""
    subscriber: str = ""
    device: str = ""
    layout: Literal["A", "B", ""] = ""


class DmPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of a device and what the other server answered."""

    request: str
    answer: str
    device: str = ""


@click.group()
def shadow() -> None:
    """What another server answers, beside what this gateway would."""


@shadow.command("rcc14")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@printing
def shadow_rcc14(file: Path) -> tuple[object, str]:
    """Compare answers of another RCC.14 server, recorded in FILE, with what this gateway would answer.

    FILE has a pair on each line, as JSON: request (the target with its query), answer (the document), and where the
    request does not say them subscriber, device and layout (A or B). Nothing is written.
    """
    tally = _Tally("pairs", "same", "differing", "without configuration", "not compared")
    for number, line in _lines(file):
        with tally.line(number):
            tally.take(number, _compare(line))
    return tally.report(file)


@shadow.command("omadm")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@printing
def shadow_omadm(file: Path) -> tuple[object, str]:
    """Compare what another OMA DM server told devices, recorded in FILE, with what this gateway means to tell them.

    FILE has a pair on each line, as JSON: request (the device's message) and answer (the server's), as XML or as WBXML
    in base64, and device where the request's Source is neither an IMEI nor known here. Messages of one device count
    together, node by node. Nothing is written.
    """
    tally = _Tally("devices", "same", "differing", "without commands", "not compared")
    sessions: dict[str, _Session] = {}
    for number, line in _lines(file):
        with tally.line(number):
            pair = msgspec.json.decode(line, type=DmPair)
            request, answer = _message(pair.request), _message(pair.answer)
            whose = pair.device or request.header.source.removeprefix("IMEI:")
            before = sessions.get(whose, _Session(number, Told({}, {}), {}))
            sessions[whose] = before._replace(
                told=before.told.and_then(told(answer)), holds=before.holds | held(request)
            )
    for whose, session in sessions.items():
        with tally.line(session.line):
            tally.take(session.line, _differences(whose, session))
    return tally.report(file)


_protocol = click.option("--protocol", type=click.Choice(["rcc14", "omadm"]), help="Only those of this protocol.")


@shadow.command("summary")
@_protocol
@printing
def summary(protocol: str | None) -> tuple[object, str]:
    """Show how many clients of the server before would get something else here, and in what."""
    found = api("GET", "/shadow/summary", query={"protocol": protocol} if protocol else {})
    text = [
        "clients: " + ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in found["outcomes"].items())
    ]
    for one in found["places"]:
        text.append(f"{one['clients']} x {one['kind']}: {one['place']}")
        text += [f"  {at['subscriber']}: {_beside(at)}" for at in one["samples"]]
    return found, "\n".join(text)


@shadow.command("list")
@_protocol
@click.option("--outcome", default="", help="Only these: same, differing, unknown, unchanged or not_compared.")
@click.option("--place", default="", help="Only those that differ in this place.")
@click.option("--after", default="", help="Go on after this finding.")
@printing
def list_(protocol: str | None, outcome: str, place: str, after: str) -> tuple[object, str]:
    """List what clients of the server before got, beside what they would get here."""
    asked = {"protocol": protocol, "outcome": outcome, "place": place, "after": after, "limit": "1000"}
    found = api("GET", "/shadow", query={name: value for name, value in asked.items() if value})
    text = []
    for one in found:
        whose = " ".join(filter(None, (one["subscriber"], one["device"])))
        text.append(f"{one['id']}  {one['at'][:19]}  {one['outcome']}  {whose}  {one['why']}".rstrip())
        text += [f"  {at['kind']}: {at['place']}: {_beside(at)}" for at in one["differences"]]
    return found, "\n".join(text) or "nothing was compared"


@shadow.command("clear")
@printing
def clear() -> tuple[object, str]:
    """Forget what was found, to begin anew."""
    found = api("DELETE", "/shadow")
    return found, f"{found['count']} findings are forgotten"


class _Session(NamedTuple):
    """What was recorded of one device, from that line on."""

    line: int
    told: Told
    holds: dict[str, str]


class _Tally:
    """How many were the same, and in what the others differ, with some samples of each."""

    def __init__(self, counted: str, same: str, differing: str, nothing: str, failed: str) -> None:
        self._counted = counted
        self._same, self._differing, self._nothing, self._failed = same, differing, nothing, failed
        self._outcomes = Counter(dict.fromkeys((same, differing, nothing, failed), 0))
        self._counts: Counter[tuple[str, str]] = Counter()
        self._samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._skipped: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def line(self, number: int) -> Iterator[None]:
        """What cannot be compared is noted with its line."""
        try:
            yield
        except (msgspec.MsgspecError, DecodeError, Refused, ConfigError) as error:
            self._outcomes[self._failed] += 1
            self._skipped.append({"line": number, "why": str(error)})

    def take(self, number: int, found: Sequence[Difference] | None) -> None:
        """Count one comparison; None where there was nothing to compare."""
        if found is None:
            self._outcomes[self._nothing] += 1
            return
        self._outcomes[self._differing if any(one.kind not in DIFFER_ANYWAY for one in found) else self._same] += 1
        for one in found:
            key = (one.kind, one.place)
            self._counts[key] += 1
            if len(kept := self._samples.setdefault(key, [])) < SAMPLES:
                kept.append({"line": number, "theirs": one.theirs, "ours": one.ours})

    def report(self, file: Path) -> tuple[object, str]:
        """All of it, for machines and for people."""
        differences: list[dict[str, Any]] = [
            {"kind": kind, "place": place, self._counted: count, "samples": self._samples[kind, place]}
            for (kind, place), count in sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))
        ]
        text = [f"{file}: " + ", ".join(f"{count} {outcome}" for outcome, count in self._outcomes.items())]
        for difference in differences:
            text.append(f"{difference[self._counted]} x {difference['kind']}: {difference['place']}")
            text += [f"  line {at['line']}: {_beside(at)}" for at in difference["samples"]]
        text += [f"{file}:{one['line']}: {one['why']}" for one in self._skipped]
        found = {"file": str(file), "outcomes": self._outcomes, "differences": differences, "skipped": self._skipped}
        return found, "\n".join(text)


def _beside(at: dict[str, Any]) -> str:
    return f"{at['theirs']!r} there, {at['ours']!r} here"


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that have something, with their numbers."""
    with progress(file.name, file.stat().st_size) as went, file.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ConfigError(f"is longer than {MAX_LINE_BYTES} octets", file=file, line=number)
            went(len(line))
            if line.strip():
                yield number, line


def _message(text: str) -> SyncML:
    """A recorded message. Raises: DecodeError."""
    if text.lstrip().startswith("<"):
        return decode(text.encode(), _XML)[0]
    try:
        return decode(base64.b64decode(text, validate=True), _WBXML)[0]
    except ValueError:
        raise DecodeError("is neither XML nor base64 of WBXML") from None


def _differences(whose: str, session: _Session) -> list[Difference] | None:
    """In what the recorded session differs; None when the other server told nothing and nothing is planned here."""
    device = api("GET", f"/devices/{segment(whose)}")
    owner = segment(device["id"].rpartition(".")[0])
    planned = api("GET", f"/subscribers/{owner}/syncml", query={"device": device["id"]})["syncml"]
    ours = told(_message(planned)) if planned else Told({}, {})
    wanted = {leaf["uri"]: leaf["wanted"] for leaf in device["leaves"]}
    found = compare(session.told, ours, wanted, session.holds)
    return found if any((found, *session.told, *ours)) else None


def _compare(line: bytes) -> list[Difference] | None:
    """What the pair of that line differs in; None when its answer configures nothing."""
    pair = msgspec.json.decode(line, type=Pair)
    theirs = parse_document(pair.answer.encode())
    if not has_configuration(theirs):
        return None
    asked = parse_request(pair.request.partition("?")[2])
    whom = pair.subscriber or asked.imsi or asked.msisdn
    if not whom:
        raise ConfigError("names nobody: the request has no IMSI or msisdn; add subscriber")
    query = {"layout": pair.layout or asked.layout} | ({"device": pair.device} if pair.device else {})
    shown = api("GET", f"/subscribers/{segment(whom)}/document", query=query)
    return compare_documents(theirs, parse_document(shown["document"].encode()))
