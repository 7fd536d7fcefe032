"""Security: what somebody who is not a subscriber, or not this one, may try over the wire, and what comes of it."""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote

import pytest
from rcc14_caller import HOST, Caller

DOCUMENT = b"wap-provisioningdoc"


@pytest.mark.parametrize(
    "claims",
    [
        "IMSI={imsi}&IMEI={imei}&msisdn={msisdn}",
        "IMSI={imsi}&IMEI={imei}&msisdn={msisdn}&SMS_port=37273",
        "IMSI={imsi}&EAP_ID=0{imsi}%40nai.epc.mnc001.mcc001.3gppnetwork.org",
        "IMSI={imsi}&token={id}.1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "IMSI={imsi}&OTP=000000",
        "IMSI={imsi}&code=x&state=y",
        "IMSI={imsi}&access_token=x&id_token=y",
    ],
)
def test_claims_get_no_document(rcc14: Caller, claims: str) -> None:
    """Nothing that is only said gets a document, in the query, in a header or in a posted form (RCC.14 2.2)."""
    who = rcc14.subscriber()
    rcc14.configure(who)
    query = "vers=0&" + claims.format(**who._asdict() | {"msisdn": quote(who.msisdn)})
    said = [
        ("X-IMSI", who.imsi),
        ("X-MSISDN", who.msisdn),
        ("X-3GPP-Intended-Identity", f'"tel:{who.msisdn}"'),
        ("X-Forwarded-For", "127.0.0.1"),
        ("Authorization", f'Digest username="{who.imsi}"'),
        ("Cookie", "acs=AAAAAAAAAAAAAAAAAAAAAAAA"),
    ]
    for heard in (
        rcc14.secure(query, *said),
        rcc14.secure("", *said, method="POST", body=query.encode()),
    ):
        assert DOCUMENT not in heard.body
        assert heard.status in (200, 401, 403, 503, 511)
        assert heard.status != 200 or heard.cookie


def test_identity_headers_count_from_the_operators_gateway_alone(rcc14: Caller) -> None:
    """Not from a peer that is not listed, not twice, and not under a name that looks like theirs (RCC.14 2.2.1)."""
    who, other = rcc14.subscriber(), rcc14.subscriber()
    assert rcc14.plain(("X-IMSI", who.imsi), listener="internet").status == 511
    assert rcc14.plain(("X-IMSI", who.imsi), ("x-imsi", other.imsi)).status == 511
    assert rcc14.plain(("X_IMSI", who.imsi)).status == 511
    assert rcc14.plain(("X-IMSI", who.imsi), ("X-MSISDN", other.msisdn)).status == 403
    cookie = rcc14.plain(("X-IMSI", who.imsi), ("X_IMSI", other.imsi)).cookie
    assert rcc14.secure("vers=0", cookie=cookie).parms["User/msisdn"] == who.msisdn


def test_the_plain_leg_gives_nothing_away(rcc14: Caller) -> None:
    """Whatever is asked there: no body, no token, no document (RCC.14 2.2.1)."""
    who = rcc14.subscriber()
    token = quote(rcc14.configure(who).parms["TOKEN/token"])
    for query in ("vers=0", f"vers=1&token={token}", "OTP=123456", f"msisdn={quote(who.msisdn)}&SMS_port=0"):
        heard = rcc14.plain(("X-IMSI", who.imsi), target=f"/?{query}")
        assert (heard.status, heard.body) == (200, b"")
        assert rcc14.plain(target=f"/?{query}").status == 511


def test_a_cookie_is_good_for_one_leg_and_once(rcc14: Caller) -> None:
    """Two at once with one cookie: one gets a document. A cookie that waits for a code proves nothing by itself."""
    who = rcc14.subscriber()
    cookie = rcc14.introduce(who)
    assert rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie).status == 200
    assert [rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie).status for _ in range(2)] == [511, 511]
    waiting = rcc14.secure(f"vers=0&msisdn={quote(who.msisdn)}&SMS_port=37273").cookie
    assert rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=waiting).status == 511
    assert rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie.lower() + "A").status == 511


def test_numbers_cannot_be_probed(rcc14: Caller) -> None:
    """A number of nobody gets the answer that one of somebody gets, and its codes the same refusals."""
    who = rcc14.subscriber()
    answers = []
    for number in (who.msisdn, "+15559999999"):
        heard = rcc14.secure(f"vers=0&msisdn={quote(number)}&SMS_port=37273")
        names = sorted(name for name in heard.headers if name != "Date")
        cookie = re.sub("=[A-Za-z0-9_-]+;", "=;", heard.headers["Set-Cookie"], count=1)
        wrong = rcc14.secure(f"OTP=abcdef&IMSI={who.imsi}", cookie=heard.cookie)
        answers.append((heard.status, heard.body, names, cookie, wrong.status, wrong.body))
    assert answers[0] == answers[1]


def test_tokens_cannot_be_guessed(rcc14: Caller) -> None:
    """One that is changed anywhere is none, another device's is none here, and guessing is slow (RCC.14 TOKEN)."""
    who, other = rcc14.subscriber(), rcc14.subscriber()
    token, theirs = (rcc14.configure(one).parms["TOKEN/token"] for one in (who, other))
    device, serial, mac = token.rsplit(".", 2)
    guesses = [
        f"{device}.{int(serial) + 1}.{mac}",
        f"{other.id}.1.{serial}.{mac}",
        f"{device}.{serial}.{theirs.rpartition('.')[2]}",
        token[:-1],
        *(f"{device}.{serial}.{secrets.token_urlsafe(24)}" for _ in range(4)),
    ]
    statuses = [rcc14.secure(f"vers=1&IMSI={who.imsi}&token={quote(guess)}").status for guess in guesses]
    assert set(statuses) == {511, 503}
    assert statuses[-1] == 503
    assert rcc14.secure(f"vers=1&IMSI={other.imsi}&token={quote(token)}").status == 511
    assert rcc14.secure(f"vers=1&IMSI={who.imsi}&token={quote(token)}").status == 200


def test_a_token_ends_with_its_sim_and_its_phone(rcc14: Caller) -> None:
    """A SIM that moves leaves its old phone without a token; an operator may take one away (RCC.14 TOKEN)."""
    who = rcc14.subscriber()
    token = quote(rcc14.configure(who).parms["TOKEN/token"])
    assert rcc14.secure(f"vers=1&IMEI=004401020000017&token={token}").status == 511
    moved = rcc14.configure(who._replace(imei="004401020000017")).parms["TOKEN/token"]
    assert rcc14.secure(f"vers=1&IMEI={who.imei}&token={token}").status == 511
    assert rcc14.secure(f"vers=1&token={quote(moved)}").status == 200
    rcc14.admin("POST", f"/devices/{who.id}.2/revocation", {"token_only": True})
    assert rcc14.secure(f"vers=1&IMSI={who.imsi}&token={quote(moved)}").status == 511


def test_nothing_a_client_says_is_markup(rcc14: Caller) -> None:
    """Names and versions with quotes and brackets leave a document whole, and are shown as they are."""
    who = rcc14.subscriber()
    nasty = '"/><parm name="version" value="9"/><!--\x00\x1b[2J'
    heard = rcc14.configure(who, "vers=0&" + "&".join(
        f"{name}={quote(nasty)}" for name in ("friendly_device_name", "alias", "terminal_vendor", "terminal_model",
                                              "terminal_sw_version", "client_version", "rcs_profile")
    ))  # fmt: skip
    assert heard.version == 1
    assert heard.body.count(b'name="version"') == 1
    shown = rcc14.gateway.run("device", "show", f"{who.id}.1")
    assert "\x1b" not in shown
    assert "\x00" not in shown


def test_identities_are_text(rcc14: Caller) -> None:
    """Zeros in front stay, and an IMEI of a test phone, whose check digit is wrong, is one (TS 23.003 6.2)."""
    who = rcc14.subscriber()._replace(imei="001015000000990")
    assert luhn(who.imei) != 0
    heard = rcc14.configure(who, "vers=0&provisioning_version=5.0&rcs_profile=UP_2.4")
    assert heard.parms["APPLICATION/3GPP_IMS/Private_User_Identity"].startswith(f"{who.imsi}@ims.mnc001.mcc001.")
    device = rcc14.admin("GET", f"/devices/{who.id}.1")
    assert (device["imei"], device["rcc14"]["imsi"]) == (who.imei, who.imsi)


def luhn(digits: str) -> int:
    """The remainder of Luhn's sum, 0 for numbers with a right check digit."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(digit // 10 + digit % 10 for digit in doubled) % 10


def test_refusals_have_no_body(rcc14: Caller) -> None:
    """Clients take a body for a document (field)."""
    for heard in (
        rcc14.secure("IMSI=1&IMSI=1"),
        rcc14.secure("x=" + "y" * 9000),
        rcc14.secure("", method="PUT"),
        rcc14.secure("vers=0", ("Host", "elsewhere.example")),
        rcc14.secure("", method="POST", body=b"x" * 20_000),
        rcc14.plain(target="/elsewhere"),
    ):
        assert heard.status in (400, 404, 405, 413, 414)
        assert heard.body == b""
    assert rcc14.secure("vers=0&IMSI=001019999999998", ("Host", f"{HOST}:443")).status == 511


def test_the_log_tells_no_secrets(rcc14: Caller) -> None:
    """Neither identities nor tokens, cookies or codes are in it, nor the query they came in."""
    who = rcc14.subscriber()
    cookie = rcc14.introduce(who)
    token = rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie).parms["TOKEN/token"]
    rcc14.secure(f"vers=1&msisdn={quote(who.msisdn)}&SMS_port=37273")
    code = rcc14.sms(who.msisdn)["text"]
    rcc14.secure(f"vers=1&IMSI={who.imsi}&OTP={code}&token={quote(token)}")
    log = rcc14.gateway.log()
    for secret in (who.imsi, who.msisdn, who.msisdn[1:], token, token.rpartition(".")[2], cookie.partition("=")[2]):
        assert secret not in log
    assert f'"{code}"' not in log
    assert "SMS_port" not in log
