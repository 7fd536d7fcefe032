"""What devices of one model were found to lack."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.admin.models.base import Model

Verb = Literal["Copy", "Atomic", "Sequence", "list", "TNDS", "TNDS-Replace", "limits"]
ModelName = Annotated[str, Field(max_length=100)]


class FindingView(Model):
    """A command, how many devices of the model refused it, and an operator's word on it, which goes before them.

    Or a limit as ``MaxDepth=8``, and how many said it of themselves: those that have not said theirs are spared what is
    beyond it. ``held_back`` says whether devices are spared it that did not refuse it themselves. ``verb`` may also be
    ``list``, a reading of a whole subtree, and ``TNDS`` or ``TNDS-Replace``, an Add or Replace of one.
    """

    verb: str
    refused_by: int
    word: Literal["lacks", "has"] | None
    held_back: bool


class ModelView(Model):
    """A make and model, as its devices write them."""

    manufacturer: str
    model: str
    findings: list[FindingView]


class ModelWord(Model):
    """An operator's word on a command of a model; null forgets what was learnt, so that it is tried anew.

    The ``limits`` can only be forgotten, all of them, so that devices are asked for their own.
    """

    manufacturer: ModelName = ""
    model: ModelName = ""
    verb: Verb
    word: Literal["lacks", "has"] | None

    @model_validator(mode="after")
    def _limits_are_forgotten(self) -> Self:
        if self.verb == "limits" and self.word:
            raise ValueError("of limits nothing can be said but that they be forgotten")
        return self
