"""A phone that is configured over RCC.14 is manageable over OMA DM at once, by the account in its document."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from live_gateway import CONFIG, Gateway

from adapters.simulator.omadm_device import run_session
from gateway.datadir import DemoPhone

W7 = "APPLICATION[w7]/"
IMEI = "001015000000023"
PROFILE = """\
name = "manageable"
layer = "operator"
[mo.dmacc]
AppID = "w7"
ServerID = "mogate"
Name = "Example Mobile"
"AppAddr/1/Addr" = "{address}"
"AppAuth/1/AAuthLevel" = "CLCRED"
"AppAuth/1/AAuthType" = "{{dm_client_auth}}"
"AppAuth/1/AAuthName" = "{{dm_client_name}}"
"AppAuth/1/AAuthSecret" = "{{dm_client_secret}}"
"AppAuth/2/AAuthLevel" = "SRVCRED"
"AppAuth/2/AAuthType" = "{{dm_server_auth}}"
"AppAuth/2/AAuthName" = "{{dm_server_name}}"
"AppAuth/2/AAuthSecret" = "{{dm_server_secret}}"
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """The demo operator, with a profile more that hands out accounts."""
    gateway = Gateway(tmp_path)
    shutil.copytree(CONFIG / "profiles", tmp_path / "profiles")
    profile = PROFILE.format(address=gateway.url("plain", "/omadm"))
    (tmp_path / "profiles" / "manageable.toml").write_text(profile)
    gateway.environment["MOGATE_PROFILES"] = str(tmp_path / "profiles")
    gateway.run("init", "--demo")
    gateway.start()
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


def account_in(values: dict[str, str]) -> DemoPhone:
    """The phone that a client of w7 makes of its document; APPSRV is the phone proving itself, CLIENT the server."""
    by_level = {
        values[f"{W7}{entry}/AAUTHLEVEL"]: (values[f"{W7}{entry}/AAUTHNAME"], values[f"{W7}{entry}/AAUTHSECRET"])
        for entry in ("APPAUTH", "APPAUTH#2")
    }
    (client_name, client_password), (server_name, server_password) = by_level["APPSRV"], by_level["CLIENT"]
    return DemoPhone(
        loc_uri=f"IMEI:{IMEI}",
        imei=IMEI,
        manufacturer="Acme",
        model="B7",
        client_name=client_name,
        client_password=client_password,
        server_name=server_name,
        server_password=server_password,
        server_id=values[W7 + "PROVIDER-ID"],
    )


def session(phone: DemoPhone, values: dict[str, str], state: Path) -> dict[str, Any]:
    """One OMA DM session to where the document says, in which the phone proves itself as that says."""
    auth: Literal["md5", "mac"] = "mac" if values[W7 + "APPAUTH/AAUTHTYPE"] == "HMAC" else "md5"
    return asyncio.run(run_session(phone, values[W7 + "APPADDR/ADDR"], state, auth=auth)).as_json()


def test_one_document_leads_to_the_other_protocol(gateway: Gateway, tmp_path: Path) -> None:
    """Document, account, session: both sides prove who they are with what the document said, and the phone gets the
    same settings over OMA DM. The account neither changes nor raises the version while it is good.

    Spec: OMA-SUP-ac_w7_dm-V1_0; OMA-TS-DM_Security-V1_2 5.3
    """
    client = gateway.json("simulate", "rcc14")
    values = client["values"]
    phone = account_in(values)
    done = session(phone, values, tmp_path / "phone.json")
    assert done["result"] == "ok"
    assert done["facts"]["server_authenticated"]
    ims = "APPLICATION[urn:oma:mo:ext-3gpp-ims:1.0]/3GPP_IMS/Timer_T1"
    assert done["values"]["./3GPP_IMS/Timer_T1"] == values[ims]

    again = gateway.json("simulate", "rcc14")
    assert (again["facts"]["version"], again["facts"]["parameters"]) == (client["facts"]["version"], 0)
    fresh = gateway.json("simulate", "rcc14", "--state", str(tmp_path / "fresh.json"))
    assert account_in(fresh["values"]) == phone

    stranger = session(
        DemoPhone(**{name: getattr(phone, name) for name in phone.__struct_fields__} | {"client_password": "guess"}),
        values,
        tmp_path / "stranger.json",
    )
    assert stranger["result"] != "ok"
    for secret in (phone.client_password, phone.server_password):
        assert secret not in gateway.log()
        assert secret not in gateway.run("explain", "alice", "--device", "alice.2")
        assert secret not in gateway.run("render", "alice", "--device", "alice.2")


def test_the_account_is_made_for_the_model(gateway: Gateway, tmp_path: Path) -> None:
    """A phone whose model proves itself by auth-MAC gets an account that says so, and it and the gateway prove
    themselves to each other in that way.

    Spec: OMA-SUP-ac_w7_dm-V1_0 (AAUTHTYPE); OMA-TS-DM_Security-V1_2 5.4
    """
    gateway.stop()
    gateway.environment |= {"MOGATE_OMADM__MODELS__0__MODEL": "*", "MOGATE_OMADM__MODELS__0__AUTH": "mac"}
    gateway.start()
    values = gateway.json("simulate", "rcc14")["values"]
    assert (values[W7 + "APPAUTH/AAUTHTYPE"], values[W7 + "APPAUTH#2/AAUTHTYPE"]) == ("HMAC", "HMAC")
    done = session(account_in(values), values, tmp_path / "phone.json")
    assert (done["result"], done["facts"]["server_authenticated"]) == ("ok", True)
    assert gateway.api("GET", "/devices/alice.2")["omadm"]["auth"] == "mac"


def test_an_account_past_its_life_is_replaced(gateway: Gateway, tmp_path: Path) -> None:
    """The first query after its life brings another account under a higher version. The old one is good until the phone
    first uses the new one, and then no more."""
    client = gateway.json("simulate", "rcc14")
    old = account_in(client["values"])
    gateway.stop()
    gateway.environment["MOGATE_OMADM__ACCOUNT_SECONDS"] = "1"
    gateway.start()
    renewed = client
    for _ in range(20):
        if renewed["facts"]["version"] > client["facts"]["version"]:
            break
        renewed = gateway.json("simulate", "rcc14")
    new, values = account_in(renewed["values"]), renewed["values"]
    assert new.client_password != old.client_password
    assert new.server_password != old.server_password

    assert session(old, values, tmp_path / "old.json")["result"] == "ok"
    gateway.run("set", "alice.2", "ims/Timer_T4=9000")
    done = session(new, values, tmp_path / "new.json")
    assert (done["result"], done["facts"]["server_authenticated"]) == ("ok", True)
    assert session(old, values, tmp_path / "old.json")["result"] != "ok"
    assert session(new, values, tmp_path / "new.json")["result"] == "ok"
