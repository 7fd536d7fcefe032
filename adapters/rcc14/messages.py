"""RCC.14 requests and answers as plain values.

Spec: RCC.14 2.2 (request parameters and responses)
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_plus

import msgspec

from adapters.provisioning.mapping import Layout
from gateway.errors import DecodeError, LimitExceeded

MAX_QUERY_BYTES = 8192
MAX_PARAMETERS = 100
MAX_VALUE_CHARACTERS = 1024
MAX_VERS = 0x7FFFFFFF
VERS_USER_DISABLED = -4

CONTENT_TYPE = "text/vnd.wap.connectivity-xml; charset=utf-8"

_IMS_A = "ap2001"
_IMS_B = "urn:oma:mo:ext-3gpp-ims:1.0"
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
_CANONICAL = {name.lower(): name for name in _NAMES}
_KEPT = frozenset(_NAMES) - _SINGLE - {"app", "SMS_port"}
_RELEASE = ("rcs_profile", "rcs_version", "provisioning_version", "client_version")
_VERS = re.compile(r"-[1-4]|[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{3,15}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


class Request(msgspec.Struct, frozen=True):
    """What a client asked. Empty text means absent; identities are claims until something proves them.

    ``vers`` is 0 when absent; positive it is a version, negative one of the disabled states. ``apps`` are the AppIDs
    asked for, as they came. ``about`` holds what the client says of itself, by parameter name.
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
    def release(self) -> tuple[str, ...]:
        """What identifies the client's release: when it changes, the client starts afresh."""
        return tuple([self.about.get(name, "") for name in _RELEASE])

    @property
    def layout(self) -> Layout:
        """The document layout this client reads: B from UP 2.0 on, A for everything older.

        Who asks for the IMS application by its name in B gets B; who asks for nothing but its name in A gets A.

        Spec: RCC.07 Annex A, RCC.15
        """
        if _IMS_B in self.apps:
            return "B"
        if self.apps == (_IMS_A,):
            return "A"
        release = self.about.get("provisioning_version", "").partition(".")[0]
        profile = self.about.get("rcs_profile", "").upper()
        modern = release.isdecimal() and int(release) >= 4
        return "B" if modern and profile.startswith("UP_") and not profile.startswith("UP_1") else "A"


class Answer(NamedTuple):
    """What goes back: a status, and for 200 a document, a cookie value or both; an empty body needs a cookie.

    ``cookie_seconds`` is the cookie's life, 0 for the usual one. ``what`` and ``device_id`` are for the log.
    """

    status: int
    document: bytes = b""
    cookie: str = ""
    what: str = ""
    device_id: str = ""
    cookie_seconds: int = 0


def parse_request(query: str) -> Request:
    """The request that a query string states. Unknown and empty parameters are ignored, names may differ in case.

    An IMSI or MSISDN that is no number is kept as it came: it is only ever compared. What is no IMEI and no port counts
    as absent.

    Raises: DecodeError for a repeated identity or a vers that is none, LimitExceeded past the bounds.
    """
    try:
        size = len(query.encode())
    except UnicodeEncodeError:
        raise DecodeError("the query is not UTF-8") from None
    if size > MAX_QUERY_BYTES:
        raise LimitExceeded(f"a query of {size} octets is over the limit of {MAX_QUERY_BYTES}")
    fields = query.split("&")
    if len(fields) > MAX_PARAMETERS:
        raise LimitExceeded(f"more than {MAX_PARAMETERS} parameters")
    values: dict[str, str] = {}
    apps: list[str] = []
    for field in fields:
        written, _, value = field.partition("=")
        name = _CANONICAL.get(written.lower())
        if name is None or not value:
            continue
        if "%" in value or "+" in value:
            value = unquote_plus(value)
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
        values.get("IMSI", ""),
        parse_imei(values.get("IMEI", "")),
        _claimed_msisdn(values.get("msisdn", "")),
        _parse_port(values.get("SMS_port", "")),
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
    if not _NUMBER.fullmatch(number):
        raise DecodeError(f"{text[:20]!r} is no MSISDN")
    return f"+{number}"


def parse_imei(text: str) -> str:
    """The IMEI's digits, out of plain digits, an IMEISV or the URN form; empty for anything else.

    Spec: RFC 7254
    """
    digits = text.lower().removeprefix("urn:gsma:imei:").partition(";")[0].replace("-", "")
    if digits.isascii() and digits.isdecimal() and 14 <= len(digits) <= 16:
        return digits
    return ""


def _parse_vers(text: str) -> int:
    if not _VERS.fullmatch(text) or int(text) > MAX_VERS:
        raise DecodeError(f"vers {text[:20]!r} is not -4 to {MAX_VERS}")
    return int(text)


def _claimed_msisdn(text: str) -> str:
    try:
        return parse_msisdn(text)
    except DecodeError:
        return text


def _parse_port(text: str) -> str:
    return text if _PORT.fullmatch(text) and int(text) <= 0xFFFF else ""
