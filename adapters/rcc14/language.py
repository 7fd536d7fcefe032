"""Which of the operator's languages a client is spoken to in.

Spec: RFC 9110 12.5.4 (Accept-Language), RFC 4647 3.4 (lookup)
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_RANGES = 20


def choose_language(accept_language: str, offered: Sequence[str]) -> str:
    """The offered tag that the client likes best; the first one offered when it likes none.

    ``fr-CA`` is content with ``fr``. What is malformed counts as not said.
    """
    tags = {tag.lower(): tag for tag in offered}
    for wanted in _ranges(accept_language):
        while wanted:
            if wanted in tags:
                return tags[wanted]
            wanted = wanted.rpartition("-")[0]
    return offered[0]


def _ranges(accept_language: str) -> list[str]:
    """The language ranges in lower case, the best liked first."""
    weighted = []
    for position, part in enumerate(accept_language.split(",", MAX_RANGES)[:MAX_RANGES]):
        tag, _, parameter = part.partition(";")
        name, _, text = parameter.strip().partition("=")
        try:
            weight = float(text) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if weight > 0:
            weighted.append((-weight, position, tag.strip().lower()))
    return [tag for _, _, tag in sorted(weighted)]
