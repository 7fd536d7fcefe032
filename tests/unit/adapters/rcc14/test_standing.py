"""A question that stands answered gets what it would get if it were asked for the first time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from rcc14_front import ANN, HOST, IMEI, OTHER_IMEI, Opening, Phone

from adapters.rcc14.documents import Documents
from adapters.rcc14.standing import question_of
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import ServiceState
from gateway.mo.catalogue import Catalogue
from gateway.store.protocol import (
    PutDevice,
    PutSubscriber,
)


async def test_an_unchanged_client_costs_no_write(phone: Phone) -> None:
    """VERS alone goes back; that the question stands answered is kept once, and then the record is the very same."""
    token = await phone.start(ANN)
    query = f"vers=1&IMEI={IMEI}&token={token}"
    assert await phone.ask(query) == (200, {"VERS/version": "1", "VERS/validity": "86400"})
    before = await phone.devices(ANN)
    for _ in range(2):
        assert await phone.ask(query) == (200, {"VERS/version": "1", "VERS/validity": "86400"})
    assert await phone.devices(ANN) == before


async def test_what_another_device_does_unsettles_nothing(phone: Phone) -> None:
    """The subscriber's other phone has a record of its own, which changes with each of its sessions."""
    token = await phone.start(ANN)
    query = f"vers=1&IMEI={IMEI}&token={token}"
    await phone.ask(query)
    await phone.store.commit(PutDevice(Device(id=f"{ANN.id}.7")))
    before = await phone.devices(ANN)
    assert (await phone.ask(query))[0] == 200
    assert await phone.devices(ANN) == before


async def test_sessions_of_the_phone_itself_unsettle_nothing(phone: Phone) -> None:
    """A phone that speaks OMA DM too agrees on a nonce in each session; only its first can change who owns a value."""
    token = await phone.start(ANN)
    query = f"vers=1&IMEI={IMEI}&token={token}"

    async def hold_session() -> None:
        client = Credential(name="ann", secret=b"s", nonce=phone.now.isoformat().encode())
        state = OmaDmState(loc_uri=f"IMEI:{IMEI}", client=client, last_session_at=phone.now)
        await change_device(phone, lambda device: replace(device, omadm=state))

    for _ in range(2):
        await hold_session()
        await phone.ask(query)
        phone.now += timedelta(seconds=10)
    await hold_session()
    before = await phone.devices(ANN)
    assert (await phone.ask(query))[1]["VERS/version"] == "1"
    assert await phone.devices(ANN) == before


@pytest.mark.parametrize("name", ["nonce", "access_token", "no%20name"])
async def test_what_differs_each_time_is_not_kept_each_time(phone: Phone, name: str) -> None:
    """A client that sends another word each time, of its own or of the specification's, costs no write either."""
    token = await phone.start(ANN, f"IMEI={IMEI}&{name}=0")
    await phone.ask(f"vers=1&IMEI={IMEI}&{name}=1&token={token}")
    before = await phone.devices(ANN)
    await phone.ask(f"vers=1&IMEI={IMEI}&{name}=2&token={token}")
    assert await phone.devices(ANN) == before


async def change_subscriber(phone: Phone, **values: Any) -> None:
    household = await phone.store.load_household("id", ANN.id)
    assert household is not None
    await phone.store.commit(PutSubscriber(replace(household.subscriber, **values)))


async def change_device(phone: Phone, change: Callable[[Device], Device]) -> None:
    (device,) = await phone.devices(ANN)
    await phone.store.commit(PutDevice(change(device)))


async def nothing(_: Phone) -> None:
    """Nothing changes."""


async def change_values(phone: Phone) -> None:
    await change_subscriber(phone, overrides={"ims": {"Timer_T1": "3000"}}, content_revision=2)


async def change_values_of_the_device(phone: Phone) -> None:
    await change_device(
        phone,
        lambda one: replace(one, overrides={"ims": {"Timer_T1": "3000"}}, content_revision=one.content_revision + 1),
    )


async def switch_off(phone: Phone) -> None:
    await change_subscriber(phone, state=ServiceState.DISABLED_PERMANENTLY)


async def change_number(phone: Phone) -> None:
    await change_subscriber(phone, msisdn="+15550100077")


async def take_the_sim_away(phone: Phone) -> None:
    await change_subscriber(phone, imsis=("001010000000055",))


async def revoke(phone: Phone) -> None:
    await change_device(phone, lambda one: replace(one, rcc14=one.rcc14 and one.rcc14.without_tokens()))


async def move_the_sim(phone: Phone) -> None:
    await phone.start(ANN, f"IMEI={OTHER_IMEI}")


async def wait_for_half_the_life_of_the_token(phone: Phone) -> None:
    phone.now += timedelta(seconds=500)


async def wait_for_the_end_of_the_token(phone: Phone) -> None:
    phone.now += timedelta(seconds=1000)


@pytest.mark.parametrize(
    "asked",
    [
        "vers=1",
        "vers=0",
        "vers=0&app=ap2001",
        "vers=0&APP=ap2001&default_sms_app=1",
        "vers=0&rcs_profile=UP_2.4&provisioning_version=5.0&default_sms_app=1",
        "vers=1&rcs_state=1",
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        nothing, change_values, change_values_of_the_device, switch_off, change_number, take_the_sim_away, revoke,
        move_the_sim, wait_for_half_the_life_of_the_token, wait_for_the_end_of_the_token,
    ],
)  # fmt: skip
async def test_a_settled_question_gets_what_a_new_one_would(
    phone: Phone, asked: str, change: Callable[[Phone], Awaitable[None]]
) -> None:
    """Whatever has changed meanwhile, the same question is answered as though it had never been asked before."""
    token = await phone.start(ANN)
    query = f"{asked}&IMEI={IMEI}&IMSI={ANN.imsi}&msisdn=%2B15550100001&token={token}"
    for _ in range(3):
        await phone.ask(query)
    (device,) = await phone.devices(ANN)
    assert device.rcc14 is not None
    assert device.rcc14.settled
    await change(phone)
    before = await phone.store.load_household("id", ANN.id)
    given = await phone.ask(query)
    after = await phone.store.load_household("id", ANN.id)
    assert before is not None
    assert after is not None
    await phone.store.commit(
        PutSubscriber(replace(before.subscriber, revision=after.subscriber.revision)),
        *(
            PutDevice(replace(was, revision=now.revision, rcc14=was.rcc14 and replace(was.rcc14, settled=b"")))
            for was, now in zip(before.devices, after.devices, strict=True)
        ),
    )
    assert given == await phone.ask(query)


@pytest.mark.parametrize(
    "settings",
    [{"app_ids": ["ap2001"]}, {"token_seconds": 5}, {"additional": {"hosts": [HOST], "app_ids": ["ap2001"]}}],
)
async def test_settings_unsettle_what_was_answered(open_front: Opening, settings: dict[str, object]) -> None:
    """A gateway that is started with other settings looks at every question anew."""
    phone = await open_front()
    token = await phone.start(ANN)
    query = f"vers=1&token={token}"
    await phone.ask(query)
    (before,) = await phone.devices(ANN)
    other = await open_front(**settings)
    assert (await other.ask(query))[0] == 200
    (after,) = await other.devices(ANN)
    assert before.rcc14 is not None
    assert after.rcc14 is not None
    assert before.rcc14.settled != after.rcc14.settled


async def test_profiles_unsettle_what_was_answered(phone: Phone, documents: Documents, catalogue: Catalogue) -> None:
    """Profiles that come into force are what the next answer goes by."""
    token = await phone.start(ANN)
    query = f"vers=1&token={token}"
    for _ in range(2):
        assert (await phone.ask(query))[1]["VERS/version"] == "1"
    documents._service.adopt(catalogue, other_profiles(catalogue))
    assert (await phone.ask(query))[1]["VERS/version"] == "2"


async def test_profiles_that_come_while_a_question_is_answered_are_not_taken_for_told(
    phone: Phone, documents: Documents, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is settled is the answer that was given: profiles of the next turn of the loop are what comes next."""
    token = await phone.start(ANN)
    query = f"vers=1&token={token}"
    document, adopt = documents.document, documents._service.adopt

    def published_right_after(*given: Any) -> bytes:
        asyncio.get_running_loop().call_soon(adopt, catalogue, other_profiles(catalogue))
        return document(*given)

    with monkeypatch.context() as patch:
        patch.setattr(documents, "document", published_right_after)
        assert (await phone.ask(query))[1]["VERS/version"] == "1"
    assert (await phone.ask(query))[1]["VERS/version"] == "2"


def other_profiles(catalogue: Catalogue) -> ProfileSet:
    profile = 'name = "all"\nlayer = "operator"\n[mo.ims]\nTimer_T1 = 2001\n'
    return ProfileSet([parse_profile(profile, "all.toml", catalogue)], catalogue)


@pytest.mark.parametrize(
    ("query", "names"),
    [("app=ap2001&vers=0", True), ("vers=0&App=ap2001", True), ("vers=0&default_sms_app=1", False), ("vers=0", False)],
)
def test_only_a_client_that_names_applications_does_so(query: str, names: bool) -> None:
    """A parameter whose name ends alike, which nearly every client sends, is another one."""
    question = question_of(f"{query}&token=a.1", HOST)
    assert question is not None
    assert question.names_applications is names


@pytest.mark.parametrize("change", [lambda it: it[:-1] + ("A" if it[-1] != "A" else "B"), lambda it: it + "A"])
async def test_a_settled_question_is_no_way_round_the_token(phone: Phone, change: Callable[[str], str]) -> None:
    """The same words with a token that is off by one character prove nothing."""
    token = await phone.start(ANN)
    query = f"vers=1&IMEI={IMEI}&token="
    for _ in range(2):
        assert (await phone.ask(query + token))[0] == 200
    assert (await phone.ask(query + change(token)))[0] == 511
