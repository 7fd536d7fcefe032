"""Libraries that another one is not to take up."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from gateway.observe.without import without


def test_what_is_hidden_is_as_good_as_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it fails while it is hidden, and works afterwards as if nothing had been."""
    monkeypatch.delitem(sys.modules, "this_is_not_loaded", raising=False)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys", "this_is_not_loaded"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)
    assert "this_is_not_loaded" not in sys.modules


def test_what_is_loaded_already_stays() -> None:
    """Hiding a module takes it from nobody who has it."""
    with without("json"):
        assert importlib.import_module("json") is json
