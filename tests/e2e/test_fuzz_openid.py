"""Whatever a client brings back from the log-in page, and whatever the provider says of it: an answer, and no document
for anybody whom the provider did not name to this very client."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import openid_peer
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from live_gateway import Gateway
from openid_peer import Provider
from raw_requests import assert_no_configuration, cookie_in, exchange, request, status_of

modest = settings(max_examples=40, deadline=None, derandomize=True, database=None)

ODD = st.binary(max_size=40).map(lambda octets: re.sub(rb"[\r\n\0 ]", b"", octets)) | st.sampled_from(
    [
        b"\xff\xfe",
        b"\xc3\xa9",
        b"%",
        b"%00",
        b"%0d%0aX:y",
        b"%ff",
        b"%ed%a0%80",
        b"A" * 5000,
        b"access_denied",
        b"=",
        b"*",
    ]
)
FIELDS = st.sampled_from(
    [b"code", b"state", b"error", b"error_description", b"iss", b"session_state", b"id_token", b"access_token", b"OTP"]
)
TEXTS = st.sampled_from(["", "user", "mogate", "a\r\nb: c", "é", "\ud800", "\x00", "." * 3, "+15550100002"]) | st.text(
    max_size=12
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
CLAIMS = st.dictionaries(
    st.sampled_from(
        ["iss", "aud", "nonce", "exp", "iat", "nbf", "azp", "phone_number", "phone_number_verified", "sub"]
    ),
    JSON,
    min_size=1,
    max_size=3,
)
DECIDING = {"iss", "aud", "nonce", "phone_number"}
"""Claims that make a token another's when they are changed."""


class Peers(NamedTuple):
    gateway: Gateway
    provider: Provider

    def sent_away(self) -> tuple[bytes, str]:
        """A client's cookie, and where it is to log in."""
        answer = exchange(self.gateway, "tls", request("GET", "/?vers=0&IMEI=001015000000031"))
        location = re.search(rb"Location: (\S+)", answer)
        assert (status_of(answer), location is not None) == (302, True), answer
        assert location
        return cookie_in(answer), location[1].decode()

    def code_for(self, location: str) -> tuple[str, str]:
        """The code that the provider would send this client back with, and its state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-of-{asked['state']}"
        self.provider.codes[code] = asked
        return code, asked["state"]

    def come_back(self) -> bytes:
        """What a client gets that has logged in as it should."""
        cookie, location = self.sent_away()
        code, state = self.code_for(location)
        target = f"/?{urlencode({'code': code, 'state': state})}"
        return exchange(self.gateway, "tls", request("GET", target, {"Cookie": cookie}))


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """A gateway that knows clients by an OpenID provider, whose userinfo it asks too."""
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(folder)
    gateway.run("init", "--demo")
    (folder / "data" / "openid.secret").write_text(openid_peer.CLIENT_SECRET)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(openid_peer.serving(folder / "data" / "tls")) as provider,
    ):
        gateway.environment |= {
            "MOGATE_OPENID__ISSUER": provider.issuer,
            "MOGATE_OPENID__CLIENT_ID": openid_peer.CLIENT_ID,
            "MOGATE_OPENID__SECRET": "openid.secret",
            "MOGATE_OPENID__REDIRECT_URI": gateway.url("tls", "/"),
            "MOGATE_OPENID__AUTHORITY": "tls/ca.pem",
            "MOGATE_OPENID__USERINFO": "true",
        }
        gateway.start()
        try:
            yield Peers(gateway, provider)
        finally:
            assert gateway.stop() == 0


@pytest.fixture(autouse=True)
def unharmed(peers: Peers) -> Iterator[None]:
    """After each test: no fault in the log, and a client that logs in as it should gets its document."""
    said = len(peers.gateway.log())
    yield
    peers.provider.answers.clear()
    peers.provider.claims = {"phone_number": "+15550100001"}
    peers.provider.info = {"sub": "user"}
    answer = peers.come_back()
    assert (status_of(answer), b"wap-provisioningdoc" in answer) == (200, True), answer
    log = peers.gateway.log()[said:]
    assert "request_failed" not in log, log[-4000:]
    assert "Traceback" not in log, log[-4000:]


@modest
@given(
    fields=st.lists(st.tuples(FIELDS, ODD), max_size=4),
    brings=st.sampled_from([b"", b"code", b"state"]),
    cookies=st.lists(ODD.map(lambda octets: b"acs=" + octets), max_size=2),
    method=st.sampled_from(["GET", "POST"]),
)
def test_odd_returns_prove_nothing(
    peers: Peers, fields: list[tuple[bytes, bytes]], brings: bytes, cookies: list[bytes], method: str
) -> None:
    """Codes, states and errors of any octets let nobody in, also with a right one of the two and the client's cookie.

    Spec: RCC.14 2.8, RFC 6749 4.1.2
    """
    cookie, location = peers.sent_away()
    code, state = peers.code_for(location)
    if brings:
        fields = [(brings, {b"code": code, b"state": state}[brings].encode()), *fields]
    query = b"&".join([name + b"=" + value for name, value in fields])
    headers: dict[str, str | bytes] = {"Cookie": b"; ".join([*cookies, cookie])}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        octets = request("POST", "/", headers, query)
    else:
        octets = request("GET", b"/?" + query, headers)
    assert_no_configuration(exchange(peers.gateway, "tls", octets))


@modest
@given(claims=CLAIMS, info=JSON)
def test_odd_claims_are_refused(peers: Peers, claims: dict[str, Any], info: object) -> None:
    """A signed token that says something else than it should names nobody (OpenID Connect Core 3.1.3.7, 5.3.2)."""
    peers.provider.claims = {"phone_number": "+15550100001"} | claims
    peers.provider.info = info if isinstance(info, dict) and info else {"sub": "user"}
    answer = peers.come_back()
    assert status_of(answer) in (200, 403, 503)
    assert status_of(answer) != 200 or not DECIDING & claims.keys(), claims


ANSWERS = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["id_token", "access_token", "sub", "phone_number"]), JSON, max_size=3).map(
        lambda value: json.dumps(value).encode()
    ),
    st.builds(
        lambda head, claims: json.dumps({"id_token": f"{_encoded(head)}.{_encoded(claims)}.AAAA"}).encode(),
        JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20) | st.just(b"[" * 1500),
        JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20) | st.just(b"[" * 5000),
    ),
    st.just(b'{"sub": "user", "phone_number": NaN}'),
)
DEEP = [b"[" * 200_000, b'{"a":' * 40_000, b'"' * 300_000]


@modest
@given(endpoint=st.sampled_from(["token_endpoint", "userinfo_endpoint"]), octets=ANSWERS)
def test_odd_answers_of_the_provider_prove_nobody(peers: Peers, endpoint: str, octets: bytes) -> None:
    """A provider that answers nonsense proves nobody: 403, or 503 with the word when to come back."""
    assert_nobody_is_proven(peers, endpoint, octets)


@pytest.mark.parametrize("octets", DEEP, ids=["arrays", "objects", "text"])
@pytest.mark.parametrize("endpoint", ["token_endpoint", "userinfo_endpoint"])
def test_an_answer_without_an_end_proves_nobody(peers: Peers, endpoint: str, octets: bytes) -> None:
    """An answer that is nested or long without end is none that can be read."""
    assert_nobody_is_proven(peers, endpoint, octets)


def assert_nobody_is_proven(peers: Peers, endpoint: str, octets: bytes) -> None:
    """403 or 503, but for userinfo that has nothing to say of the user that the token names."""
    peers.provider.answers = {endpoint: octets}
    answer = peers.come_back()
    if status_of(answer) == 200:
        assert (endpoint, json.loads(octets)["sub"]) == ("userinfo_endpoint", "user")
        return
    assert status_of(answer) in (403, 503)
    assert_no_configuration(answer)


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
