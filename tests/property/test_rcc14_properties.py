"""RCC.14 for any input: requests are read or refused, and versions only ever move as promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.rcc14.identity import token as tokens
from adapters.rcc14.messages import MAX_VERS, Request, parse_request
from adapters.rcc14.session import Delivery, Kind, Terms, deliver, validity_for
from gateway.errors import DecodeError
from gateway.fleet.device import Content, Rcc14State
from gateway.fleet.subscriber import ServiceState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TERMS = Terms(validity_seconds=86400, jitter_percent=10, token_seconds=1000)
NAMES = ["vers", "IMSI", "IMEI", "msisdn", "SMS_port", "token", "OTP", "app", "rcs_profile", "provisioning_version"]
TEXT = st.text(max_size=20)

names = st.sampled_from(NAMES).flatmap(lambda name: st.sampled_from([name, name.lower(), name.upper()])) | TEXT
fields = st.builds("{}={}".format, names, TEXT | TEXT.map(quote) | st.integers().map(str))
queries = st.lists(fields, max_size=8).map("&".join) | st.text()


@given(queries)
def test_any_query_is_a_request_or_malformed(query: str) -> None:
    """Whatever arrives is read within the bounds, or refused as malformed and nothing else."""
    try:
        request = parse_request(query)
    except DecodeError:
        return
    assert -4 <= request.vers <= MAX_VERS
    assert request.layout in ("A", "B")
    assert request.imei == "" or (request.imei.isascii() and request.imei.isdigit() and 14 <= len(request.imei) <= 16)
    assert request.sms_port == "" or 0 <= int(request.sms_port) <= 65535


parameters = st.dictionaries(st.sampled_from(NAMES).filter(lambda name: name not in ("vers", "IMEI", "SMS_port")), TEXT)


@given(parameters.filter(lambda given: "msisdn" not in given))
def test_percent_encoding_loses_nothing(given: dict[str, str]) -> None:
    """What a client encodes is what is read, character for character; empty is absent."""
    request = parse_request("&".join(f"{name}={quote(value, safe='')}" for name, value in given.items()))
    read = {"IMSI": request.imsi, "token": request.token, "OTP": request.otp, "app": "".join(request.apps)}
    read |= request.about
    assert {name: value for name, value in read.items() if value} == {
        name: value for name, value in given.items() if value
    }


versions = st.integers(-4, 12) | st.integers(MAX_VERS - 2, MAX_VERS)
steps = st.lists(
    st.tuples(versions, st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(ServiceState), st.integers(0, 700)),
    max_size=12,
)


@given(steps)
@example([(0, b"a", ServiceState.ACTIVE, 0), (0, b"a", ServiceState.DISABLED_UNTIL_USER, 60)])
def test_versions_move_as_promised(steps: list[tuple[int, bytes, ServiceState, int]]) -> None:
    """The version never falls, and grows only with new content or past what the client claims.

    Content goes out under a version that the client takes for newer, unless there is none; VERS alone goes to who has
    been sent that very content (RCC.14 VERS).
    """
    state, now, sent = Rcc14State(), NOW, b""
    for vers, content, service, seconds in steps:
        now += timedelta(seconds=seconds)
        before, delivery = state, answer(state, vers, content, service, now)
        state, held = delivery.state, before.contents.get("w", Content(0, b"", "")).digest
        assert before.version <= state.version <= MAX_VERS
        if state.version > before.version:
            assert content != held or vers > before.version
            assert state.version == min(max(before.version, vers) + 1, MAX_VERS)
        if delivery.kind is Kind.FULL:
            sent = content
            assert delivery.version == state.version > 0
            assert delivery.version > vers or vers == MAX_VERS or content == held
        elif delivery.kind is Kind.UNCHANGED and vers != -4:
            assert (delivery.version, content) == (vers, sent)
        assert (delivery.validity_seconds > 0) == (delivery.version > 0 or service is ServiceState.DORMANT)
        if delivery.token_seconds:
            assert delivery.token_seconds == tokens.remaining_seconds(state, now=now, life_seconds=TERMS.token_seconds)
        assert answer(state, vers, content, service, now).state is state


def answer(
    state: Rcc14State, vers: int, content: bytes, service: ServiceState, now: datetime, wish: str = "w"
) -> Delivery:
    key = content.decode()
    request = Request(vers=vers)
    return deliver("ann.1", state, request, service, wish=wish, key=key, digest=lambda: content, terms=TERMS, now=now)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([b"a", b"b"])), max_size=20))
def test_the_clients_of_a_device_keep_out_of_each_others_way(steps: list[tuple[str, bytes]]) -> None:
    """Whatever the order in which a device's clients ask, each is sent its content when it has changed and only then,
    under a version that none of them was ever given for something else (RCC.14 VERS, app).
    """
    state = Rcc14State()
    holds: dict[str, tuple[int, bytes]] = {}
    given_out: dict[int, tuple[str, bytes]] = {}
    for client, content in steps:
        version, held = holds.get(client, (0, b""))
        delivery = answer(state, version, content, ServiceState.ACTIVE, NOW, client)
        state = delivery.state
        assert (delivery.kind is Kind.FULL) == (held != content)
        assert given_out.setdefault(delivery.version, (client, content)) == (client, content)
        holds[client] = (delivery.version, content)


@given(st.text(), st.integers(1, 10**8), st.integers(0, 50))
def test_the_jitter_stays_within_its_bounds(device_id: str, validity_seconds: int, jitter_percent: int) -> None:
    """No client is told to come back earlier or later than the jitter allows, nor at once."""
    seconds = validity_for(device_id, Terms(validity_seconds, jitter_percent, 1))
    spread = validity_seconds * jitter_percent / 100
    assert max(1, validity_seconds - spread - 0.5) <= seconds <= validity_seconds + spread + 0.5


@given(st.text(), st.binary(min_size=1, max_size=64), st.integers(0, 3))
def test_no_text_is_a_token_by_chance(text: str, key: bytes, serial: int) -> None:
    """Any text can be looked at, and only a computed token is good."""
    state = Rcc14State(token_serial=serial, token_issued_at=NOW)
    tokens.device_of(text)
    assert not tokens.is_valid(text, "ann.1", state, key, now=NOW, life_seconds=10)
    genuine = tokens.token_of("ann.1", serial, key)
    assert tokens.is_valid(genuine, "ann.1", state, key, now=NOW, life_seconds=10) is (serial > 0)
