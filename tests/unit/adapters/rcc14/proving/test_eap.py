"""The EAP relay over HTTP: packets in JSON, an exchange that moves by one answer, and what its end means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stores import sqlite_octets

from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.authenticator import Turn
from adapters.rcc14.proving.eap import MAX_ROUNDS, MEDIA_TYPE, EapRelay, decode_body, encode_body
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import AuthError, Conflict, DecodeError, LimitExceeded, Unavailable
from gateway.fleet.subscriber import Subscriber
from gateway.sealing import Sealer
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = Request(vers=3, eap_id="0001010000000001@nai.example")
WITH_TOKEN = Request(eap_id="0001010000000001@nai.example", token="ann.1.1.old")


def packet(code: int, identifier: int) -> bytes:
    return bytes([code, identifier, 0, 5, 23])


class Script:
    """An authenticator that plays its turns and keeps what it was told."""

    def __init__(self, *turns: Turn | Exception) -> None:
        self.turns = list(turns)
        self.told: list[tuple[object, bytes]] = []

    async def start(self, identity: str, now: datetime) -> Turn:
        return self._play(identity, b"")

    async def resume(self, state: bytes, packet: bytes, now: datetime) -> Turn:
        return self._play(state, packet)

    def _play(self, known: object, packet: bytes) -> Turn:
        self.told.append((known, packet))
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=("001010000000001",))))
    yield store
    await store.close()


def relay(store: SqliteStore, script: Script, *, has_other: bool = True) -> EapRelay:
    return EapRelay(store, script, Sealer(b"s" * 32), seconds=60, has_other=has_other)


def call(asked: Request, *cookies: str, body: bytes = b"", now: datetime = NOW) -> Call:
    return Call(asked, {}, cookies, "192.0.2.1", now, media_type=MEDIA_TYPE if body else "", body=body)


CONTINUE = Turn("continue", packet(1, 7), b"state")
REPLY = encode_body(packet(2, 7))


async def test_packets_go_to_and_fro_until_the_sim_is_known(store: SqliteStore) -> None:
    """The answer carries the packet as JSON and base64; the accepted IMSI is whose first request is answered (RCC.14
    2.8)."""
    script = Script(CONTINUE, Turn("accepted", imsi="001010000000001"))
    method = relay(store, script)
    assert (method.suits(call(ASKED)), method.suits(call(Request()))) == (True, False)
    answer = await method.challenge(call(ASKED))
    assert (answer.status, answer.media_type) == (200, MEDIA_TYPE)
    assert json.loads(answer.document) == {"eap-relay-packet": "AQcABRc="}
    assert method.is_reply(call(Request(), body=REPLY))
    proof = await method.check(call(Request(), "other", answer.cookie, body=REPLY))
    assert isinstance(proof, Proof)
    assert (proof.household.subscriber.id, proof.asked, proof.imsi) == ("ann", ASKED, "001010000000001")
    assert script.told == [(ASKED.eap_id, b""), (b"state", packet(2, 7))]


async def test_eap_packet_replay(store: SqliteStore) -> None:
    """An answer moves an exchange once; with another cookie, another identifier or too late it moves none."""
    accepted = Turn("accepted", imsi="001010000000001")
    method = relay(store, Script(CONTINUE, Turn("continue", packet(1, 8), b""), accepted, accepted))
    cookie = (await method.challenge(call(ASKED))).cookie
    for wrong in (
        call(Request(), "made-up", body=REPLY),
        call(Request(), cookie, body=encode_body(packet(2, 9))),
        call(Request(), cookie, body=REPLY, now=NOW + timedelta(seconds=60)),
    ):
        with pytest.raises(AuthError):
            await method.check(wrong)
    assert isinstance(await method.check(call(Request(), cookie, body=REPLY)), Answer)
    with pytest.raises(AuthError):
        await method.check(call(Request(), cookie, body=REPLY))
    last = call(Request(), cookie, body=encode_body(packet(2, 8)))
    first, second = await method.check(last), await method.check(last)
    assert isinstance(first, Proof)
    assert isinstance(second, Proof)
    await store.commit(*first.spends)
    with pytest.raises(Conflict):
        await store.commit(*second.spends)


async def test_an_exchange_under_way_lies_sealed(store: SqliteStore, tmp_path: Path) -> None:
    """What the authenticator has to remember holds the keys that are being agreed on."""
    secret = b"the keys of this exchange"
    await relay(store, Script(Turn("continue", packet(1, 7), secret))).challenge(call(ASKED))
    kept = sqlite_octets(tmp_path)
    assert b"rcc14-eap" in kept
    assert secret not in kept


@pytest.mark.parametrize(
    ("turn", "asked", "has_other", "error"),
    [
        (Turn("failed"), ASKED, True, AuthError),
        (Turn("failed"), ASKED, False, Unavailable),
        (Turn("failed"), WITH_TOKEN, True, Unavailable),
        (Unavailable("down"), ASKED, True, AuthError),
        (Unavailable("down"), ASKED, False, Unavailable),
        (Unavailable("down"), WITH_TOKEN, True, Unavailable),
    ],
)
async def test_what_cannot_be_told_leads_elsewhere(
    store: SqliteStore, turn: Turn | Exception, asked: Request, has_other: bool, error: type[Exception]
) -> None:
    """511 where another method exists and no token was given, else 503 (TS.43 2.8, results of the AAA)."""
    with pytest.raises(error):
        await relay(store, Script(turn), has_other=has_other).challenge(call(asked))


async def test_a_rejected_sim_is_refused(store: SqliteStore) -> None:
    """403, and so is one that was accepted and is nobody's here."""
    assert (await relay(store, Script(Turn("rejected"))).challenge(call(ASKED))).status == 403
    method = relay(store, Script(CONTINUE, Turn("accepted", imsi="001010000000099")))
    cookie = (await method.challenge(call(ASKED))).cookie
    answer = await method.check(call(Request(), cookie, body=REPLY))
    assert isinstance(answer, Answer)
    assert answer.status == 403


async def test_an_exchange_does_not_go_on_for_ever(store: SqliteStore) -> None:
    """After some rounds it counts as failed."""
    method = relay(store, Script(*[CONTINUE] * 20))
    cookie = (await method.challenge(call(ASKED))).cookie
    for _ in range(MAX_ROUNDS - 1):
        await method.check(call(Request(), cookie, body=REPLY))
    with pytest.raises(AuthError, match="did not work out"):
        await method.check(call(Request(), cookie, body=REPLY))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"eap-relay-packet":"!"}', b'{"eap-relay-packet":"AQc="}', b"\xff"]
)
def test_bodies_that_carry_no_packet(body: bytes) -> None:
    """Are refused where they are read."""
    with pytest.raises(DecodeError):
        decode_body(body)


def test_bodies_are_bounded() -> None:
    """In octets."""
    with pytest.raises(LimitExceeded):
        decode_body(b" " * 9000)
