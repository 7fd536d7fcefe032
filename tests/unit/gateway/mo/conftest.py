from pathlib import Path

import pytest

from gateway.mo.catalogue import Catalogue

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def mo_directory() -> Path:
    return ROOT / "config" / "mo"


@pytest.fixture(scope="session")
def ddf_vectors() -> Path:
    return ROOT / "tests" / "vectors" / "ddf"


@pytest.fixture(scope="session")
def catalogue(mo_directory: Path) -> Catalogue:
    """The DDF files the gateway is shipped with."""
    return Catalogue.load(mo_directory, identifiers={})
