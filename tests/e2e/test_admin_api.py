"""The admin API of a running gateway: round trips, pages, and what the gateway says of itself."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import Gateway, serving
from prometheus_client.parser import text_string_to_metric_families

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all of these: each test makes subscribers of its own."""
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


def call(gateway: Gateway, method: str, path: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        gateway.url("admin", f"/api/v1{path}"),
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {gateway.token}"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, octets = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, octets = error.code, error.read()
    return status, json.loads(octets) if octets else None


def test_a_subscriber_is_created_shown_and_removed(gateway: Gateway) -> None:
    """What was given comes back by every name it has, and after its removal by none."""
    given = {
        "id": "dora",
        "imsis": ["001010000000077", "001010000000078"],
        "msisdn": "+15550100077",
        "tenant": "bluebird",
        "plan": "basic",
        "groups": ["a", "b"],
        "attributes": {"colour": "red"},
    }
    status, made = call(gateway, "POST", "/subscribers", given)
    assert status == 201
    nothing_yet = {"state": "active", "application_states": {}, "sims": [], "values": {}, "devices": []}
    assert made == given | nothing_yet
    names = ("dora", "001010000000077", "001010000000078", "%2B15550100077", "15550100077")
    for name in names:
        assert call(gateway, "GET", f"/subscribers/{name}") == (200, made)
    assert call(gateway, "POST", "/subscribers", given)[0] == 409
    asked = ("--plan", "gold", "--group", "", "--attribute", "size=L")
    changed = gateway.json("subscriber", "change", "15550100077", *asked)
    assert changed == made | {"plan": "gold", "groups": [], "attributes": {"colour": "red", "size": "L"}}
    assert call(gateway, "PATCH", "/subscribers/dora", {"plan": "basic", "msisdn": "+15550100001"})[0] == 409
    assert call(gateway, "GET", "/subscribers/dora") == (200, changed)
    assert call(gateway, "DELETE", "/subscribers/dora") == (204, None)
    assert [call(gateway, "GET", f"/subscribers/{name}")[0] for name in names] == [404] * len(names)
    assert call(gateway, "POST", "/subscribers", given)[0] == 201


def test_a_device_is_created_shown_and_removed(gateway: Gateway) -> None:
    """Its passwords are shown once; what was queued for it waits until it is gone with the device."""
    call(gateway, "POST", "/subscribers", {"id": "emil"})
    body = {"loc_uri": "IMEI:350000000000055", "imei": "350000000000055", "model": "B7", "auth": "basic"}
    status, account = call(gateway, "POST", "/subscribers/emil/devices", body)
    assert (status, account["device_id"], account["client_name"]) == (201, "emil.1", "IMEI:350000000000055")
    status, operation = call(gateway, "POST", "/devices/emil.1/operations", {"verb": "Get", "uri": "./DevInfo"})
    assert (status, operation["status"]) == (201, None)
    status, device = call(gateway, "GET", "/devices/350000000000055")
    assert (status, device["model"], device["omadm"]["auth"]) == (200, "B7", "basic")
    assert [waiting["id"] for waiting in device["operations"]] == [operation["id"]]
    assert {leaf["standing"] for leaf in device["leaves"]} == {"pending"}
    for secret in (account["client_password"], account["server_password"]):
        assert secret not in json.dumps(device)
    assert call(gateway, "DELETE", "/devices/emil.1") == (204, None)
    assert call(gateway, "GET", "/devices/emil.1")[0] == 404
    assert call(gateway, "GET", "/subscribers/emil")[1]["devices"] == []


def test_values_are_set_explained_and_taken_back(gateway: Gateway) -> None:
    """A value of one device wins over the subscriber's, that over the plan's; taken back, the next one holds."""
    call(gateway, "POST", "/subscribers", {"id": "finn", "imsis": ["001010000000066"], "plan": "premium"})
    call(gateway, "POST", "/subscribers/finn/devices", {"loc_uri": "phone of finn"})

    def change(ref: str, **body: object) -> list[str]:
        status, answer = call(gateway, "PATCH", f"/subscribers/{ref}/values", body)
        assert status == 200
        warnings: list[str] = answer["warnings"]
        return warnings

    def explained() -> tuple[str, str, list[str]]:
        _, answer = call(gateway, "GET", "/subscribers/finn/explain?node=ims/Timer_T1&device=finn.1")
        (leaf,) = answer["leaves"]
        return leaf["value"], leaf["winner"]["layer"], [loser["layer"] for loser in leaf["losers"]]

    assert explained() == ("2000", "operator", [])
    assert change("finn", set={"ims/Timer_T1": "3000"}) == []
    assert explained() == ("3000", "subscriber", ["operator"])
    change("finn.1", set={"ims/Timer_T1": "4000"})
    assert explained() == ("4000", "device", ["subscriber", "operator"])
    _, document = call(gateway, "GET", "/subscribers/finn/document?device=finn.1&layout=A")
    assert re.search(r'name="Timer_T1" value="4000"', document["document"])
    change("finn.1", unset=["ims/Timer_T1"])
    change("finn", unset=["ims/Timer_T1"])
    assert explained() == ("2000", "operator", [])


def test_edits_are_looked_at_before_they_are_made(gateway: Gateway) -> None:
    """The message and the document that would go out, of edits of both scopes; no value and no version has changed."""
    call(gateway, "POST", "/subscribers", {"id": "hugo", "imsis": ["001010000000055"]})
    call(gateway, "POST", "/subscribers/hugo/devices", {"loc_uri": "phone of hugo"})
    before = call(gateway, "GET", "/subscribers/hugo"), call(gateway, "GET", "/devices/hugo.1")
    edits = {"subscriber": {"set": {"ims/Timer_T1": "3000"}}, "device": {"set": {"ims/Timer_T2": "5000"}}}
    status, shown = call(gateway, "POST", "/devices/hugo.1/preview", edits)
    assert status == 200
    # Of a phone that is not known yet, its objects are asked for first.
    assert "Get ./3GPP_IMS?list=StructData" in shown["commands"]
    assert "<LocURI>phone of hugo</LocURI>" in shown["syncml"]
    assert '<parm name="Timer_T1" value="3000"/>' in shown["document"]
    assert '<parm name="Timer_T2" value="5000"/>' in shown["document"]
    assert (call(gateway, "GET", "/subscribers/hugo"), call(gateway, "GET", "/devices/hugo.1")) == before
    status, refusal = call(gateway, "POST", "/devices/hugo.1/preview", {"device": {"set": {"ims/Timer_T1": "soon"}}})
    assert (status, "ims/Timer_T1" in refusal["detail"]) == (422, True)


def test_what_would_be_is_explained(gateway: Gateway) -> None:
    """With another plan or model the values of that plan or model hold; what is stored stays."""
    call(gateway, "POST", "/subscribers", {"id": "ines", "imsis": ["001010000000044"], "plan": "basic"})
    call(gateway, "POST", "/subscribers/ines/devices", {"loc_uri": "phone of ines"})

    def profiles(query: str) -> set[str]:
        _, explained = call(gateway, "GET", f"/subscribers/ines/explain?{query}")
        return {leaf["winner"]["profile"] for leaf in explained["leaves"]}

    _, known = call(gateway, "GET", "/profiles")
    assert [profile["layer"] for profile in known if profile["name"] in ("basic", "premium")] == ["plan", "plan"]
    assert "basic" in profiles("")
    assert {"premium", "staff-pilot"} <= profiles("plan=premium&groups=staff-pilot")
    assert "acme-a1" in profiles("manufacturer=Acme&model=A1")
    assert "premium" not in profiles("")


def test_the_catalogue_says_what_a_node_may_hold(gateway: Gateway) -> None:
    """Every MO by key, and by its identifier too, node by node. TS 24.167 5.7"""
    _, objects = call(gateway, "GET", "/mos")
    (ims,) = [one for one in objects if one["key"] == "ims"]
    status, managed = call(gateway, "GET", "/mos/" + urllib.parse.quote(ims["moi"], safe=""))
    assert (status, managed["key"], len(managed["nodes"])) == (200, "ims", ims["nodes"])
    (timer,) = [node for node in managed["nodes"] if node["path"] == "Timer_T1"]
    assert (timer["formats"], timer["default"]) == (["int"], "2000")
    assert call(gateway, "GET", "/mos/imz")[0] == 404


def test_subscribers_come_in_pages(gateway: Gateway) -> None:
    """Every subscriber exactly once, by ascending id, whatever the size of a page."""
    for number in range(7):
        call(gateway, "POST", "/subscribers", {"id": f"page-{number}"})
    _, everybody = call(gateway, "GET", "/subscribers?limit=1000")
    ids = [one["id"] for one in everybody]
    assert ids == sorted(ids)
    for size in (1, 3, len(ids)):
        seen: list[str] = []
        while page := call(gateway, "GET", f"/subscribers?limit={size}&after={seen[-1] if seen else ''}")[1]:
            assert len(page) <= size
            seen += [one["id"] for one in page]
        assert seen == ids


def test_events_come_in_pages_and_of_one_party(gateway: Gateway) -> None:
    """In the order they happened, each once; of one subscriber or one device when asked so."""
    call(gateway, "POST", "/subscribers", {"id": "gina"})
    call(gateway, "POST", "/subscribers/gina/devices", {"loc_uri": "phone of gina"})
    call(gateway, "PATCH", "/subscribers/gina/values", {"set": {"ims/Timer_T1": "3000"}})
    call(gateway, "POST", "/devices/gina.1/operations", {"verb": "Get", "uri": "./DevInfo"})
    _, events = call(gateway, "GET", "/events?subscriber=gina")
    assert [event["kind"] for event in events] == [
        "subscriber.created",
        "device.added",
        "values.changed",
        "operation.queued",
    ]
    assert events[2]["detail"] == {"ims/Timer_T1": "3000"}
    _, last = call(gateway, "GET", "/events?subscriber=gina&newest=true&limit=2")
    assert last == events[-2:]
    _, of_device = call(gateway, "GET", "/events?device=gina.1")
    assert [event["kind"] for event in of_device] == ["device.added", "operation.queued"]
    _, everything = call(gateway, "GET", "/events?limit=1000")
    seen: list[int] = []
    while page := call(gateway, "GET", f"/events?limit=2&after={seen[-1] if seen else 0}")[1]:
        seen += [event["seq"] for event in page]
    assert seen == [event["seq"] for event in everything] == sorted(set(seen))


def test_every_documented_metric_is_served_and_counts(gateway: Gateway) -> None:
    """The page lists exactly what a scrape has, before and after work; a request shows in the next scrape."""

    def scrape() -> dict[str, float]:
        with urllib.request.urlopen(gateway.url("admin", "/metrics"), timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            families = list(text_string_to_metric_families(answer.read().decode()))
        documented = set(re.findall(r"^\| `(mogate_\w+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
        assert {one.name + ("_total" if one.type == "counter" else "") for one in families} == documented
        return {
            f"{sample.name}{sorted(sample.labels.values())}": sample.value
            for family in families
            for sample in family.samples
        }

    before = scrape()
    assert gateway.json("simulate", "omadm")["result"] == gateway.json("simulate", "rcc14")["result"] == "ok"
    after = scrape()
    grown = {name for name in after if after[name] > before.get(name, 0)}
    assert {
        "mogate_dm_sessions_total['md5', 'ok']",
        "mogate_dm_messages_total['received', 'xml']",
        "mogate_dm_messages_total['sent', 'xml']",
        "mogate_dm_status_codes_total['200']",
        "mogate_acs_documents_total['full']",
        "mogate_acs_header_enrichment_total['trusted']",
        "mogate_tokens_total['issued']",
    } <= grown
    requests = [name for name in grown if name.startswith("mogate_http_requests_total[") and "'200'" in name]
    for frontend in ("acs", "dm", "admin"):
        assert any(f"'{frontend}'" in name for name in requests), frontend


def test_nothing_secret_and_nobody_is_in_the_log(gateway: Gateway) -> None:
    """After both protocols and the API have been used, good and bad: no password, nonce, token, cookie or identity."""
    demo = json.loads((gateway.folder / "data" / "demo.json").read_text())
    gateway.run("set", "+15550100001", "ims/Timer_T2=18000")
    memories = []
    bad = [("omadm", "wrong-nonce"), ("omadm", "truncate"), ("rcc14", "repeat"), ("rcc14", "wrong-cookie")]
    for arguments in [("omadm",), ("rcc14",), *((who, "--misbehave", how) for who, how in bad), ("omadm", "--wbxml")]:
        gateway.json("simulate", *arguments)
        memories.append(json.loads((gateway.folder / f"data/simulator/{arguments[0]}.json").read_text()))
    for name in ("001010000000001", "+15550100001", "001015000000015"):
        for path in (f"/subscribers/{urllib.parse.quote(name)}", f"/nothing/{name}", f"/subscribers/{name}0/explain"):
            call(gateway, "GET", path)
    secrets = [gateway.token, demo["omadm"]["client_password"], demo["omadm"]["server_password"]]
    secrets += [
        memory[name] for memory in memories for name in ("client_nonce", "server_nonce", "token") if name in memory
    ]
    secrets += [(gateway.folder / "data" / "seal.key").read_text().strip()]
    identities = ["001010000000001", "15550100001", "001015000000015", "001015000000023"]
    assert any("token" in memory for memory in memories)
    log = gateway.log()
    for word in (*secrets, *identities):
        assert word not in log, word
    assert not re.search(r"acs=|alice\.[A-Za-z0-9_-]{16}", log)
    events = [json.loads(line) for line in log.splitlines()]
    assert {"serving", "message_answered", "request_answered"} <= {event["event"] for event in events}
    assert {event.get("frontend") for event in events} >= {"dm", "acs", "admin"}
