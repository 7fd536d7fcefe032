"""Two tenants (MVNO) and the operator on one gateway: each tries what it can to learn of, meet or change what is
another's."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from live_gateway import Gateway, serving

ALICE = {"imsi": "001010000000001", "msisdn": "+15550100001"}
"""A subscriber of the operator's own."""


class Caller:
    """One with a token; all have the same name, as tokens of one program at several customers do."""

    def __init__(self, gateway: Gateway, tenant: str) -> None:
        self.gateway = gateway
        self.tenant = tenant
        made = gateway.api("POST", "/tokens", {"name": "crm", "role": "admin", "tenant": tenant})
        self.token = made["token"]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        octets = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.gateway.url("admin", f"/api/v1{path}"), octets, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, said = error.code, error.read()
        return status, json.loads(said) if said else None

    def make(self, name: str, **fields: object) -> str:
        """The id of a new subscriber that the caller calls so."""
        status, made = self.ask("POST", "/subscribers", {"id": name, "tenant": self.tenant, **fields})
        assert status == 201, made
        return str(made["id"])

    def bulk(self, path: str, *rows: dict[str, object]) -> list[dict[str, Any]]:
        status, told = self.ask("POST", path, b"\n".join(json.dumps(row).encode() for row in rows))
        assert status == 200, told
        return list(told)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


@pytest.fixture(scope="module")
def bluebird(gateway: Gateway) -> Caller:
    return Caller(gateway, "bluebird")


@pytest.fixture(scope="module")
def redkite(gateway: Gateway) -> Caller:
    return Caller(gateway, "redkite")


def test_each_has_ids_of_its_own(gateway: Gateway, bluebird: Caller, redkite: Caller) -> None:
    """The same id names one of each, under every route; what one does with it the other does not notice."""
    ids = {one.tenant: one.make("shared", imsis=[f"00101000000090{n}"]) for n, one in enumerate((bluebird, redkite))}
    assert ids == {"bluebird": "shared~bluebird", "redkite": "shared~redkite"}
    for one, other in ((bluebird, redkite), (redkite, bluebird)):
        assert one.ask("GET", "/subscribers/shared")[1]["id"] == ids[one.tenant]
        assert one.ask("GET", f"/subscribers/{ids[one.tenant]}")[0] == 200
        strange = one.ask("GET", f"/subscribers/{ids[other.tenant]}")
        nobody = one.ask("GET", "/subscribers/nobody~there")
        assert strange[0] == nobody[0] == 404
        assert strange[1]["detail"].replace(ids[other.tenant], "nobody~there") == nobody[1]["detail"]
    device = {"loc_uri": "IMEI:351234560000116"}
    assert bluebird.ask("POST", "/subscribers/shared/devices", device)[1]["device_id"] == "shared~bluebird.1"
    assert bluebird.ask("GET", "/devices/shared.1")[1]["id"] == "shared~bluebird.1"
    assert redkite.ask("GET", "/devices/shared.1")[0] == 404
    assert bluebird.ask("PATCH", "/subscribers/shared", {"plan": "gold"})[0] == 200
    assert redkite.ask("GET", "/subscribers/shared")[1]["plan"] == ""
    (event,) = [one for one in bluebird.ask("GET", "/events?device=shared.1")[1] if one["kind"] == "device.added"]
    assert event["device_id"] == "shared~bluebird.1"
    assert redkite.ask("GET", "/events?device=shared~bluebird.1")[0] == 403
    assert redkite.ask("GET", "/events?subscriber=shared&device=shared~bluebird.1")[0] == 403
    assert redkite.ask("DELETE", "/subscribers/shared")[0] == 204
    assert gateway.api("GET", "/subscribers/shared~bluebird")["plan"] == "gold"
    entries = gateway.api("GET", "/audit?subject=shared~redkite")
    assert {(entry["tenant"], entry["action"]) for entry in entries} >= {("redkite", "delete_subscriber")}


def test_an_id_of_the_operators_is_free_to_a_tenant(gateway: Gateway, bluebird: Caller) -> None:
    """So that it learns of none; one of its own that the operator made keeps the id it has, and is met by it."""
    assert bluebird.make("alice") == "alice~bluebird"
    assert gateway.api("GET", "/subscribers/alice")["msisdn"] == ALICE["msisdn"]
    row = {"id": "carol", "tenant": "bluebird"}
    assert bluebird.bulk("/subscribers/bulk", row) == [{"row": 1, "outcome": "present", "id": "carol", "why": ""}]
    assert bluebird.ask("POST", "/subscribers", row)[0] == 409


def test_nobody_writes_the_mark_of_another(bluebird: Caller, redkite: Caller) -> None:
    """An id with another tenant's name in it is refused, alone and among rows; with one's own it is what it was."""
    row = {"id": "marked~bluebird", "tenant": "redkite"}
    assert redkite.ask("POST", "/subscribers", row)[0] == 422
    assert [redkite.bulk(f"/subscribers/bulk{how}", row)[0]["outcome"] for how in ("", "?dry_run=true")] == [
        "failed"
    ] * 2
    assert bluebird.make("marked~bluebird") == "marked~bluebird"
    assert bluebird.ask("POST", "/subscribers", {"id": "marked", "tenant": "bluebird"})[0] == 409


def test_an_id_that_was_given_back_tells_nothing_of_before(bluebird: Caller, redkite: Caller) -> None:
    """Events outlive a subscriber: nobody gets at them by taking the id again."""
    bluebird.make("gone", attributes={"secret": "plan"})
    assert bluebird.ask("DELETE", "/subscribers/gone")[0] == 204
    redkite.make("gone")
    kinds = [event["kind"] for event in redkite.ask("GET", "/events?subscriber=gone")[1]]
    assert kinds == ["subscriber.created"]


def test_a_number_in_use_is_refused_without_telling_whose(gateway: Gateway, redkite: Caller) -> None:
    """An IMSI, an MSISDN and a LocURI are the world's: there is one of each, and who has it is nobody's business."""
    redkite.make("rita", imsis=["001010000000930"])
    loc_uri = {"loc_uri": "IMEI:351234560000215"}
    assert gateway.api("POST", "/subscribers/alice/devices", loc_uri)["device_id"].startswith("alice.")
    before = gateway.api("GET", "/subscribers/alice")
    attempts = [
        redkite.ask("POST", "/subscribers", {"tenant": "redkite", "imsis": [ALICE["imsi"]]}),
        redkite.ask("POST", "/subscribers", {"tenant": "redkite", "msisdn": ALICE["msisdn"]}),
        redkite.ask("PATCH", "/subscribers/rita", {"imsis": [ALICE["imsi"]]}),
        redkite.ask("PATCH", "/subscribers/rita", {"msisdn": ALICE["msisdn"]}),
        redkite.ask("POST", "/subscribers/rita/devices", loc_uri),
    ]
    rows = [
        {"id": "x", "tenant": "redkite", "imsis": [ALICE["imsi"]]},
        {"tenant": "redkite", "msisdn": ALICE["msisdn"]},
    ]
    told = redkite.bulk("/subscribers/bulk", *rows)
    told += redkite.bulk("/subscribers/bulk?dry_run=true", *rows)
    told += redkite.bulk("/devices/bulk", {"subscriber": "rita", **loc_uri})
    assert [status for status, _ in attempts] == [409] * len(attempts), attempts
    assert {one["outcome"] for one in told} == {"failed"}, told
    assert "alice" not in json.dumps([attempts, told])
    assert gateway.api("GET", "/subscribers/alice") == before
    assert redkite.ask("GET", "/subscribers/rita")[1]["imsis"] == ["001010000000930"]


def test_bulk_rows_name_ones_own_alone(gateway: Gateway, bluebird: Caller, redkite: Caller) -> None:
    """Rows of subscribers, devices, values and tokens come to the caller's own, by its own names."""
    row = {"id": "bulky", "tenant": "bluebird"}
    told = [bluebird.bulk("/subscribers/bulk", row)[0] for _ in range(2)]
    assert [(one["outcome"], one["id"]) for one in told] == [(how, "bulky~bluebird") for how in ("created", "present")]
    own = {"of": "bulky", "node": "ims/Timer_T1", "value": "2500"}
    assert bluebird.bulk("/values/bulk", own)[0] == {"row": 1, "outcome": "created", "id": "bulky~bluebird", "why": ""}
    for name in ("alice", "bulky", "bulky~bluebird"):
        strange = [
            redkite.bulk("/values/bulk", own | {"of": name})[0],
            redkite.bulk("/devices/bulk", {"subscriber": name, "loc_uri": "IMEI:351234560000314"})[0],
            redkite.bulk("/rcc14/tokens/bulk", {"subscriber": name, "token": "t0ken-of-another-server"})[0],
        ]
        assert {one["outcome"] for one in strange} == {"failed"}, strange
    token = {"subscriber": "bulky", "token": "t0ken-of-another-server"}
    assert bluebird.bulk("/rcc14/tokens/bulk", token)[0]["outcome"] == "created"
    redkite.make("thief")
    stolen = redkite.bulk("/rcc14/tokens/bulk", token | {"subscriber": "thief"})[0]
    assert (stolen["outcome"], "bulky" in stolen["why"]) == ("failed", False)
    assert bluebird.bulk("/rcc14/tokens/bulk", token)[0]["outcome"] == "present"


def test_a_key_of_one_replays_nothing_to_another(bluebird: Caller, redkite: Caller) -> None:
    """The same Idempotency-Key, token name and request, from another tenant, is another request."""
    body = {"loc_uri": "IMEI:351234560000413"}
    bluebird.make("keyed")
    status, first = bluebird.ask("POST", "/subscribers/keyed/devices", body, Idempotency_Key="k1")
    assert (status, bool(first["client_password"])) == (201, True)
    assert bluebird.ask("POST", "/subscribers/keyed/devices", body, Idempotency_Key="k1") == (status, first)
    redkite.make("keyed")
    status, said = redkite.ask("POST", "/subscribers/keyed/devices", body, Idempotency_Key="k1")
    assert status == 409
    assert first["client_password"] not in json.dumps(said)


def test_what_if_shows_no_other_tenants_layer(bluebird: Caller, redkite: Caller) -> None:
    """A caller supposes of its subscriber what it likes, but not that it were another's."""
    redkite.make("curious")
    assert redkite.ask("GET", "/subscribers/curious/explain?device=curious~redkite.1")[0] == 404
    device = {"loc_uri": "IMEI:351234560000512"}
    assert redkite.ask("POST", "/subscribers/curious/devices", device)[0] == 201
    assert redkite.ask("GET", "/subscribers/curious/explain?plan=premium")[0] == 200
    assert redkite.ask("GET", "/subscribers/curious/explain?tenant=redkite")[0] == 200
    for other in ("bluebird", ""):
        status, said = redkite.ask("GET", f"/subscribers/curious/explain?tenant={other}")
        assert (status, "leaves" in said) == (403, False)


def test_a_push_of_another_is_like_one_that_never_was(gateway: Gateway, redkite: Caller) -> None:
    """The two answers differ in what was asked for alone."""
    push = gateway.json("push", "rcscfg", "alice")["id"]
    assert gateway.api("GET", f"/pushes/{push}")["id"] == push
    strange, nobody = (redkite.ask("GET", f"/pushes/{one}") for one in (push, "alice-none"))
    assert strange[0] == nobody[0] == 404
    assert strange[1]["detail"].replace(push, "alice-none") == nobody[1]["detail"]


def test_lists_and_searches_are_of_ones_own(gateway: Gateway, bluebird: Caller, redkite: Caller) -> None:
    """Every list that a tenant's caller gets has its own alone, whatever it is told to begin after or to look for."""
    bluebird.make("listed")
    for one, other in ((bluebird, "redkite"), (redkite, "bluebird")):
        devices = ("/devices", "/devices?after=alice.1", f"/devices?match=tenant={other}")
        for path in ("/subscribers?limit=1000", "/subscribers?after=alice", "/values", "/values?after=alice", *devices):
            status, said = one.ask("GET", path)
            assert (status, other in json.dumps(said), "alice.1" in json.dumps(said)) == (200, False, False), path
        accounts = one.ask("POST", "/devices/accounts", {})[1]["accounts"]
        owners = {gateway.api("GET", f"/subscribers/{row['subscriber']}")["tenant"] for row in accounts}
        assert owners <= {one.tenant}


def test_what_is_the_operators_is_not_for_tenants(bluebird: Caller) -> None:
    """Campaigns, profiles, webhooks, tokens, people and the rest that has a name are not theirs to make or to see."""
    for path in ("/campaigns", "/webhooks", "/tokens", "/users", "/packages", "/profiles", "/audit", "/trace",
                 "/detections/rules", "/nodes", "/models"):  # fmt: skip
        assert bluebird.ask("GET", path)[0] in (403, 404), path
    for path in ("/campaigns", "/webhooks", "/tokens", "/users", "/detections", "/registrations"):
        assert bluebird.ask("POST", path, {})[0] in (400, 403), path


def test_a_subscriber_with_a_mark_is_served_like_any(gateway: Gateway, bluebird: Caller, redkite: Caller) -> None:
    """Its phone and its RCC.14 client are known and configured, and it is exported and read in again by its id."""
    bluebird.make("served", imsis=["001010000000977"], msisdn="+15550100977")
    gateway.run("subscriber", "export", str(gateway.folder / "all.csv"))
    assert "failed" not in gateway.run("import", "subscribers", str(gateway.folder / "all.csv"))
    fleet = ("simulate", "fleet", "rcc14", "--msisdn", "+15550100977", "--count", "1", "--rate", "2", "--seconds", "3")
    told = gateway.json(*fleet)
    assert set(told["statuses"]) <= {"200", "511"}, told
    assert told["statuses"]["200"] > 0, told
    (device,) = bluebird.ask("GET", "/subscribers/served")[1]["devices"]
    assert device["id"] == "served~bluebird.1"
    assert bluebird.ask("GET", "/devices/served.1/trace")[1]
    assert bluebird.ask("GET", "/subscribers/served/document")[0] == 200
    phone = {"loc_uri": "IMEI:351234560000611", "imei": "351234560000611", "manufacturer": "Acme", "model": "B7"}
    account = bluebird.ask("POST", "/subscribers/served/devices", phone)[1]
    assert account["device_id"] == "served~bluebird.2"
    names = ("client_name", "client_password", "server_name", "server_password")
    known = phone | {name: account[name] for name in names} | {"server_id": "mogate"}
    (gateway.folder / "phone.jsonl").write_text(json.dumps(known) + "\n")
    called = ("--accounts", str(gateway.folder / "phone.jsonl"), "--rate", "1", "--seconds", "2")
    assert gateway.json("simulate", "fleet", "omadm", *called)["statuses"] == {"200": 2}
    assert bluebird.ask("GET", "/devices/served.2")[1]["omadm"]
    assert redkite.ask("GET", f"/devices/{phone['imei']}")[0] == 404
