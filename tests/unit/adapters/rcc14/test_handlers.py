"""Both legs over HTTP and a real store: who is let in by what, and what the others are told."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from rcc14_front import ANN, BEA, DATA_ONLY, HOST, IMEI, KEY, NO_SIM, OTHER_IMEI, Opening, Phone

from adapters.rcc14.identity.token import token_of
from adapters.rcc14.messages import MAX_PARAMETERS, Answer, Request
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import AuthError
from gateway.fleet import old_token
from gateway.fleet.old_token import OldToken
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.observe.load import Load
from gateway.settings import Rcc14
from gateway.store.protocol import (
    DeleteSubscriber,
    Household,
    PutEphemeral,
    PutSubscriber,
    TakeEphemeral,
)


@pytest.mark.parametrize(
    ("leg", "headers", "status"),
    [
        ("/plain", {"IMSI": ANN.imsi, "MSISDN": ANN.msisdn}, 200),
        ("/plain", {"MSISDN": "15550100001"}, 200),
        ("/plain", {"IMSI": ANN.imsi}, 200),
        ("/plain", {"IMSI": DATA_ONLY.imsi, "MSISDN": "15550100099"}, 200),
        ("/plain", {"IMSI": ANN.imsi, "MSISDN": BEA.msisdn}, 403),
        ("/plain", {"IMSI": "001010000000099"}, 403),
        ("/plain", {"IMSI": "nobody"}, 511),
        ("/plain", {}, 511),
        ("/internet", {"IMSI": ANN.imsi}, 511),
    ],
)
async def test_the_plain_leg_introduces_whom_the_network_names(
    phone: Phone, leg: str, headers: dict[str, str], status: int
) -> None:
    """A cookie for a subscriber that the operator's own gateway names, never a document (RCC.14 2.2)."""
    answered, cookie = await phone.introduce(leg=leg, **headers)
    assert answered == status
    assert bool(cookie) == (status == 200)


async def test_a_cookie_tells_nothing_and_is_good_once(phone: Phone) -> None:
    """It is random, does not name the subscriber, and ends with the document it fetched or with its time."""
    cookies = [(await phone.introduce(MSISDN=ANN.msisdn))[1] for _ in range(3)]
    assert len(set(cookies)) == 3
    assert all(re.fullmatch("acs=[A-Za-z0-9_-]{24}", cookie) for cookie in cookies)
    assert (await phone.ask("", cookies[0]))[0] == 200
    assert (await phone.ask("", cookies[0]))[0] == 511
    assert (await phone.ask("", f"other=1;{cookies[1]};x=y", "acs=made-up"))[0] == 200
    phone.now += timedelta(seconds=Rcc14().cookie_seconds)
    assert (await phone.ask("", cookies[2]))[0] == 511


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("vers=0&IMSI=001010000000001&msisdn=%2B15550100001", 511),
        ("vers=0&IMSI=001010000000001&SMS_port=37273", 403),
        ("token=ann.1.1.AAAA", 511),
        ("token=..", 511),
        ("vers=zero", 511),
        ("IMSI=1&imsi=1", 400),
        ("&".join(["a=1"] * (MAX_PARAMETERS + 1)), 414),
        ("token=" + "x" * 2000, 511),
    ],
)
async def test_claims_and_nonsense_get_no_document(phone: Phone, query: str, status: int) -> None:
    """Without proof 511 (403 when an OTP was hoped for); malformed 400; too much 414; always without a body."""
    assert await phone.ask(query) == (status, {})


@pytest.mark.parametrize(
    ("subscriber", "claims", "status"),
    [
        (ANN, f"IMSI={ANN.imsi}&msisdn={quote(ANN.msisdn)}", 200),
        (ANN, "msisdn=15550100001", 200),
        (ANN, f"IMSI={BEA.imsi}", 403),
        (ANN, f"msisdn={quote(BEA.msisdn)}", 403),
        (ANN, "msisdn=nobody", 403),
        (DATA_ONLY, "msisdn=15550100099", 200),
        (NO_SIM, "IMSI=001010000000099", 200),
    ],
)
async def test_claims_must_agree_with_the_cookie(
    phone: Phone, subscriber: Subscriber, claims: str, status: int
) -> None:
    """Another identity than the proven one is refused; one that is not on record contradicts nothing."""
    headers = {"IMSI": subscriber.imsi} if subscriber.imsi else {"MSISDN": subscriber.msisdn}
    _, cookie = await phone.introduce(**headers)
    assert (await phone.ask(claims, cookie))[0] == status


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ("", 200),
        (f"IMSI={ANN.imsi}&IMEI={IMEI}&msisdn={quote(ANN.msisdn)}", 200),
        (f"IMEI={IMEI[:14]}05", 200),
        ("IMEI=hidden", 200),
        (f"IMSI={BEA.imsi}", 511),
        (f"IMEI={OTHER_IMEI}", 511),
        (f"msisdn={quote(BEA.msisdn)}", 511),
    ],
)
async def test_a_token_is_good_for_its_sim_and_phone(phone: Phone, claims: str, status: int) -> None:
    """Elsewhere it gets 511, on which the client drops it and starts again (RCC.14 TOKEN)."""
    token = await phone.start(ANN)
    assert (await phone.ask(f"{claims}&token={token}"))[0] == status


async def test_a_live_cookie_comes_before_the_token(phone: Phone) -> None:
    """Who has just been introduced is let in whatever token it shows, and gets one that is good; a dead cookie does
    not spoil a good token; both bad is 511."""
    token = await phone.start(ANN)
    _, cookie = await phone.introduce(MSISDN=BEA.msisdn)
    status, document = await phone.ask(f"vers=0&IMSI={BEA.imsi}&token={token}", cookie)
    assert (status, document["User/msisdn"]) == (200, BEA.msisdn)
    assert document["TOKEN/token"].startswith("bea.1.1.")
    assert (await phone.ask(f"vers=1&token={token}", cookie))[1]["VERS/version"] == "1"
    assert (await phone.ask(f"vers=1&token={token}x", cookie))[0] == 511


def counted(name: str, **labels: str) -> float:
    metrics.render()
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_tokens_are_renewed_and_the_old_one_still_opens(phone: Phone) -> None:
    """From half its life on a token is replaced; until the client shows the new one, each answer brings it again."""
    token = await phone.start(ANN)
    phone.now += timedelta(seconds=600)
    _, renewed = await phone.ask(f"vers=1&token={token}")
    assert (renewed["TOKEN/token"], renewed["TOKEN/validity"]) == (token_of("ann.1", 2, KEY), "1000")
    phone.now += timedelta(seconds=100)
    _, again = await phone.ask(f"vers=1&token={token}")
    assert (again["TOKEN/token"], again["TOKEN/validity"]) == (renewed["TOKEN/token"], "900")
    _, shown = await phone.ask(f"vers=1&token={renewed['TOKEN/token']}")
    assert "TOKEN/token" not in shown
    phone.now += timedelta(seconds=900)
    before = counted("mogate_tokens_total", event="expired")
    assert (await phone.ask(f"vers=1&token={renewed['TOKEN/token']}"))[0] == 511
    assert counted("mogate_tokens_total", event="expired") == before + 1


async def test_devices_are_told_apart(phone: Phone) -> None:
    """By IMEI whatever its last digits are, and without one by make and model; each has its own token."""
    tokens = [
        await phone.start(ANN, query)
        for query in (
            f"IMEI={IMEI}",
            f"IMEI={IMEI[:14]}05",
            f"IMEI={OTHER_IMEI}",
            "terminal_vendor=EXMP&terminal_model=A1",
            "terminal_vendor=EXMP&terminal_model=A1",
            "terminal_vendor=EXMP&terminal_model=A2",
        )
    ]
    assert [token.rpartition(".")[0].rpartition(".")[0] for token in tokens] == [
        "ann.1",
        "ann.1",
        "ann.2",
        "ann.3",
        "ann.3",
        "ann.4",
    ]
    assert [device.imei for device in await phone.devices(ANN)] == [IMEI, OTHER_IMEI, "", ""]


async def test_proof_of_somebody_who_is_gone_is_none(phone: Phone) -> None:
    """Cookies and tokens end with their subscriber."""
    token = await phone.start(ANN)
    _, cookie = await phone.introduce(MSISDN=ANN.msisdn)
    await phone.store.commit(DeleteSubscriber("ann"))
    assert (await phone.ask("", cookie))[0] == 511
    assert (await phone.ask(f"token={token}"))[0] == 511


async def test_a_token_ends_when_its_sim_moves(phone: Phone) -> None:
    """A SIM that is seen in another phone leaves the old one without a good token, for good (RCC.14 TOKEN)."""
    old = await phone.start(ANN)
    new = await phone.start(ANN, f"IMEI={OTHER_IMEI}")
    assert (await phone.ask(f"token={old}"))[0] == 511
    assert (await phone.ask(f"vers=1&token={new}"))[0] == 200
    assert [event.device_id for event in await phone.events("device.sim_removed")] == ["ann.1"]
    back = await phone.start(ANN)
    assert (await phone.ask(f"token={old}"))[0] == 511
    assert (await phone.ask(f"token={back}"))[0] == 200


async def test_a_number_with_two_sims_proves_neither(phone: Phone) -> None:
    """Two phones of one number stay apart, each with the SIM it says it has (RCC.14 2.2, TOKEN)."""
    two = Subscriber(id="two", imsis=("001010000000021", "001010000000022"), msisdn="+15550100021")
    await phone.store.commit(PutSubscriber(two))
    tokens = []
    for imsi, imei in zip(two.imsis, (IMEI, OTHER_IMEI), strict=True):
        _, cookie = await phone.introduce(MSISDN=two.msisdn)
        _, document = await phone.ask(f"IMSI={imsi}&IMEI={imei}", cookie)
        tokens.append(document["TOKEN/token"])
    assert [device.rcc14 and device.rcc14.imsi for device in await phone.devices(two)] == list(two.imsis)
    assert [(await phone.ask(f"vers=1&token={token}"))[0] for token in tokens] == [200, 200]
    _, cookie = await phone.introduce(MSISDN=two.msisdn)
    assert (await phone.ask(f"IMEI={IMEI}", cookie))[0] == 200
    assert [device.rcc14 and device.rcc14.imsi for device in await phone.devices(two)] == list(two.imsis)


async def test_a_token_ends_when_the_subscriber_gets_another_sim(phone: Phone) -> None:
    """An IMSI that is taken off the record takes the tokens of its phone along; others stay (RCC.14 TOKEN)."""
    token = await phone.start(ANN)
    household = await phone.store.load_household("id", "ann")
    assert household is not None
    await phone.store.commit(PutSubscriber(replace(household.subscriber, imsis=("001010000000011",))))
    assert (await phone.ask(f"token={token}"))[0] == 511
    _, cookie = await phone.introduce(IMSI="001010000000011")
    status, document = await phone.ask(f"vers=1&IMEI={IMEI}", cookie)
    assert (status, "TOKEN/token" in document) == (200, True)
    assert (await phone.ask(f"token={token}"))[0] == 511
    assert len(await phone.events("device.sim_changed")) == 1


async def test_a_client_that_dropped_its_token_gets_it_again(phone: Phone) -> None:
    """Who comes back by cookie, up to date and without a token, is given the one on record (RCC.14 TOKEN)."""
    token = await phone.start(ANN)
    _, cookie = await phone.introduce(IMSI=ANN.imsi)
    status, document = await phone.ask(f"vers=1&IMEI={IMEI}", cookie)
    assert (status, document["VERS/version"], document["TOKEN/token"]) == (200, "1", token)


async def test_one_phone_may_hold_two_subscriptions(phone: Phone) -> None:
    """Each SIM of a phone has a configuration of its own: device, version and token (RCC.14 2.2, multi-SIM)."""
    first, second = await phone.start(ANN), await phone.start(BEA)
    assert (await phone.ask(f"vers=1&IMSI={ANN.imsi}&IMEI={IMEI}&token={first}"))[0] == 200
    assert (await phone.ask(f"vers=1&IMSI={BEA.imsi}&IMEI={IMEI}&token={second}"))[0] == 200
    assert (await phone.ask(f"vers=1&IMSI={BEA.imsi}&IMEI={IMEI}&token={first}"))[0] == 511


async def test_a_plan_may_limit_its_devices(open_front: Opening) -> None:
    """One device too many is refused, and those that are known still come through (RCC.14 additional devices)."""
    phone = await open_front(max_devices=2, max_devices_per_plan={"basic": 1})
    await phone.store.commit(PutSubscriber(Subscriber(id="cat", imsis=("001010000000005",), plan="basic")))
    for headers, limit in (({"IMSI": ANN.imsi}, 2), ({"IMSI": "001010000000005"}, 1)):
        statuses = []
        for number in range(3):
            _, cookie = await phone.introduce(**headers)
            statuses.append((await phone.ask(f"IMEI=00440102000{number}017", cookie))[0])
        assert statuses == [200] * limit + [403] * (3 - limit)
        _, cookie = await phone.introduce(**headers)
        assert (await phone.ask("IMEI=004401020000017", cookie))[0] == 200


async def test_a_release_that_is_not_spoken_is_told_which_are(open_front: Opening) -> None:
    """406 names the releases, so that the client can ask once more in one of them (RCC.14 2.3.1)."""
    phone = await open_front(provisioning_versions=("2.0", "5.0"))
    status, headers, body = await phone.raw("GET", "/?provisioning_version=7.0&token=x")
    assert (status, headers["Supported-Versions"], body) == (406, "2.0, 5.0", b"")
    assert (await phone.ask("provisioning_version=5.0&token=x"))[0] == 511


async def test_overload_turns_clients_away(open_front: Opening) -> None:
    """Both legs answer 503 before they work, with whole seconds that are not the same for all (RCC.14 2.2.2)."""
    load = Load(max_in_flight=10, max_lag_seconds=10)
    phone = await open_front(load=load, retry_after_seconds=100)
    load.in_flight += 10
    waits = set()
    for target in ["/plain", "/?token=x"] * 10:
        status, headers, body = await phone.raw("GET", target, headers={"X-IMSI": ANN.imsi})
        assert (status, body) == (503, b"")
        waits.add(int(headers["Retry-After"]))
    assert 100 <= min(waits) < max(waits) <= 200
    load.in_flight -= 10
    assert (await phone.introduce(IMSI=ANN.imsi))[0] == 200
    load.lag_seconds = 20  # half of them
    assert {(await phone.introduce(IMSI=ANN.imsi))[0] for _ in range(40)} == {200, 503}


@pytest.mark.parametrize(("after", "status"), [(503, 503), (403, 403)])
async def test_a_client_that_runs_in_a_circle_is_stopped(open_front: Opening, after: int, status: int) -> None:
    """After so many answers of 511 a client is told to wait, or refused; others are not (RCC.14 2.3: loops)."""
    phone = await open_front(max_restarts=5, after_restarts=after)
    query = f"vers=0&IMSI={ANN.imsi}&token=x"
    assert [(await phone.ask(query))[0] for _ in range(7)] == [511] * 5 + [status] * 2
    assert (await phone.ask(f"vers=0&IMSI={BEA.imsi}&token=x"))[0] == 511
    _, cookie = await phone.introduce(IMSI=ANN.imsi)
    assert (await phone.ask(query, cookie))[0] == 200


async def test_clients_of_one_address_are_not_taken_for_one_in_a_circle(open_front: Opening) -> None:
    """Behind one address many may come back with a cookie or a token that is no good any more, without a name: each has
    511 of its own, and the one that shows the same again and again is stopped (RCC.14 2.3: loops)."""
    phone = await open_front(max_restarts=5)
    assert {(await phone.ask("vers=0", f"acs=used-{number}"))[0] for number in range(8)} == {511}
    assert {(await phone.ask(f"vers=0&token=x{number}"))[0] for number in range(8)} == {511}
    assert [(await phone.ask("vers=0", "acs=the same"))[0] for _ in range(7)] == [511] * 5 + [503] * 2


async def test_a_share_of_the_clients_is_sent_to_another_server(open_front: Opening) -> None:
    """The target is the operator's, path and parameters are the client's, and the body is empty (RCC.14 2.2.2)."""
    redirects = [{"status": 308, "to": "https://acs2.example.net", "hosts": [HOST]}, {"to": "http://acs2.example.net"}]
    phone = await open_front(redirects=redirects)
    status, headers, body = await phone.raw("GET", "/?vers=0&msisdn=%2B1555", headers={"Host": HOST})
    assert (status, headers["Location"], body) == (308, "https://acs2.example.net/?vers=0&msisdn=%2B1555", b"")
    status, headers, _ = await phone.raw("GET", "/plain?vers=0", headers={"X-IMSI": ANN.imsi})
    assert (status, headers["Location"]) == (307, "http://acs2.example.net/plain?vers=0")
    assert "Set-Cookie" not in headers
    assert (await phone.ask("vers=0"))[0] == 511


async def test_other_hosts_may_be_refused(open_front: Opening) -> None:
    """A request for a name that is none of the server's gets 404 where the operator says so; its own serve alike."""
    phone = await open_front(other_hosts="refuse")
    for leg in ("/plain", "/"):
        assert (await phone.raw("GET", leg, headers={"Host": "other.example"}))[0] == 404
        assert (await phone.raw("GET", leg, headers={"Host": HOST.upper() + ":8443"}))[0] == 511


async def test_tls_may_end_at_a_proxy(phone: Phone) -> None:
    """Such a listener serves its proxies and nobody else; the client's address is what they say (10.1)."""
    assert (await phone.raw("GET", "/unproxied?token=x"))[0] == 403
    assert (await phone.raw("GET", "/proxied?token=x"))[0] == 511


async def test_identities_that_contradict_each_other_are_alarms(phone: Phone) -> None:
    """Headers from strangers, and headers or claims that name another, leave an event each minute at most."""
    for _ in range(3):
        assert (await phone.introduce(leg="/internet", IMSI=ANN.imsi))[0] == 511
        assert (await phone.introduce(IMSI=ANN.imsi, MSISDN=BEA.msisdn))[0] == 403
        _, cookie = await phone.introduce(IMSI=ANN.imsi)
        assert (await phone.ask(f"IMSI={BEA.imsi}", cookie))[0] == 403
    for kind in ("enrichment.untrusted_source", "enrichment.mismatch", "identity.mismatch"):
        (event,) = await phone.events(kind)
        assert event.detail == {"address": "127.0.0.1"}


@pytest.mark.parametrize("answer", [403, 511])
async def test_a_number_that_is_nobodys_is_answered_as_the_operator_wants(open_front: Opening, answer: int) -> None:
    """403, which ends it until the next boot, or 511, after which the client proves itself another way (2.2.1)."""
    phone = await open_front(unknown_subscriber=answer)
    assert await phone.introduce(MSISDN="+15550109999") == (answer, "")


async def test_the_secure_leg_believes_no_header(phone: Phone) -> None:
    """Identity headers count on the plain leg alone (10.1)."""
    status, _, body = await phone.raw("GET", "/", headers={"X-IMSI": ANN.imsi, "X-MSISDN": ANN.msisdn})
    assert (status, body) == (511, b"")


async def test_parameters_may_be_posted(phone: Phone) -> None:
    """A posted form is read like a query; a body that is too long, or twice the same, is refused (10.1)."""
    _, cookie = await phone.introduce(IMSI=ANN.imsi)
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, _, body = await phone.raw("POST", "/?vers=0", headers=form | {"Cookie": cookie}, data=f"IMEI={IMEI}")
    assert (status, b"VERS" in body) == (200, True)
    assert [device.imei for device in await phone.devices(ANN)] == [IMEI]
    assert (await phone.raw("POST", "/?IMSI=1", headers=form, data="IMSI=1"))[0] == 400
    assert (await phone.raw("POST", "/", headers=form, data="x=" + "y" * 20_000))[0] == 413
    assert (await phone.raw("POST", "/", data=b"\x00\xff"))[0] == 511


async def test_a_posted_body_that_does_not_say_what_it_is_is_a_form(phone: Phone) -> None:
    """Deployed clients post like that; what such a body says is bounded like any form, and need not make sense."""
    _, cookie = await phone.introduce(IMSI=ANN.imsi)

    async def post(body: bytes, **headers: str) -> int:
        options = {"headers": headers, "data": body, "skip_auto_headers": ["Content-Type"]}
        return (await phone.raw("POST", "/", **options))[0]

    assert await post(f"IMEI={IMEI}\r\n".encode(), Cookie=cookie) == 200
    assert [device.imei for device in await phone.devices(ANN)] == [IMEI]
    assert await post(b"IMSI=1&IMSI=1") == 400
    assert await post(b"x=" + b"y" * 20_000) == 413
    assert await post(b"\x00\xff") == 511


async def test_what_a_client_sends_is_kept_for_people(phone: Phone) -> None:
    """Name, software and whatever nobody knows are on record; new software is a new configuration's reason."""
    token = await phone.start(ANN, f"IMEI={IMEI}&terminal_model=A1&friendly_device_name=Ann%27s&nwk_intf=lte")
    (device,) = await phone.devices(ANN)
    assert (device.model, device.friendly_name) == ("A1", "Ann's")
    assert device.rcc14 is not None
    assert device.rcc14.unknown == {"nwk_intf": "lte"}
    await phone.ask(f"vers=1&terminal_model=A1&terminal_sw_version=2&friendly_device_name=Mine&token={token}")
    (changed,) = await phone.devices(ANN)
    assert (changed.software, changed.friendly_name) == ("2", "Mine")
    assert changed.content_revision == device.content_revision + 1


class Password:
    """A method for this test alone: the challenge is a cookie, the reply an OTP that is right when it is ``yes``."""

    name = "otp"

    def __init__(self, household: Household) -> None:
        self._household = household

    def is_reply(self, call: Call) -> bool:
        return call.asked.otp != ""

    async def check(self, call: Call) -> Proof | Answer:
        if call.asked.otp == "next":
            return Answer(200, b"<more/>", cookie="next", media_type="text/xml")
        if call.asked.otp != "yes":
            raise AuthError("wrong")
        return Proof(self._household, Request(vers=0, imei=IMEI), (TakeEphemeral("never", call.now),), by="otp")

    def suits(self, call: Call) -> bool:
        return True

    async def challenge(self, call: Call) -> Answer:
        return Answer(200, cookie=f"for-{call.asked.msisdn.lstrip('+')}", cookie_seconds=7)


async def test_a_method_has_its_turn(open_front: Opening) -> None:
    """Its challenge goes to who can prove nothing, its replies are looked at, and what it proves is used up."""
    phone = await open_front(methods=[Password(Household(ANN, ()))])
    status, headers, body = await phone.raw("GET", "/?msisdn=%2B15550100001&SMS_port=0")
    assert (status, body) == (200, b"")
    assert headers["Set-Cookie"] == "acs=for-15550100001; Path=/; Max-Age=7; HttpOnly; Secure"
    assert (await phone.ask("msisdn=mine&SMS_port=0"))[0] == 403
    assert (await phone.ask("OTP=no"))[0] == 511
    status, headers, body = await phone.raw("GET", "/?otp=next")
    assert (status, headers["Content-Type"], body) == (200, "text/xml", b"<more/>")
    # What the proof would use up is not there: nothing is given out, and nothing is left behind.
    assert (await phone.ask("OTP=yes"))[0] == 503
    assert await phone.devices(ANN) == []


async def test_a_token_of_the_server_before_is_good_for_one_document(phone: Phone) -> None:
    """Whoever shows one that was taken over gets the document with a token of this server; the old one is used up, and
    counts from its own phone and SIM alone (RCC.14 TOKEN)."""
    ends_at = phone.now + timedelta(days=1)
    for token, whose in (
        ("0ld", OldToken(ANN.id, IMEI)),
        ("stolen", OldToken(ANN.id, IMEI)),
        ("any", OldToken(BEA.id)),
    ):
        await phone.store.commit(PutEphemeral(old_token.key_of(token), old_token.encode(whose), ends_at))
    assert (await phone.ask(f"token=stolen&IMEI={OTHER_IMEI}"))[0] == 511
    assert (await phone.ask(f"token=stolen&IMEI={IMEI}&IMSI={BEA.imsi}"))[0] == 403
    status, document = await phone.ask(f"token=0ld&IMEI={IMEI}&IMSI={ANN.imsi}&vers=0")
    assert status == 200
    assert document["TOKEN/token"].startswith("ann.1.")
    assert (await phone.ask(f"token={document['TOKEN/token']}&IMEI={IMEI}"))[0] == 200
    assert (await phone.ask(f"token=0ld&IMEI={IMEI}"))[0] == 511
    assert (await phone.ask("token=any"))[0] == 200
    phone.now += timedelta(days=2)
    assert (await phone.ask("token=stolen"))[0] == 511
