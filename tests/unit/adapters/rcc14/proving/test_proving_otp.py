"""The OTP method over a real store: who gets an SMS, which codes are taken, and what nobody can find out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.rcc14.identity.otp import POLICY_DOCUMENT
from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.otp import Claim, OneTimePasswords
from adapters.rcc14.proving.proof import Call, Proof, cookie_key
from adapters.sms.message import ShortMessage, submission
from gateway.errors import AuthError, ConfigError, Conflict, NotFound, Unavailable
from gateway.fleet.push import Submission
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.deliveries import CODE
from gateway.settings import Otp
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = b"k" * 32
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
DATA_ONLY = Subscriber(id="data", imsis=("001010000000003",))
ASKED = Request(vers=7, imsi=ANN.imsi, msisdn=ANN.msisdn, sms_port="37273", imei="004401020000017")
STRANGER = Request(imsi="001010000000099", msisdn="+15550100099", sms_port="37273")


class Outbox:
    """A bearer that keeps what it was given as long as it is open, or is down."""

    def __init__(self) -> None:
        self.sent: list[Submission] = []
        self.down = False
        self.open = asyncio.Event()
        self.open.set()

    channel = "file"

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        if self.down:
            raise Unavailable("the link is down")
        await self.open.wait()
        self.sent.append(message)
        return f"/m{len(self.sent)}" if receipt else ""


class Lab:
    """The method, its store and its bearer."""

    def __init__(self, store: SqliteStore, outbox: Outbox, codes: OneTimePasswords) -> None:
        self.store = store
        self.outbox = outbox
        self.codes = codes

    async def start(self, asked: Request = ASKED, *, peer: str = "192.0.2.1", now: datetime = NOW) -> Answer:
        answer = await self.codes.challenge(Call(asked, {}, (), peer, now))
        await self.codes.close()
        return answer

    async def check(self, code: str, *cookies: str, now: datetime = NOW) -> Proof:
        return await self.codes.check(Call(Request(otp=code), {}, cookies, "192.0.2.1", now))

    def code(self) -> str:
        return self.outbox.sent[-1].text[:6]


@pytest.fixture
async def open_lab(tmp_path: Path) -> AsyncIterator[Callable[..., Lab]]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(ANN), PutSubscriber(DATA_ONLY))

    def open_lab(**settings: object) -> Lab:
        outbox = Outbox()
        return Lab(store, outbox, OneTimePasswords(store, outbox, Otp(**settings), key=KEY, clock=lambda: NOW))  # type: ignore[arg-type]

    yield open_lab
    await store.close()


async def test_a_code_completes_the_request_it_was_sent_for(open_lab: Callable[..., Lab]) -> None:
    """The answer is empty with a cookie; the code with that cookie proves the subscriber, and stands for all that the
    first request said (RCC.14 2.3)."""
    lab = open_lab()
    answer = await lab.start()
    assert (answer.status, answer.document, answer.cookie_seconds) == (200, b"", 600)
    assert lab.outbox.sent == [submission(ShortMessage(ANN.msisdn, lab.code(), 37273))]
    proof = await lab.check(lab.code(), "other", answer.cookie)
    assert (proof.household.subscriber.id, proof.asked) == ("ann", ASKED)


async def test_a_code_goes_to_no_number_that_is_only_claimed(open_lab: Callable[..., Lab]) -> None:
    """With somebody's IMSI it goes to the number on their record, and nowhere when the client names another: the answer
    is the same."""
    lab = open_lab()
    answers = [await lab.start(Request(imsi=ANN.imsi, msisdn=msisdn, sms_port="0")) for msisdn in ("", STRANGER.msisdn)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [message.to for message in lab.outbox.sent] == [ANN.msisdn]


async def test_the_receipt_of_a_code_finds_what_it_is_for(open_lab: Callable[..., Lab]) -> None:
    """Where receipts are wanted one is asked for, and known when it comes."""
    lab = open_lab()
    codes = OneTimePasswords(lab.store, lab.outbox, Otp(), key=KEY, clock=lambda: NOW, receipts=True)
    await codes.challenge(Call(ASKED, {}, (), "192.0.2.1", NOW))
    async with asyncio.timeout(30):
        while not (known := await lab.store.load_ephemeral("receipt:/m1", NOW)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert known == CODE
    await codes.close()


async def test_otp_replay(open_lab: Callable[..., Lab]) -> None:
    """A code that was answered is used up; of two that come at once, one is answered."""
    lab = open_lab()
    cookie = (await lab.start()).cookie
    proofs = [await lab.check(lab.code(), cookie) for _ in range(2)]
    outcomes = await asyncio.gather(*(lab.store.commit(*proof.spends) for proof in proofs), return_exceptions=True)
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]
    with pytest.raises(AuthError, match="too late"):
        await lab.check(lab.code(), cookie)


async def test_a_code_is_good_for_its_cookie_and_its_time(open_lab: Callable[..., Lab]) -> None:
    """With the cookie of another client it is wrong, and when its time is over too late."""
    lab = open_lab()
    first = (await lab.start()).cookie
    code = lab.code()
    second = (await lab.start()).cookie
    with pytest.raises(AuthError, match="wrong"):
        await lab.check(code, second)
    with pytest.raises(AuthError, match="too late"):
        await lab.check(code, first, now=NOW + timedelta(seconds=600))
    with pytest.raises(AuthError, match="too late"):
        await lab.check(code)


async def test_guesses_are_counted_even_at_once(open_lab: Callable[..., Lab]) -> None:
    """However many guesses come together, no more are looked at than a code may be tried; then even the right one is
    refused."""
    lab = open_lab(attempts=3)
    cookie = (await lab.start()).cookie
    wrong = f"{(int(lab.code()) + 1) % 10**6:06}"
    outcomes = await asyncio.gather(*(lab.check(wrong, cookie) for _ in range(20)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes].count("the code is wrong") == 3
    with pytest.raises(AuthError, match="no tries left"):
        await lab.check(lab.code(), cookie)


async def test_number_probing(open_lab: Callable[..., Lab]) -> None:
    """A number that is nobody's, or of a SIM without one, gets the same answer as one that is somebody's, and the same
    refusals of its codes; only no SMS goes."""
    lab = open_lab()
    data_only = Request(imsi=DATA_ONLY.imsi, msisdn="+15550100001", sms_port="37273")
    answers = [await lab.start(asked) for asked in (ASKED, STRANGER, data_only)]
    assert len(lab.outbox.sent) == 1
    assert all(
        replace(answer, cookie="", traced=None) == replace(answers[0], cookie="", traced=None) for answer in answers
    )
    assert len({len(answer.cookie) for answer in answers}) == 1
    for answer in answers:
        with pytest.raises(AuthError, match="wrong"):
            await lab.check("x", answer.cookie)


async def test_an_operator_may_refuse_unknown_numbers(open_lab: Callable[..., Lab]) -> None:
    """Then they get 403, as clients that ask the user for the number expect."""
    assert (await open_lab(unknown_numbers="refuse").start(STRANGER)).status == 403


@pytest.mark.parametrize(
    ("limit", "requests", "let_through"),
    [
        ("per_msisdn", [(ASKED, f"192.0.2.{n}") for n in range(4)], 2),
        ("per_msisdn", [(STRANGER, f"192.0.2.{n}") for n in range(4)], 2),
        ("per_imsi", [(Request(imsi="1", msisdn=f"+1555{n}", sms_port="0"), f"192.0.2.{n}") for n in range(4)], 2),
        ("per_address", [(Request(msisdn=f"+1555{n}", sms_port="0"), "192.0.2.1") for n in range(4)], 2),
        ("per_address", [(Request(msisdn=f"+1555{n}", sms_port="0"), f"2001:db8::{n}") for n in range(4)], 2),
        ("per_address", [(Request(msisdn=f"+1555{n}", sms_port="0"), f"2001:db8:0:{n}::1") for n in range(4)], 4),
    ],
)
async def test_otp_pumping(
    open_lab: Callable[..., Lab], limit: str, requests: list[tuple[Request, str]], let_through: int
) -> None:
    """In each window a number, a SIM and an address get so many messages, also when all are asked for at once, and
    whether or not anybody has that number."""
    lab = open_lab(**{limit: 2})
    outcomes = await asyncio.gather(*(lab.start(asked, peer=peer) for asked, peer in requests), return_exceptions=True)
    assert sum(isinstance(outcome, Answer) for outcome in outcomes) == let_through
    assert all(isinstance(outcome, Answer | Unavailable) for outcome in outcomes)
    later = NOW + timedelta(hours=1)
    assert (await lab.start(requests[0][0], peer=requests[0][1], now=later)).status == 200


async def test_the_server_may_decide_the_port(open_lab: Callable[..., Lab]) -> None:
    """Where ports do not work, every code goes as text, and a client that asked for a port is told so (POLICY)."""
    lab = open_lab(ports="text")
    assert (await lab.start()).document == POLICY_DOCUMENT
    assert lab.outbox.sent[-1].header == b""
    assert (await lab.start(Request(imsi=ANN.imsi, sms_port="0"))).document == b""


async def test_the_answer_does_not_wait_for_the_message(open_lab: Callable[..., Lab]) -> None:
    """However long the bearer takes: whether there is a message at all does not show in the time of the answer."""
    lab = open_lab()
    lab.outbox.open.clear()
    answer = await asyncio.wait_for(lab.codes.challenge(Call(ASKED, {}, (), "192.0.2.1", NOW)), 30)
    assert (answer.status, lab.outbox.sent) == (200, [])
    lab.outbox.open.set()
    await lab.codes.close()
    assert len(lab.outbox.sent) == 1


async def test_a_bearer_that_is_down_tells_the_client_nothing(open_lab: Callable[..., Lab]) -> None:
    """The SMS leaves behind the answer, so its failure cannot tell known numbers from others either."""
    lab = open_lab()
    lab.outbox.down = True
    assert (await lab.start()).status == 200


@pytest.mark.parametrize("text", ["{code}" + "x" * 155, "{code} " + "я" * 64])
async def test_texts_must_fit_into_one_sms(open_lab: Callable[..., Lab], text: str) -> None:
    """A text that is too long is found at start, by its language."""
    with pytest.raises(ConfigError, match="one SMS") as raised:
        open_lab(texts={"en": "{code}", "xx": text})
    assert raised.value.key == "otp.texts.xx"


async def claimed(lab: Lab, code: str, *, number: str = ANN.msisdn, peer: str = "192.0.2.7") -> Claim | None:
    """Whom the page finds for number and code."""
    return await lab.codes.find_claim(number, code, peer=peer, now=NOW)


async def test_the_page_confirms_the_client_that_waits(open_lab: Callable[..., Lab]) -> None:
    """Number and code make the cookie of exactly that client good; the code is used up by it, and not before."""
    lab = open_lab()
    others, mine = (await lab.start()).cookie, (await lab.start()).cookie
    claim = await claimed(lab, lab.code())
    assert claim is not None
    assert (claim.cookie, claim.waiting.asked_at) == (mine, NOW)
    assert await lab.store.load_ephemeral(cookie_key(mine), NOW) is None
    assert await lab.codes.confirm(claim, NOW)
    assert await lab.store.load_ephemeral(cookie_key(mine), NOW) == b"ann 001010000000001"
    assert await lab.store.load_ephemeral(cookie_key(others), NOW) is None
    assert not await lab.codes.confirm(claim, NOW)
    assert not await lab.codes.deny(claim, NOW)
    assert await claimed(lab, lab.code()) is None


async def test_a_client_that_is_denied_gets_nothing(open_lab: Callable[..., Lab]) -> None:
    """Its code is good for nothing any more, neither on the page nor from the client itself; an event tells."""
    lab = open_lab()
    cookie = (await lab.start()).cookie
    claim = await claimed(lab, lab.code())
    assert claim is not None
    assert await lab.codes.deny(claim, NOW)
    assert await claimed(lab, lab.code()) is None
    with pytest.raises(AuthError):
        await lab.check(lab.code(), cookie)
    assert [event.kind for event in await lab.store.load_events(subscriber_id="ann")][-1] == "otp.denied"


async def test_page_tries_are_limited_by_number_and_address(open_lab: Callable[..., Lab]) -> None:
    """Guessing ends after a few tries, by number and by address, without using up those of the client itself."""
    lab = open_lab(attempts=1, per_msisdn=2, per_address=3)
    cookie = (await lab.start()).cookie
    for _ in range(2):
        assert await claimed(lab, "x") is None
    with pytest.raises(Unavailable):
        await claimed(lab, lab.code(), peer="192.0.2.8")
    assert await claimed(lab, "x", number="+1999", peer="192.0.2.8") is None
    assert await claimed(lab, "x", number="+1998", peer="192.0.2.8") is None
    with pytest.raises(Unavailable):
        await claimed(lab, "x", number="+1997", peer="192.0.2.8")
    assert (await lab.check(lab.code(), cookie)).household.subscriber.id == "ann"


async def test_a_code_that_did_not_come_is_sent_again(open_lab: Callable[..., Lab]) -> None:
    """To the port and for the cookie of the client that asked last; the first code is good for nothing then, the tries
    that were made stay counted, and the number's share of messages holds. Without a client that waits nothing is sent.
    """
    lab = open_lab(attempts=2, per_msisdn=2)
    with pytest.raises(NotFound, match="no client of subscriber ann waits"):
        await lab.codes.send_again(ANN)
    cookie = (await lab.start()).cookie
    first = lab.code()
    with pytest.raises(AuthError):
        await lab.check("000000" if first != "000000" else "000001", cookie)
    assert await lab.codes.send_again(ANN) == NOW + timedelta(seconds=600)
    await lab.codes.close()
    assert [one.to for one in lab.outbox.sent] == [ANN.msisdn] * 2
    assert lab.outbox.sent[-1] == submission(ShortMessage(ANN.msisdn, lab.code(), 37273))
    with pytest.raises(Unavailable, match="too many codes for one msisdn"):
        await lab.codes.send_again(ANN)
    with pytest.raises(NotFound):
        await lab.codes.send_again(DATA_ONLY)
    assert (await lab.check(lab.code(), cookie)).household.subscriber.id == "ann"
    with pytest.raises(AuthError):
        await lab.check(first, cookie)
