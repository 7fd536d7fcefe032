"""RCC.14 requests and answers as plain values.

Spec: RCC.14 2.2 (request parameters and responses)
"""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from gateway.errors import DecodeError, LimitExceeded

MAX_QUERY_BYTES = 8192
MAX_PARAMETERS = 100
MAX_VALUE_CHARACTERS = 1024

CONTENT_TYPE = "text/vnd.wap.connectivity-xml; charset=utf-8"

Layout = Literal["A", "B"]

_IMS_MO = "urn:oma:mo:ext-3gpp-ims:1.0"
_SINGLE = frozenset({"IMSI", "msisdn", "token", "OTP", "IMEI", "vers"})
_NAMES = (
    "vers",
    "IMSI",
    "IMEI",
    "terminal_vendor",
    "terminal_model",
    "terminal_sw_version",
    "client_vendor",
    "client_version",
    "rcs_version",
    "rcs_profile",
    "rcs_state",
    "msisdn",
    "SMS_port",
    "token",
    "OTP",
    "provisioning_version",
    "app",
    "friendly_device_name",
    "default_sms_app",
    "device_type",
)
_CANONICAL = {name.lower(): name for name in _NAMES} | {name: name for name in _NAMES}
_KEPT = frozenset(_NAMES) - _SINGLE - {"app", "SMS_port"}
_RELEASE = ("rcs_profile", "rcs_version", "provisioning_version", "client_version")


class Request(msgspec.Struct, frozen=True):
    """What a client asked. Empty text means absent; identities are claims until something proves them.

    ``vers`` is 0 when absent. ``about`` holds what the client says of itself, by parameter name.
    """

    vers: int = 0
    imsi: str = ""
    imei: str = ""
    msisdn: str = ""
    sms_port: str = ""
    token: str = ""
    otp: str = ""
    apps: tuple[str, ...] = ()
    about: dict[str, str] = {}

    @property
    def release(self) -> str:
        """What identifies the client's release: when it changes, the client starts afresh."""
        return "|".join([self.about.get(name, "") for name in _RELEASE])

    @property
    def layout(self) -> Layout:
        """The document layout this client reads: B from UP 2.0 on, A for everything older.

        Spec: RCC.07 Annex A, RCC.15
        """
        if _IMS_MO in self.apps:
            return "B"
        release = self.about.get("provisioning_version", "").partition(".")[0]
        modern = release.isdecimal() and int(release) >= 4
        return "B" if modern and self.about.get("rcs_profile", "").startswith(("UP_2", "UP_T")) else "A"


class Answer(NamedTuple):
    """What goes back: a status, and for 200 either a document or an empty body with a cookie value.

    ``what`` and ``device_id`` are for the log.
    """

    status: int
    document: bytes = b""
    cookie: str = ""
    what: str = ""
    device_id: str = ""


def parse_request(query: str) -> Request:
    """The request that a query string states. Unknown parameters are ignored, names may differ in case.

    Raises: DecodeError for repeated identities and numbers that are none, LimitExceeded past the bounds.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise LimitExceeded(f"a query of {len(query)} characters is over the limit of {MAX_QUERY_BYTES}")
    try:
        pairs = parse_qsl(query, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise LimitExceeded(f"more than {MAX_PARAMETERS} parameters") from None
    values: dict[str, str] = {}
    apps: list[str] = []
    for written, value in pairs:
        name = _CANONICAL.get(written) or _CANONICAL.get(written.lower())
        if name is None:
            continue
        if len(value) > MAX_VALUE_CHARACTERS:
            raise LimitExceeded(f"parameter {name} is over {MAX_VALUE_CHARACTERS} characters")
        if name == "app":
            apps.append(value)
        elif name in values and name in _SINGLE:
            raise DecodeError(f"parameter {name} occurs twice")
        else:
            values[name] = value
    return Request(
        _parse_vers(values.get("vers", "0")),
        _digits("IMSI", values.get("IMSI", ""), 6, 15),
        parse_imei(values.get("IMEI", "")),
        parse_msisdn(values.get("msisdn", "")),
        values.get("SMS_port", ""),
        values.get("token", ""),
        values.get("OTP", ""),
        tuple(apps),
        {name: value for name, value in values.items() if name in _KEPT},
    )


def parse_msisdn(text: str) -> str:
    """The number as ``+`` and digits. A raw ``+`` that arrived as a space, or was left out, is restored.

    Raises: DecodeError when it is no number.
    """
    number = text.strip().removeprefix("+")
    return "+" + _digits("msisdn", number, 3, 15) if number else ""


def parse_imei(text: str) -> str:
    """The IMEI's digits, out of plain digits, an IMEISV or the URN form; empty for anything else.

    Spec: RFC 7254
    """
    digits = text.removeprefix("urn:gsma:imei:").partition(";")[0].replace("-", "")
    if digits.isascii() and digits.isdecimal() and 14 <= len(digits) <= 16:
        return digits
    return ""


def _parse_vers(text: str) -> int:
    try:
        vers = int(text[:12])
    except ValueError:
        raise DecodeError(f"vers {text[:12]!r} is not a whole number") from None
    if not -4 <= vers <= 0x7FFFFFFF:
        raise DecodeError(f"vers {vers} is out of range")
    return vers


def _digits(name: str, text: str, low: int, high: int) -> str:
    if text and not (text.isascii() and text.isdecimal() and low <= len(text) <= high):
        raise DecodeError(f"{name} is not {low} to {high} digits")
    return text
