"""Steps that somebody may want to watch: what has them is given a way to wrap each, once, when it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Attributes = Mapping[str, str | int]
"""What is said of something watched: never an identity, nor text of a device's."""


class Around(Protocol):
    """Gives the step to take in place of ``step``; ``told`` says of what it gives back what may be known of it."""

    def __call__(
        self, name: str, step: Callable[P, Awaitable[T]], told: Callable[[T], Attributes] | None = None
    ) -> Callable[P, Awaitable[T]]: ...


def bare(
    name: str, step: Callable[P, Awaitable[T]], told: Callable[[T], Attributes] | None = None
) -> Callable[P, Awaitable[T]]:
    """The step itself: nobody watches, and it costs nothing."""
    return step
