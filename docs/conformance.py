"""The conformance tables: what each specification asks, and the test that holds the gateway to it.

``tests/conformance/<protocol>/*.toml`` lists requirements; each file covers one part of the protocol and starts with
the title of that part.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "tests" / "conformance"
PROTOCOLS = {"omacp": "OMA CP", "omadm": "OMA DM", "rcc14": "RCC.14"}

_FIELDS = {"document", "clause", "text", "tests", "not_supported", "unconfirmed"}
_INTRODUCTION = """\
Every requirement that this gateway was held to, by document and clause, with the test that shows it or the reason why
it is not met. *Unconfirmed* marks a point whose text could not be checked against the specification itself; what is
assumed is said with it, and is a setting where devices differ.
"""


class Requirement(NamedTuple):
    """One thing a specification asks. Either ``tests`` show it, or ``not_supported`` says why it is not met.

    ``clause`` may be empty where only the document is known; ``unconfirmed`` says what was assumed.
    """

    document: str
    clause: str
    text: str
    tests: tuple[str, ...] = ()
    not_supported: str = ""
    unconfirmed: str = ""


class Part(NamedTuple):
    """The requirements of one part of a protocol."""

    title: str
    requirements: tuple[Requirement, ...]


def load(protocol: str) -> list[Part]:
    """The parts of a protocol, by title.

    Raises: ValueError naming the file and the requirement that is not well stated.
    """
    return sorted(_part(file) for file in (TABLES / protocol).glob("*.toml"))


def _part(file: Path) -> Part:
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    requirements = []
    for entry in content.get("requirement", ()):
        place = f"{file.relative_to(ROOT)}: {entry.get('text', entry)!r}"
        if unknown := entry.keys() - _FIELDS:
            raise ValueError(f"{place}: unknown keys {', '.join(sorted(unknown))}")
        if not (entry.get("document") and entry.get("text")):
            raise ValueError(f"{place}: a requirement has a document and a text")
        if bool(entry.get("tests")) == bool(entry.get("not_supported")):
            raise ValueError(f"{place}: a requirement has either tests or a reason for not_supported")
        fields = {"clause": ""} | entry
        requirements.append(Requirement(**fields | {"tests": tuple(entry.get("tests", ()))}))
    return Part(content["title"], tuple(sorted(requirements, key=_order)))


def _order(requirement: Requirement) -> tuple[str, list[tuple[int, str]]]:
    """By document, then by clause as its numbers count."""
    numbers = [(int(part), "") if part.isdigit() else (0, part) for part in requirement.clause.split(".")]
    return requirement.document, numbers


def pages() -> dict[str, list[str]]:
    """The reference page of each protocol by its name, as lines of Markdown without the note that it was made."""
    return {protocol: _page(name, load(protocol)) for protocol, name in PROTOCOLS.items()}


def _page(name: str, parts: Sequence[Part]) -> list[str]:
    every = [requirement for part in parts for requirement in part.requirements]
    met = sum(1 for requirement in every if requirement.tests)
    lines = [f"# {name} conformance", "", _INTRODUCTION, f"{met} of {len(every)} requirements are met.", ""]
    for part in parts:
        lines += [f"## {part.title}", "", "| Clause | Requirement | Shown by |", "|---|---|---|"]
        lines += [f"| {_place(one)} | {_cell(one.text)}{_doubt(one)} | {_proof(one)} |" for one in part.requirements]
        lines.append("")
    return lines


def _place(requirement: Requirement) -> str:
    return _cell(f"{requirement.document} {requirement.clause}".rstrip())


def _doubt(requirement: Requirement) -> str:
    return f" *Unconfirmed:* {_cell(requirement.unconfirmed)}" if requirement.unconfirmed else ""


def _proof(requirement: Requirement) -> str:
    if requirement.not_supported:
        return f"not supported: {_cell(requirement.not_supported)}"
    return "<br>".join(
        [f"[`{test.rpartition('::')[2]}`](../../{test.partition('::')[0]})" for test in requirement.tests]
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
