"""The user of the simulated phone."""

from __future__ import annotations

import pytest

from adapters.simulator.prompts import Answer, User


@pytest.mark.parametrize(
    ("code", "texts", "said", "answer"),
    [
        (1100, ["MINDT=5", "Hello"], [], Answer(200)),
        (1101, ["", "Sure?"], ["accept"], Answer(200)),
        (1101, ["", "Sure?"], ["no"], Answer(304)),
        (1101, ["", "Sure?"], ["cancel"], Answer(214)),
        (1101, ["MAXDT=9", "Sure?"], [], Answer(408)),
        (1101, ["MAXDT=9&DR=1", "Sure?"], [], Answer(200)),
        (1102, ["MAXLEN=3", "Name?"], ["Alice"], Answer(200, ("Ali",))),
        (1102, ["DR=John+Doe", "Name?"], [], Answer(200, ("John Doe",))),
        (1103, ["", "Which?", "a", "b"], ["2"], Answer(200, ("2",))),
        (1103, ["", "Which?", "a", "b"], ["3"], Answer(408)),
        (1104, ["DR=2-3", "Which?", "a", "b", "c"], [], Answer(200, ("2", "3"))),
        (1104, ["", "Which?", "a", "b", "c"], ["1,3"], Answer(200, ("1", "3"))),
        (1103, ["", "Which?"], ["1"], Answer(412)),
        (1101, [""], ["accept"], Answer(412)),
    ],
)
def test_what_a_user_says(code: int, texts: list[str], said: list[str], answer: Answer) -> None:
    """200, 304, 214 and 408, the default of the prompt where nobody answers, and what was typed or chosen.

    Spec: OMA-TS-DM_Protocol-V1_2 10
    """
    assert User(said).answer(code, texts) == answer


def test_a_user_at_the_terminal_is_asked_after_the_script() -> None:
    """The script comes first; then the text is shown with its choices, numbered from 1."""
    asked: list[str] = []
    user = User(["accept"], lambda shown: asked.append(shown) or "2")  # type: ignore[func-returns-value]
    assert user.answer(1101, ["", "Sure?"]).code == 200
    assert user.answer(1103, ["", "Which?", "Bell", "Bird"]) == Answer(200, ("2",))
    assert asked == ["Which?\n  1 Bell\n  2 Bird"]
    assert user.seen == ["Sure? accept", "Which? 2"]
