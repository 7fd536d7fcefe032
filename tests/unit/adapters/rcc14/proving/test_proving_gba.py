"""The GBA method with a BSF over real sockets: whose key answers a challenge, and what does not."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.rcc14.identity.gba import Credentials, digest_response
from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.bsf import HttpBsf
from adapters.rcc14.proving.gba import GbaDigest
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import Conflict, DecodeError, Unavailable
from gateway.fleet.subscriber import Subscriber
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
NAF, REALM, TARGET = "acs.example", "3GPP-bootstrapping@acs.example", "/?vers=0"
BTID = "AAECAwQFBgcICQoLDA0ODw==@bsf.example"
# Ks = 00..1f, RAND = 00..0f: HMAC-SHA-256 by OpenSSL over 01 "gba-me" RAND IMPI NAF_Id, each with its length
# (TS 33.220 annex B).
KS_NAF = bytes.fromhex("d8ace463af3ea0103f55e36fcab5e4562545db5baafd85abe829eb39956e16e6")
IMPI = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"


class Lab:
    """The method, and the BSF it asks: ``answer`` is what that says, ``asked`` what it was asked."""

    def __init__(self, store: SqliteStore, url: str, authority: Path) -> None:
        self.store = store
        self.status = 200
        self.answer: dict[str, Any] = {
            "ks_naf": base64.b64encode(KS_NAF).decode(),
            "impi": IMPI,
            "expires_at": (NOW + timedelta(hours=1)).isoformat(),
        }
        self.asked: list[dict[str, Any]] = []
        self.bsf = HttpBsf(url, authority=authority, certificate=None, key=None)
        self.gba = GbaDigest(store, self.bsf, naf=NAF, ciphersuite=0xC02F, seconds=60)

    async def nonce(self) -> str:
        answer = await self.gba.challenge(call())
        assert answer.status == 401
        return dict(answer.headers)["WWW-Authenticate"].partition('nonce="')[2].partition('"')[0]

    async def respond(self, nonce: str, key: bytes = KS_NAF, *, now: datetime = NOW, target: str = TARGET) -> Any:
        blank = Credentials(BTID, REALM, nonce, TARGET, "", "auth", "00000001", "0a4f113b")
        response = digest_response(blank, "GET", base64.b64encode(key).decode())
        fields = ", ".join(f'{name}="{value}"' for name, value in blank._replace(response=response)._asdict().items())
        return await self.gba.check(call(f"Digest {fields}", now=now, target=target))


def call(authorization: str = "", *, now: datetime = NOW, target: str = TARGET) -> Call:
    headers = {"User-Agent": "UP_2.4 3gpp-gba", "Authorization": authorization}
    return Call(Request(), headers, (), "192.0.2.1", now, target=target)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=("001010000000001",))))

    async def answer(request: web.Request) -> web.Response:
        lab.asked.append(await request.json())
        return web.json_response(lab.answer, status=lab.status)

    app = web.Application()
    app.router.add_post("/zn", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    lab = Lab(store, f"https://localhost:{runner.addresses[0][1]}/zn", tmp_path / "ca.pem")
    yield lab
    await lab.bsf.close()
    await runner.cleanup()
    await store.close()


async def test_the_key_that_the_sim_bootstrapped_proves_it(lab: Lab) -> None:
    """The BSF is asked for the B-TID and this NAF_Id, and its IMPI is the subscriber (TS 33.222 5.3)."""
    proof = await lab.respond(await lab.nonce())
    assert isinstance(proof, Proof)
    assert (proof.household.subscriber.id, proof.imsi) == ("ann", "001010000000001")
    naf_id = base64.b64encode(b"acs.example\x01\x00\x01\xc0\x2f").decode()
    assert lab.asked == [{"btid": BTID, "naf_id": naf_id, "uicc": False}]


async def test_nonce_replay(lab: Lab) -> None:
    """A nonce is good for one answer and for its time; then there is a new one, and the phone need not bootstrap."""
    nonce = await lab.nonce()
    first, second = await lab.respond(nonce), await lab.respond(nonce)
    await lab.store.commit(*first.spends)
    with pytest.raises(Conflict):
        await lab.store.commit(*second.spends)
    for replayed in (nonce, "made-up"):
        answer = await lab.respond(replayed)
        assert answer.status == 401
        assert "stale=true" in dict(answer.headers)["WWW-Authenticate"]
    assert (await lab.respond(await lab.nonce(), now=NOW + timedelta(seconds=60))).status == 401


async def test_other_keys_and_requests_prove_nothing(lab: Lab) -> None:
    """Another key, one that has ended, one that the BSF does not know; credentials for another request."""
    assert (await lab.respond(await lab.nonce(), bytes(32))).status == 401
    with pytest.raises(DecodeError):
        await lab.respond(await lab.nonce(), target="/?vers=1")
    lab.answer["impi"] = "001010000000099@ims.example"
    assert (await lab.respond(await lab.nonce())).status == 403
    lab.answer["expires_at"] = NOW.isoformat()
    assert (await lab.respond(await lab.nonce())).status == 401
    lab.status = 404
    answer = await lab.respond(await lab.nonce())
    assert isinstance(answer, Answer)
    assert "stale" not in dict(answer.headers)["WWW-Authenticate"]


async def test_a_bsf_that_cannot_tell_is_no_refusal(lab: Lab) -> None:
    """503 for answers that are none, and without any."""
    lab.status = 500
    with pytest.raises(Unavailable):
        await lab.respond(await lab.nonce())
    lab.answer, lab.status = {"ks_naf": "!"}, 200
    with pytest.raises(Unavailable):
        await lab.respond(await lab.nonce())
