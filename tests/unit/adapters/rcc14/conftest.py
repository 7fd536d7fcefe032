"""A small operator: the shipped DDFs and mappings, and one profile with three MOs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from rcc14_front import Opening, Phone, fronts

from adapters.provisioning.mapping import Mapping
from adapters.rcc14.documents import Documents
from adapters.rcc14.session import Terms
from gateway.accounts import Accounts
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.ims_credentials import ImsCredentials
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Rcc14

CONFIG = Path(__file__).parents[4] / "config"
PROFILE = """\
name = "all"
layer = "operator"
[mo.ims]
Timer_T1 = 2000
Private_user_identity = "{impi}"
[mo.rcs]
"SERVICES/ChatAuth" = 1
[mo.nas-config]
NAS_SignallingPriority = 1
"""


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load(CONFIG / "mo", identifiers={"rcs": "example.net:mo:rcs:1.0"})


@pytest.fixture(scope="session")
def mapping(catalogue: Catalogue) -> Mapping:
    return Mapping.load(CONFIG / "mapping", catalogue)


@pytest.fixture
def terms() -> Terms:
    return Terms(validity_seconds=86400, jitter_percent=0, token_seconds=1000)


@pytest.fixture
def make_documents(
    catalogue: Catalogue, mapping: Mapping, accounts: Accounts, terms: Terms
) -> Callable[..., Documents]:
    """Documents of this mapping and these settings; those of the operator unless told otherwise."""
    profiles = ProfileSet([parse_profile(PROFILE, "all.toml", catalogue)], catalogue)
    service = Service(catalogue, profiles, plmns=["00101"], roots={})

    def make(mapped: Mapping = mapping, **settings: object) -> Documents:
        return Documents(  # type: ignore[arg-type]
            mapped, service, accounts, ImsCredentials(Sealer(bytes(32))), settings=Rcc14(**settings), terms=terms
        )

    return make


@pytest.fixture(scope="session")
def accounts() -> Accounts:
    return Accounts(Sealer(bytes(32)), server_id="mogate", life_seconds=1000)


@pytest.fixture
def documents(make_documents: Callable[..., Documents]) -> Documents:
    return make_documents()


@pytest.fixture
async def open_front(documents: Documents, accounts: Accounts, terms: Terms, tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a front with other settings or methods, and gives a client of it."""
    async with fronts(documents, accounts, terms, tmp_path) as opened:
        yield opened


@pytest.fixture
async def phone(open_front: Opening) -> Phone:
    return await open_front()
