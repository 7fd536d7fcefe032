"""Answers as text for people: what matters is there, in lines that can be read."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import report
from gateway.settings import Listener

LEAF: dict[str, Any] = {
    "node": "ims/T1", "uri": "./IMS/T1", "wanted": "2000", "held": "1000", "status": 405,
    "meaning": "command not allowed", "standing": "refused",
}  # fmt: skip
DEVICE: dict[str, Any] = {
    "id": "ann.1", "subscriber_id": "ann", "imei": "", "manufacturer": "Acme", "model": "B7", "software": "",
    "friendly_name": "",
    "speaking": [], "owners": [],
    "tac": None, "state": None, "omadm": None, "rcc14": None, "leaves": [], "operations": [], "pushes": [],
    "jobs": [],
}  # fmt: skip
OMADM: dict[str, Any] = {
    "loc_uri": "IMEI:1",
    "up_to_date": False,
    "last_session_at": None,
    "refused_verbs": ["list", "Copy"],
    "spared_verbs": ["Atomic"],
    "uri_limits": {"depth": 3, "total": 0, "segment": 18},
}


def test_a_table_is_aligned() -> None:
    """Columns are as wide as their widest cell, and lines end where their text ends."""
    assert report.table(["id", "plan"], [["alice", "basic"], ["b", ""]]).splitlines() == [
        "id     plan",
        "alice  basic",
        "b",
    ]
    assert report.table(["id", "plan"], []) == "id  plan"


@pytest.mark.parametrize("demo", [True, False])
def test_the_welcome_says_where_and_what_to_try(demo: bool) -> None:
    """Each listener with the port it got and what it serves; the demo's commands only where there is a demo."""
    plain = Listener.model_validate({"name": "plain", "address": "[::1]:0", "serves": ["omadm", "rcc14-http"]})
    tls = Listener.model_validate(
        {"name": "tls", "address": "127.0.0.1:8443", "serves": ["omadm"], "certificate": "c", "key": "k"}
    )
    text = report.welcome([(plain, 4711), (tls, 8443)], demo=demo)
    assert "http://[::1]:4711  omadm, rcc14-http" in text
    assert "https://127.0.0.1:8443  omadm" in text
    assert ("mogate simulate omadm" in text) is demo
    assert text.endswith("Ctrl-C stops it; the data stays.")


def test_a_subscriber_is_shown_with_devices_and_values() -> None:
    """What is not known is a dash; own values, each device and how far each service came have a line."""
    device = {
        "id": "ann.1", "imei": "", "manufacturer": "", "model": "B7", "protocols": [], "last_seen_at": None,
        "friendly_name": "Ann's\x1b[2J", "role": "additional", "activation": "offered",
    }  # fmt: skip
    found = {
        "id": "ann", "state": "active", "msisdn": "", "imsis": ["1", "2"], "tenant": "", "plan": "basic", "groups": [],
        "application_states": {"rcs": "dormant"}, "values": {"ims/T1": "3000"}, "devices": [device],
        "services": [
            {
                "device_id": "ann.1", "service": "ims", "step": "failed", "at": "2026-05-01", "why": "no\x1bway",
                "by_hand": "mogate render ann.1 --as manual",
            },
            {"device_id": "", "service": "rcs", "step": "registered", "at": None, "why": "", "by_hand": ""},
        ],
    }  # fmt: skip
    assert report.subscriber(found).splitlines() == [
        "subscriber ann   active",
        "  MSISDN -   IMSI 1, 2",
        "  tenant -   plan basic   groups -",
        "  rcs is dormant",
        "  ims/T1 = 3000",
        "  device ann.1   Ann's\ufffd[2J   additional   IMEI -   B7   -   offered   seen never",
        "    ims   failed since 2026-05-01: no\ufffdway; by hand: mogate render ann.1 --as manual",
        "    rcs   registered",
    ]


def test_a_refusal_stands_out() -> None:
    """What the device takes, then refused leaves with the code and what it means, then every leaf in a table."""
    held = LEAF | {"node": "ims/T2", "wanted": "x" * 60, "held": None, "status": None, "standing": "pending"}
    lines = report.device(DEVICE | {"omadm": OMADM, "leaves": [LEAF, held]}).splitlines()
    assert lines[0] == "device ann.1 of subscriber ann   IMEI -   Acme B7"
    assert lines[1] == "OMA DM   IMEI:1   not up to date   last session never"
    assert lines[2:6] == [
        "  its URIs are bounded: depth 3, segment 18",
        "  it does not know: list, Copy",
        "  others of its model do not: Atomic",
        "  REFUSED  ims/T1  405 command not allowed",
    ]
    assert [line.split() for line in lines[6:]] == [
        ["node", "wanted", "held", "answer", "standing"],
        ["ims/T1", "2000", "1000", "405", "command", "not", "allowed", "refused"],
        ["ims/T2", "x" * 43 + "…", "-", "-", "pending"],
    ]


def test_versions_and_operations_are_shown() -> None:
    """RCC.14 tells three versions apart; an operation waits, or has an outcome with what it read."""
    rcc14 = {
        "version": 3, "sent_version": 2, "reported_version": None, "activation": "offered", "role": "primary",
        "has_token": True, "terms_sent": "2", "terms_accepted": "1", "parameters": {"rcs_state": "0"},
        "unknown": {"nwk_intf": "lte"},
    }  # fmt: skip
    waiting = {"id": "1", "verb": "Exec", "uri": "./A", "status": None, "meaning": None, "results": {}}
    done = waiting | {"id": "2", "verb": "Get", "status": 200, "meaning": "OK", "results": {"./A": "x"}}
    assert report.device(DEVICE | {"rcc14": rcc14, "operations": [waiting, done]}).splitlines()[1:] == [
        "RCC.14   offered   version 3 due, 2 sent, none reported   primary, has a token",
        "  terms of use 2: not accepted",
        "  rcs_state = 0",
        "  nwk_intf = lte (unknown)",
        "operation 1  Exec ./A  waits",
        "operation 2  Get ./A  200 OK",
        "  ./A = x",
    ]


def test_an_explanation_names_winner_and_losers() -> None:
    """A value with its layer, file and line; one that is missing a variable; one that a layer took away."""

    def source(layer: str, template: str | None = "t") -> dict[str, str | None]:
        return {"layer": layer, "profile": "p", "place": "p.toml:3", "template": template}

    leaf = {"node": "ims/A", "value": "1", "missing": [], "winner": source("plan"), "losers": [source("operator", "0")]}
    leaves = [
        leaf,
        leaf | {"node": "ims/B", "value": None, "missing": ["imsi", "tel"], "losers": []},
        leaf | {"node": "ims/C", "value": None, "winner": source("model", None), "losers": [source("operator", None)]},
    ]
    owners = [{"mo": "ims", "protocol": "rcc14", "why": "model a1 a1.toml:6"}]
    text = report.explanation({"device_id": "ann.1", "subscriber_id": "ann", "leaves": leaves, "owners": owners})
    assert text.splitlines() == [
        "device ann.1 of subscriber ann",
        "ims/A = 1",
        "    plan p p.toml:3",
        "    not operator p p.toml:3: 0",
        "ims/B: left out: the subscriber has no imsi, tel",
        "    plan p p.toml:3",
        "ims/C: taken away",
        "    model p p.toml:3",
        "    not operator p p.toml:3: taken away",
        "  ims is written by rcc14 alone: model a1 a1.toml:6",
    ]


def test_a_document_is_laid_out() -> None:
    """One element a line, indented, with nothing lost."""
    text = report.document('<wap-provisioningdoc><characteristic type="VERS"><parm name="version" value="1"/>'
                           "</characteristic></wap-provisioningdoc>")  # fmt: skip
    assert text.splitlines()[1:3] == ['  <characteristic type="VERS">', '    <parm name="version" value="1"/>']
