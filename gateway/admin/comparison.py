"""Two sessions of a trace beside each other: which messages belong together, and in which lines they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from gateway.admin.models.trace import ExchangeView

SESSION_GAP = timedelta(minutes=1)
"""After so long a silence another session has begun, also where the protocol does not name them."""

MAX_COMPARED = 50
"""Exchanges of a session that are compared; the work grows with the product of both sides."""

_WORDS = re.compile(r", |[?&]")
_OF_ITS_OWN = re.compile(r"\d+ octets|session .*|message \d+")
_STATUS = re.compile(r"^(\s*Status) \d+ ")
_VALUE = re.compile(r" = |: |=")
_NUMBER = re.compile(r"(?<!\S)\d+(?!\S)")

Mark = Literal["same", "differs", "left", "right"]
Kind = Literal["received", "decided", "sent"]
KINDS: tuple[Kind, ...] = ("received", "decided", "sent")


class Pair(NamedTuple):
    """One line on either side; ``left`` and ``right`` mark what only that side has."""

    mark: Mark
    left: str
    right: str


class Step(NamedTuple):
    """A message, or what was decided, of either side; None where that side has no such exchange."""

    kind: Kind
    left_seq: int | None
    right_seq: int | None
    lines: tuple[Pair, ...]


def sessions_of(exchanges: Sequence[ExchangeView]) -> list[list[ExchangeView]]:
    """Exchanges of one device, oldest first, as sessions, oldest first."""
    sessions: list[list[ExchangeView]] = []
    for exchange in exchanges:
        last = next((one for one in reversed(sessions) if _kind(one[-1]) == _kind(exchange)), None)
        goes_on = last is not None and exchange.at - last[-1].at < SESSION_GAP and _name(last[-1]) == _name(exchange)
        if last is not None and goes_on:
            last.append(exchange)
        else:
            sessions.append([exchange])
    return sessions


def compare(left: Sequence[ExchangeView], right: Sequence[ExchangeView]) -> list[Step]:
    """Both sessions message by message; each line beside the one of the other side that is about the same."""
    left, right = left[:MAX_COMPARED], right[:MAX_COMPARED]
    steps = []
    for one, other in _aligned([_lines(one) for one in left], [_lines(one) for one in right]):
        for kind in KINDS:
            ours = _lines(left[one])[kind] if one is not None else []
            theirs = _lines(right[other])[kind] if other is not None else []
            if ours or theirs:
                seqs = (left[one].seq if one is not None else None, right[other].seq if other is not None else None)
                steps.append(Step(kind, *seqs, tuple(_paired(ours, theirs))))
    return steps


def _kind(exchange: ExchangeView) -> str:
    """The protocol, whatever it is encoded as."""
    return exchange.protocol.partition("-")[0]


def _name(exchange: ExchangeView) -> str:
    return next((message.session for message in exchange.messages if message.session), "")


def _lines(exchange: ExchangeView) -> dict[Kind, list[str]]:
    """What was received, decided and sent, a line each; without what is of every message its own."""
    found: dict[Kind, list[str]] = {"received": [], "decided": list(exchange.decisions), "sent": []}
    for message in exchange.messages:
        head = [word for word in _WORDS.split(message.line) if not _OF_ITS_OWN.fullmatch(word)]
        found[message.direction] += [*head, *message.says]
    return found


def _about(line: str) -> str:
    """What a line is about: a command with its node, a parameter, a header; without its value or status."""
    bare = _STATUS.sub(r"\1 ", line)
    return _NUMBER.sub("", bare[: found.start()] if (found := _VALUE.search(bare)) else bare)


def _aligned(
    left: Sequence[dict[Kind, list[str]]], right: Sequence[dict[Kind, list[str]]]
) -> Iterator[tuple[int | None, int | None]]:
    """Which exchanges belong together, in order: those choices that have most in common in all."""
    ours, theirs = ([_topics(one) for one in side] for side in (left, right))
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    alike = [[_likeness(one, other) for other in theirs] for one in ours]
    for row in reversed(range(len(ours))):
        for column in reversed(range(len(theirs))):
            together = best[row + 1][column + 1] + alike[row][column]
            best[row][column] = max(together, best[row + 1][column], best[row][column + 1])
    row = column = 0
    while row < len(ours) and column < len(theirs):
        if alike[row][column] and best[row][column] == best[row + 1][column + 1] + alike[row][column]:
            yield row, column
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            yield row, None
            row += 1
        else:
            yield None, column
            column += 1
    yield from ((one, None) for one in range(row, len(ours)))
    yield from ((None, other) for other in range(column, len(theirs)))


def _topics(lines: dict[Kind, list[str]]) -> set[tuple[Kind, str]]:
    return {(kind, _about(line)) for kind, said in lines.items() for line in said}


def _likeness(one: set[tuple[Kind, str]], other: set[tuple[Kind, str]]) -> float:
    """From 0 to 1, how much of what either says is about the same."""
    return len(one & other) / len(one | other) if one | other else 1.0


def _paired(left: Sequence[str], right: Sequence[str]) -> Iterator[Pair]:
    ours, theirs = ([_about(line) for line in side] for side in (left, right))
    for tag, start, end, begin, until in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            for one, other in zip(left[start:end], right[begin:until], strict=True):
                yield Pair("same" if one == other else "differs", one, other)
        else:
            yield from (Pair("left", one, "") for one in left[start:end])
            yield from (Pair("right", "", other) for other in right[begin:until])


def count_differences(steps: Sequence[Step]) -> int:
    """In how many lines they differ."""
    return sum(pair.mark != "same" for step in steps for pair in step.lines)
