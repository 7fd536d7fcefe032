"""The user of a simulated phone, who answers what a server shows or asks.

Spec: OMA-TS-DM_Protocol-V1_2 10 (user interaction)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl

DISPLAY, CONFIRM, TEXT_INPUT, SINGLE_CHOICE, MULTIPLE_CHOICE = range(1100, 1105)
PROMPTS = (DISPLAY, CONFIRM, TEXT_INPUT, SINGLE_CHOICE, MULTIPLE_CHOICE)

OK, CANCELLED, NO, INCOMPLETE, TIMEOUT = 200, 214, 304, 412, 408
REFUSALS = (CANCELLED, NO, TIMEOUT)

CANCEL = "cancel"
"""What a user says who takes none of it."""

_YES, _NO = ("accept", "yes", "1"), ("reject", "no", "0")


class Answer(NamedTuple):
    """What became of a prompt: the status, and the Data of the items that go with it."""

    code: int
    items: tuple[str, ...] = ()


class User:
    """Answers from a script, in its order; when that is at an end by ``ask``, or, without one, not at all.

    Who does not answer leaves it to the default of the prompt.
    """

    def __init__(self, script: Iterable[str] = (), ask: Callable[[str], str] | None = None) -> None:
        self._script = list(script)
        self._ask = ask
        self.seen: list[str] = []

    def answer(self, code: int, texts: list[str]) -> Answer:
        """The answer to a prompt, whose ``texts`` are options, text and choices."""
        if len(texts) < 2 or (code in (SINGLE_CHOICE, MULTIPLE_CHOICE) and len(texts) < 3):
            return Answer(INCOMPLETE)
        options, shown, *choices = texts
        wishes = {name.upper(): value for name, value in parse_qsl(options)}
        if code == DISPLAY:
            self.seen.append(shown)
            return Answer(OK)
        said = self._say(shown, choices) or wishes.get("DR", "")
        answer = _take(code, said, len(choices), wishes)
        told = ", ".join(answer.items) or {OK: "accept", NO: "reject", CANCELLED: CANCEL}.get(answer.code, "nothing")
        self.seen.append(f"{shown} {told}")
        return answer

    def _say(self, shown: str, choices: list[str]) -> str:
        if self._script:
            return self._script.pop(0)
        if self._ask is None:
            return ""
        listed = "".join(f"\n  {number} {choice}" for number, choice in enumerate(choices, start=1))
        return self._ask(f"{shown}{listed}")


def _take(code: int, said: str, choices: int, wishes: dict[str, str]) -> Answer:
    """What the phone makes of what its user said; what it cannot take is as good as nothing."""
    word = said.strip().lower()
    if word == CANCEL:
        return Answer(CANCELLED)
    if code == CONFIRM:
        return Answer(OK if word in _YES else NO if word in _NO else TIMEOUT)
    if code == TEXT_INPUT:
        most = wishes.get("MAXLEN", "")
        typed = said[: int(most)] if most.isdecimal() else said
        return Answer(OK, (typed,)) if typed else Answer(TIMEOUT)
    numbers = tuple(number for number in word.replace("-", ",").replace(" ", ",").split(",") if number)
    if not numbers or not all(number.isdecimal() and 1 <= int(number) <= choices for number in numbers):
        return Answer(TIMEOUT)
    return Answer(OK, numbers if code == MULTIPLE_CHOICE else numbers[:1])
