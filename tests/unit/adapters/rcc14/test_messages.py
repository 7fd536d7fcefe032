"""Request parameters: what is taken, what is ignored, what is refused; and the layout that a client reads."""

from __future__ import annotations

import pytest

from adapters.rcc14.messages import (
    MAX_APPS,
    MAX_PARAMETERS,
    MAX_QUERY_BYTES,
    MAX_UNKNOWN,
    Request,
    is_msisdn,
    parse_imei,
    parse_msisdn,
    parse_request,
)
from gateway.errors import DecodeError, LimitExceeded

FIRST_TIME = (
    "vers=0&rcs_profile=UP_2.4&rcs_version=11.0&provisioning_version=5.0&client_vendor=EXCL&client_version=RCSAndrd-1.0"
    "&terminal_vendor=EXMP&terminal_model=A1&terminal_sw_version=1.2&IMSI=001010000000001&IMEI=004401020000017"
    "&default_sms_app=1&rcs_state=0&msisdn=%2B15550100001&SMS_port=37273&token="
)


def test_a_first_request_is_read_whole() -> None:
    """Every parameter of a UP 2.4 client has its place; identities are apart from what the client says of itself."""
    assert parse_request(FIRST_TIME) == Request(
        vers=0,
        imsi="001010000000001",
        imei="004401020000017",
        msisdn="+15550100001",
        sms_port="37273",
        about={
            "rcs_profile": "UP_2.4",
            "rcs_version": "11.0",
            "provisioning_version": "5.0",
            "client_vendor": "EXCL",
            "client_version": "RCSAndrd-1.0",
            "terminal_vendor": "EXMP",
            "terminal_model": "A1",
            "terminal_sw_version": "1.2",
            "default_sms_app": "1",
            "rcs_state": "0",
        },
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Request()),
        ("&&=&=x&x=&vers", Request()),
        ("vers=&token=&msisdn=&IMSI=&OTP=", Request()),
        ("token=&token=abc", Request(token="abc")),
        ("VERS=3&imsi=00101&Otp=12&TOKEN=t", Request(vers=3, imsi="00101", otp="12", token="t")),
        ("unknown=1&vers=3", Request(vers=3, unknown={"unknown": "1"})),
        ("EAP_ID=0001&code=c&state=s&error=e", Request(eap_id="0001", code="c", state="s", error="e")),
        ("access_token=a&id_token=b&EAP_PAYLD=c&IMSI_EAP=d&error_description=e", Request()),
        ("a b=1&%3Cx%3E=1&<x>=1&" + "n" * 41 + "=1", Request()),
        ("nwk_intf=lte&mac_address=" + "x" * 300, Request(unknown={"nwk_intf": "lte", "mac_address": "x" * 200})),
        (
            "GID1=BAE0&alias=Ann&default_vvm_app=1",
            Request(about={"GID1": "BAE0", "alias": "Ann", "default_vvm_app": "1"}),
        ),
        ("terminal_vendor=" + "V" * 999, Request(about={"terminal_vendor": "V" * 200})),
        ("msisdn=%2B15550100001", Request(msisdn="+15550100001")),
        ("msisdn=+15550100001", Request(msisdn="+15550100001")),
        ("msisdn=15550100001", Request(msisdn="+15550100001")),
        ("msisdn=five", Request(msisdn="five")),
        ("IMSI=SIM1", Request(imsi="SIM1")),
        ("IMEI=urn%3Agsma%3Aimei%3A00440102-000001-7%3Bsvn%3D05", Request(imei="004401020000017")),
        ("IMEI=none", Request()),
        ("SMS_port=0", Request(sms_port="0")),
        ("SMS_port=65535", Request(sms_port="65535")),
        ("SMS_port=65536", Request()),
        ("SMS_port=-1", Request()),
        ("app=ap2002&app=urn%3Ax&app=ap2002", Request(apps=("ap2002", "urn:x", "ap2002"))),
        ("rcs_profile=joyn&rcs_profile=UP_2.4", Request(about={"rcs_profile": "UP_2.4"})),
        ("friendly_device_name=B%C3%A4r+%26+Co", Request(about={"friendly_device_name": "Bär & Co"})),
        ("friendly_device_name=%FF", Request(about={"friendly_device_name": "\ufffd"})),
        ("token=a%3Db%26c=d", Request(token="a=b&c=d")),
    ],
)
def test_parameters_are_taken_leniently(query: str, expected: Request) -> None:
    """Empty is absent, case may differ, a raw plus is restored, what is too long is cut; what nobody knows is kept, if
    it has a name to show, and never what is secret (RCC.14 2.2; field practice)."""
    assert parse_request(query) == expected


@pytest.mark.parametrize("name", ["IMSI", "msisdn", "token", "OTP", "IMEI", "vers", "EAP_ID", "code", "state"])
def test_an_identity_given_twice_is_malformed(name: str) -> None:
    """Of two identities neither counts, even when they agree or differ in case (RCC.14 2.2)."""
    for other in (name, name.swapcase()):
        with pytest.raises(DecodeError, match="twice"):
            parse_request(f"{name}=1&{other}=1")


@pytest.mark.parametrize(
    ("text", "vers"), [("0", 0), ("7", 7), ("007", 7), ("-1", -1), ("-4", -4), ("2147483647", 2**31 - 1)]
)
def test_vers_is_a_version_or_a_disabled_state(text: str, vers: int) -> None:
    """Versions go to 2**31 - 1, disabled states from -1 to -4 (RCC.14 VERS)."""
    assert parse_request(f"vers={text}").vers == vers


@pytest.mark.parametrize(
    "text", ["zero", "-5", "-0", "--1", "+5", "1.0", "0x1", "%D9%A1", "1%0A", "2147483648", "9" * 11, "9" * 1000]
)
def test_any_other_vers_counts_as_none(text: str) -> None:
    """A vers that is no version is 0, and the client gets a whole document; who is strict refuses it (RCC.14 VERS)."""
    assert parse_request(f"vers={text}").vers == 0
    with pytest.raises(DecodeError):
        parse_request(f"vers={text}", strict=True)


@pytest.mark.parametrize(
    ("inside", "over"),
    [
        ("x=" + "y" * (MAX_QUERY_BYTES - 2), "x=" + "y" * (MAX_QUERY_BYTES - 1)),
        ("x=" + "é" * (MAX_QUERY_BYTES // 2 - 1), "x=" + "é" * (MAX_QUERY_BYTES // 2)),
        ("&".join(["a=1"] * MAX_PARAMETERS), "&".join(["a=1"] * (MAX_PARAMETERS + 1))),
    ],
)
def test_bounds(inside: str, over: str) -> None:
    """Octets of the query and number of parameters are limited, each exactly there."""
    parse_request(inside)
    with pytest.raises(LimitExceeded):
        parse_request(over)


def test_what_is_kept_is_bounded() -> None:
    """Of many unknown parameters some are kept, of many AppIDs the first, and of a long value its beginning."""
    asked = parse_request("&".join([f"x{number}={number}" for number in range(40)]))
    assert list(asked.unknown) == [f"x{number}" for number in range(MAX_UNKNOWN)]
    assert len(parse_request("&".join(["app=ap2002"] * 60)).apps) == MAX_APPS
    assert len(parse_request("token=" + "%74" * 1500).token) == 1024


def test_a_query_of_broken_text_is_refused() -> None:
    """Octets that were no UTF-8 when the server read them are no query."""
    with pytest.raises(DecodeError):
        parse_request("token=\udcff")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15550100001", "+15550100001"),
        (" 15550100001", "+15550100001"),
        ("123", "+123"),
        ("1" * 15, "+" + "1" * 15),
        ("tel:+15550100001", "+15550100001"),
        ("TEL:15550100001;phone-context=+1", "+15550100001"),
        ("sip:+15550100001@ims.example.net;user=phone", "+15550100001"),
    ],
)
def test_a_number_has_a_plus_and_digits(text: str, number: str) -> None:
    """A plus that was lost on the way is restored, and users may enter a URI (E.164: at most 15 digits)."""
    assert parse_msisdn(text) == number
    assert is_msisdn(number)
    assert not is_msisdn(number[1:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "12",
        "1" * 16,
        "++15550100001",
        "+1555-0100",
        "tel:",
        "sip:ann@example.net",
        "sip:+1555x@a",
        "mailto:+15550100001",
        "+tel:+1+5",
        "١٢٣٤",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Anything but digits after one plus is no MSISDN."""
    with pytest.raises(DecodeError):
        parse_msisdn(text)


@pytest.mark.parametrize(
    ("text", "imei"),
    [
        ("004401020000017", "004401020000017"),
        ("00440102000001", "00440102000001"),
        ("0044010200000105", "0044010200000105"),
        ("00440102-000001-7", "004401020000017"),
        ("URN:GSMA:IMEI:00440102-000001-7", "004401020000017"),
        ("0044010200001", ""),
        ("00440102000001050", ""),
        ("00440102000001X", ""),
        ("٠٠٤٤٠١٠٢٠٠٠٠٠١٧", ""),
        ("", ""),
    ],
)
def test_an_imei_is_14_to_16_digits(text: str, imei: str) -> None:
    """Plain, IMEISV or URN (RFC 7254); anything else is as good as none."""
    assert parse_imei(text) == imei


@pytest.mark.parametrize(
    ("query", "layout"),
    [
        ("", "A"),
        ("rcs_version=5.1B&rcs_profile=joyn_blackbird", "A"),
        ("rcs_version=6.0&rcs_profile=UP_1.0&provisioning_version=2.0", "A"),
        ("rcs_profile=UP_1.0&provisioning_version=5.0", "A"),
        ("rcs_profile=UP_2.0&provisioning_version=4.0", "B"),
        ("rcs_profile=UP_2.4&provisioning_version=5.0", "B"),
        ("rcs_profile=up_2.4&provisioning_version=10", "B"),
        ("rcs_profile=UP_T&provisioning_version=4.0", "B"),
        ("rcs_profile=UP_2.4&provisioning_version=3.0", "A"),
        ("rcs_profile=UP_2.4&provisioning_version=new", "A"),
        ("rcs_profile=UP_2.4", "A"),
        ("provisioning_version=5.0", "A"),
        ("rcs_profile=joyn_blackbird&app=urn%3Aoma%3Amo%3Aext-3gpp-ims%3A1.0", "B"),
        ("rcs_profile=UP_2.4&provisioning_version=5.0&app=ap2002", "B"),
        ("rcs_profile=UP_2.4&provisioning_version=5.0&app=ap2001", "A"),
        ("rcs_profile=UP_2.4&provisioning_version=5.0&app=ap2001&app=ap2002", "B"),
    ],
)
def test_the_layout_is_chosen_by_release_and_application(query: str, layout: str) -> None:
    """B for RCC.14 from 4.0 on together with a UP 2 profile, or when its IMS application is asked for; else A."""
    assert parse_request(query).layout == layout


def test_the_release_is_told_apart_in_every_part() -> None:
    """No two different sets of release parameters look the same, whatever characters they are made of."""
    queries = [
        "",
        "rcs_profile=UP_2.4",
        "rcs_version=UP_2.4",
        "provisioning_version=UP_2.4",
        "client_version=UP_2.4",
        "rcs_profile=a%7Cb",
        "rcs_profile=a&rcs_version=b",
        "rcs_profile=a%00&rcs_version=b",
        "rcs_profile=a',%20'b",
    ]
    assert len({repr(parse_request(query).release) for query in queries}) == len(queries)
    assert parse_request("rcs_state=1&terminal_sw_version=2").release == parse_request("").release
