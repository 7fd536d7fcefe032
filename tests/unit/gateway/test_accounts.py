"""OMA DM accounts of the gateway's own making: computed, sealed, renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gateway.accounts import CREDENTIAL_PURPOSE, Accounts, loc_uri_of
from gateway.fleet.account import AUTH_TYPE_NAMES
from gateway.fleet.device import AuthType, Credential, Device, OmaDmState, account_digest
from gateway.fleet.model import Model
from gateway.sealing import Sealer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEALER = Sealer(bytes(32))
ACCOUNTS = Accounts(SEALER, server_id="mogate", life_seconds=100)
DEVICE = Device(id="a.1", imei="001015000000023")


def digest_of(credential: Credential) -> str:
    return SEALER.unseal(credential.secret, CREDENTIAL_PURPOSE).decode()


def test_what_is_handed_out_is_what_is_checked() -> None:
    """The names and passwords of the variables are those whose digests are kept, sealed; each device has its own."""
    device = ACCOUNTS.renewed(DEVICE, NOW)
    variables, state = ACCOUNTS.variables(device), device.omadm
    assert state is not None
    assert state.server is not None
    assert variables["dm_client_name"] == state.loc_uri == "IMEI:001015000000023"
    assert digest_of(state.client) == account_digest(variables["dm_client_name"], variables["dm_client_secret"])
    assert digest_of(state.server) == account_digest("mogate", variables["dm_server_secret"])
    other = ACCOUNTS.variables(ACCOUNTS.renewed(Device(id="a.2", imei=DEVICE.imei), NOW))
    secrets = {given[name] for given in (variables, other) for name in ("dm_client_secret", "dm_server_secret")}
    assert len(secrets) == 4
    assert all(len(secret) == 24 for secret in secrets)


def test_the_same_account_until_it_is_due() -> None:
    """An account is written the same each time; past its life a new one is made, and waits until it is used."""
    device = ACCOUNTS.renewed(DEVICE, NOW)
    assert not ACCOUNTS.is_due(device, NOW + timedelta(seconds=99))
    assert ACCOUNTS.is_due(device, NOW + timedelta(seconds=100))
    assert ACCOUNTS.variables(device) == ACCOUNTS.variables(device)
    renewed = ACCOUNTS.renewed(device, NOW)
    assert renewed.omadm is not None
    assert device.omadm is not None
    assert renewed.omadm.pending is not None
    assert renewed.omadm.client == device.omadm.client
    secret = ACCOUNTS.variables(renewed)["dm_client_secret"]
    assert secret != ACCOUNTS.variables(device)["dm_client_secret"]
    assert digest_of(renewed.omadm.pending.client) == account_digest("IMEI:001015000000023", secret)


def test_an_account_that_somebody_made_is_left_alone() -> None:
    """A device with an account of the operator's making is not given another; one without IMEI has no name for one."""
    made = OmaDmState(loc_uri="IMEI:1", client=Credential(name="x", secret=b""))
    for device in (Device(id="a.1", imei=DEVICE.imei, omadm=made), Device(id="a.1")):
        assert not ACCOUNTS.is_due(device, NOW)
        assert ACCOUNTS.variables(device) == {}
    assert ACCOUNTS.is_due(DEVICE, NOW)
    ordered = ACCOUNTS.renewed(DEVICE, NOW).omadm
    assert ordered is not None
    device = Device(id="a.1", imei=DEVICE.imei, omadm=replace(ordered, account_made_at=None))
    assert ACCOUNTS.variables(device) == {}


@pytest.mark.parametrize(
    ("auth", "client", "server"),
    [(None, "DIGEST", "DIGEST"), ("md5", "DIGEST", "DIGEST"), ("basic", "BASIC", "DIGEST"), ("mac", "HMAC", "HMAC")],
)
def test_an_account_is_for_the_way_its_model_proves_itself(auth: AuthType | None, client: str, server: str) -> None:
    """What the document says is what the device is challenged with, and stays so when the account is renewed.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3 (AAuthType)
    """
    accounts = Accounts(SEALER, server_id="mogate", life_seconds=100, models=[Model(manufacturer="Ac*", auth=auth)])
    device = accounts.renewed(replace(DEVICE, manufacturer="Acme"), NOW)
    variables = accounts.variables(device)
    assert (variables["dm_client_auth"], variables["dm_server_auth"]) == (client, server)
    assert device.omadm is not None
    assert AUTH_TYPE_NAMES[device.omadm.auth] == client
    changed = Accounts(SEALER, server_id="mogate", life_seconds=100)
    assert changed.variables(changed.renewed(device, NOW))["dm_client_auth"] == client
    assert accounts.variables(accounts.renewed(DEVICE, NOW))["dm_client_auth"] == "DIGEST"


@pytest.mark.parametrize(
    ("imei", "loc_uri"),
    [
        ("490154203237518", "IMEI:490154203237518"),
        ("49015420323751", "IMEI:490154203237518"),
        ("4901542032375101", "IMEI:490154203237518"),
        ("", ""),
    ],
)
def test_the_name_of_a_phone(imei: str, loc_uri: str) -> None:
    """A phone calls itself by its IMEI with the check digit. Spec: 3GPP TS 23.003 Annex B"""
    assert loc_uri_of(imei) == loc_uri
