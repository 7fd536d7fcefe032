"""Languages: what the client likes best of what the operator has."""

from __future__ import annotations

import pytest

from adapters.rcc14.language import choose_language


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("FR-ca, en", "fr"),
        ("it, de-DE;q=0.5, fr;q=0.8", "fr"),
        ("zh-Hant-TW", "zh-Hant"),
        ("de;q=0", "en"),
        ("de;q=x, fr", "fr"),
        ("*", "en"),
        (";;,,=", "en"),
        ("de;q=0.1," * 500 + "fr", "de"),
    ],
)
def test_the_best_liked_language_that_is_offered(accept: str, chosen: str) -> None:
    """By weight and then by order; longer tags fall back to shorter ones; else the first offered (RFC 4647 3.4)."""
    assert choose_language(accept, ("en", "fr", "de", "zh-Hant")) == chosen
