"""Commands that compare what another server answers with what this gateway would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from adapters.provisioning.comparison import DIFFER_ANYWAY, compare_documents, has_configuration
from adapters.provisioning.document import MAX_BYTES, parse_document
from adapters.rcc14.messages import parse_request
from gateway.admin.client import Refused, segment
from gateway.cli.common import api, printing, progress
from gateway.errors import ConfigError, DecodeError

MAX_LINE_BYTES = 2 * MAX_BYTES
SAMPLES = 3


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request and what the other server answered.

    ``request`` is the target with its query. ``subscriber`` is anything that names one, where the request does not.
    """

    answer: str
    request: str = ""
    subscriber: str = ""
    device: str = ""
    layout: Literal["A", "B", ""] = ""


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
    outcomes: Counter[str] = Counter({"same": 0, "differing": 0, "without configuration": 0, "not compared": 0})
    counts: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
    skipped: list[dict[str, Any]] = []
    with progress(file.name, file.stat().st_size) as went:
        for number, line in _lines(file):
            went(len(line))
            if not line.strip():
                continue
            try:
                found = _compare(line)
            except (msgspec.MsgspecError, DecodeError, Refused, ConfigError) as error:
                outcomes["not compared"] += 1
                skipped.append({"line": number, "why": str(error)})
                continue
            if found is None:
                outcomes["without configuration"] += 1
                continue
            outcomes["differing" if any(one["kind"] not in DIFFER_ANYWAY for one in found) else "same"] += 1
            for one in found:
                key = (one["kind"], one["place"])
                counts[key] += 1
                if len(kept := samples.setdefault(key, [])) < SAMPLES:
                    kept.append({"line": number, "theirs": one["theirs"], "ours": one["ours"]})
    differences: list[dict[str, Any]] = [
        {"kind": kind, "place": place, "pairs": count, "samples": samples[kind, place]}
        for (kind, place), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]
    text = [f"{file}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())]
    for difference in differences:
        text.append(f"{difference['pairs']} x {difference['kind']}: {difference['place']}")
        text += [f"  line {at['line']}: {_beside(at)}" for at in difference["samples"]]
    text += [f"{file}:{one['line']}: {one['why']}" for one in skipped]
    return {"file": str(file), "outcomes": outcomes, "differences": differences, "skipped": skipped}, "\n".join(text)


@shadow.command("summary")
@printing
def summary() -> tuple[object, str]:
    """Show how many clients of the server before would get something else here, and in what."""
    found = api("GET", "/shadow/summary")
    text = [
        "clients: " + ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in found["outcomes"].items())
    ]
    for one in found["places"]:
        text.append(f"{one['clients']} x {one['kind']}: {one['place']}")
        text += [f"  {at['subscriber']}: {_beside(at)}" for at in one["samples"]]
    return found, "\n".join(text)


@shadow.command("list")
@click.option("--outcome", default="", help="Only these: same, differing, unknown, unchanged or not_compared.")
@click.option("--place", default="", help="Only those that differ in this place.")
@click.option("--after", default="", help="Go on after this finding.")
@printing
def list_(outcome: str, place: str, after: str) -> tuple[object, str]:
    """List what clients of the server before got, beside what they would get here."""
    asked = {"outcome": outcome, "place": place, "after": after, "limit": "1000"}
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


def _beside(at: dict[str, Any]) -> str:
    return f"{at['theirs']!r} there, {at['ours']!r} here"


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ConfigError(f"is longer than {MAX_LINE_BYTES} octets", file=file, line=number)
            yield number, line


def _compare(line: bytes) -> list[dict[str, str]] | None:
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
    return [one._asdict() for one in compare_documents(theirs, parse_document(shown["document"].encode()))]
