"""What a simulated device said and heard, for people and for machines."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

MAX_LISTED = 5
"""How many entries of a fact a person is shown before only their number is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One message: ``sent`` by the device or ``received``, its HTTP line, and what it says, a line each."""

    direction: Literal["sent", "received"]
    line: str
    says: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True)
class Transcript:
    """The steps in order, and what the device holds afterwards.

    ``result`` is one word: ``ok``, or what went wrong. ``values`` are the device's settings by path. ``facts`` are what
    a test wants to know beyond that (versions, number of commands, …).
    """

    result: str = "ok"
    steps: list[Step] = dataclasses.field(default_factory=list)
    values: dict[str, str] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def sent(self, line: str, *says: str) -> None:
        """Note a message that went out."""
        self.steps.append(Step("sent", line, says))

    def received(self, line: str, *says: str) -> None:
        """Note a message that came in."""
        self.steps.append(Step("received", line, says))

    def as_json(self) -> dict[str, Any]:
        """The transcript as plain values."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The transcript for people: arrows seen from the device."""
        lines = []
        for step in self.steps:
            lines.append(f"{'-->' if step.direction == 'sent' else '<--'} {step.line}")
            lines += [f"      {line}" for line in step.says]
        lines.append(f"result: {self.result}")
        for name, value in self.facts.items():
            many = isinstance(value, list | dict) and len(value) > MAX_LISTED
            lines.append(f"  {name}: {len(value) if many else value}")
        return "\n".join(lines)
