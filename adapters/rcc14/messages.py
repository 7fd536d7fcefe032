"""RCC.14 requests and answers as plain values.

Spec: RCC.14 2.2 (request parameters and responses)
"""

from __future__ import annotations

import functools
import re
from urllib.parse import unquote_plus

import msgspec

from adapters.provisioning.mapping import Layout
from gateway.errors import DecodeError, LimitExceeded

MAX_QUERY_BYTES = 8192
MAX_PARAMETERS = 100
MAX_VALUE_CHARACTERS = 1024
MAX_KEPT_CHARACTERS = 200
MAX_APPS = 32
MAX_UNKNOWN = 16
MAX_VERS = 0x7FFFFFFF
VERS_USER_DISABLED = -4

CONTENT_TYPE = "text/vnd.wap.connectivity-xml; charset=utf-8"

_IMS_A = "ap2001"
_IMS_B = "urn:oma:mo:ext-3gpp-ims:1.0"
_PROOFS = ("IMSI", "IMEI", "msisdn", "token", "OTP", "EAP_ID", "code", "state")
"""Identities and proofs of them: none may occur twice."""
_ABOUT = (
    "terminal_vendor",
    "terminal_model",
    "terminal_sw_version",
    "client_vendor",
    "client_version",
    "rcs_version",
    "rcs_profile",
    "rcs_state",
    "provisioning_version",
    "friendly_device_name",
    "alias",
    "default_sms_app",
    "default_vvm_app",
    "device_type",
    "GID1",
    "GID2",
)
"""What a client says of itself."""
_SECRET = ("access_token", "id_token", "EAP_PAYLD", "IMSI_EAP", "error_description")
"""Known, of no use here, and nothing to keep."""
_KNOWN = (*_PROOFS, *_ABOUT, *_SECRET, "vers", "app", "SMS_port", "error")
_CANONICAL = {name.lower(): name for name in _KNOWN} | {name: name for name in _KNOWN}
STEADY = frozenset(name.lower() for name in ("IMSI", "IMEI", "msisdn", "token", "SMS_port", "vers", "app", *_ABOUT))
"""What a client that asks again sends alike, in lower case; all others may have another value each time."""
_SINGLE = frozenset({*_PROOFS, "vers"})
_KEPT = frozenset(_ABOUT)
_RELEASE = ("rcs_profile", "rcs_version", "provisioning_version", "client_version")
_ABSENT = ("",) * len(_RELEASE)
_VERS = re.compile(r"-[1-4]|[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{3,15}", re.ASCII)
_NUMBER_URI = re.compile(r"(?:tel|sips?):(\+?[0-9]{3,15})(?:[;@?].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)


class Request(msgspec.Struct, frozen=True):
    """What a client asked. Empty text means absent; identities are claims until something proves them.

    ``vers`` is 0 when absent; positive it is a version, negative one of the disabled states. ``apps`` are the AppIDs
    asked for, as they came. ``about`` holds what the client says of itself, by parameter name, ``unknown`` the
    parameters that no specification here knows. ``code``, ``state`` and ``error`` are what a log-in page sends back.
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
    unknown: dict[str, str] = {}
    eap_id: str = ""
    code: str = ""
    state: str = ""
    error: str = ""

    @property
    def release(self) -> tuple[str, ...]:
        """What identifies the client's release: when it changes, the client starts afresh."""
        return tuple(map(self.about.get, _RELEASE, _ABSENT))

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
        said = self.about.get
        return _layout_of(said("provisioning_version", ""), said("rcs_profile", ""))


@functools.lru_cache(256)
def _layout_of(release: str, profile: str) -> Layout:
    number, profile = release.partition(".")[0], profile.upper()
    modern = number.isdecimal() and int(number) >= 4
    return "B" if modern and profile.startswith("UP_") and not profile.startswith("UP_1") else "A"


class Whose(msgspec.Struct, frozen=True):
    """The device or else the subscriber an exchange is about.

    ``armed`` when somebody asked to see all of it; not ``proven`` when it is only claimed.
    """

    owner: str
    armed: bool
    proven: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What goes back: a status, and for 200 a document, a cookie value or both; an empty body needs a cookie.

    ``cookie_seconds`` is the cookie's life, 0 for the usual one. ``headers`` are those that belong to the status,
    ``media_type`` is what the body is. ``what`` and ``device_id`` are for the log.
    ``traced`` says in whose trace the exchange belongs.
    """

    status: int
    document: bytes = b""
    cookie: str = ""
    what: str = ""
    device_id: str = ""
    cookie_seconds: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = CONTENT_TYPE
    traced: Whose | None = None


def parse_request(query: str, *, strict: bool = False) -> Request:
    """The request that a query string states. Empty parameters count as absent, names may differ in case.

    What a client says of itself is cut to a bounded length. An IMSI or MSISDN that is no number is kept as it came: it
    is only ever compared. What is no IMEI and no port counts as absent, a vers that is none as 0.

    Raises: DecodeError for a repeated identity, and with ``strict`` for a vers that is none; LimitExceeded past the
    bounds.
    """
    size = len(query) if query.isascii() else _utf8_size(query)
    if size > MAX_QUERY_BYTES:
        raise LimitExceeded(f"a query of {size} octets is over the limit of {MAX_QUERY_BYTES}")
    fields = query.split("&")
    if len(fields) > MAX_PARAMETERS:
        raise LimitExceeded(f"more than {MAX_PARAMETERS} parameters")
    is_written_out = "%" not in query and "+" not in query
    canonical = _CANONICAL.get
    values: dict[str, str] = {}
    about: dict[str, str] = {}
    apps: list[str] = []
    unknown: dict[str, str] = {}
    for field in fields:
        written, _, value = field.partition("=")
        if not value:
            continue
        name = canonical(written) or canonical(written.lower())
        if not is_written_out and ("%" in value or "+" in value):
            value = unquote_plus(value)
        if name is None:
            if len(unknown) < MAX_UNKNOWN and _NAME.fullmatch(written):
                unknown[written] = value[:MAX_KEPT_CHARACTERS]
        elif name in _KEPT:
            about[name] = value[:MAX_KEPT_CHARACTERS]
        elif name == "app":
            if len(apps) < MAX_APPS:
                apps.append(value[:MAX_KEPT_CHARACTERS])
        elif name in values and name in _SINGLE:
            raise DecodeError(f"parameter {name} occurs twice")
        else:
            values[name] = value[:MAX_VALUE_CHARACTERS]
    said = values.get
    return Request(
        _parse_vers(said("vers", "0"), strict=strict),
        said("IMSI", ""),
        parse_imei(said("IMEI", "")),
        _claimed_msisdn(said("msisdn", "")),
        _parse_port(said("SMS_port", "")),
        said("token", ""),
        said("OTP", ""),
        tuple(apps),
        about,
        unknown,
        said("EAP_ID", ""),
        said("code", ""),
        said("state", ""),
        said("error", ""),
    )


def _utf8_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise DecodeError("the query is not UTF-8") from None


def parse_msisdn(text: str) -> str:
    """The number as ``+`` and digits. A raw ``+`` that arrived as a space, or was left out, is restored.

    It may be that of a tel URI or the user of a SIP URI, as users of additional devices enter it.

    Raises: DecodeError when it is no number.
    Spec: RFC 3966 3, RFC 3261 19.1
    """
    number = text.strip().removeprefix("+")
    if not _NUMBER.fullmatch(number):
        uri = _NUMBER_URI.fullmatch(number)
        if uri is None:
            raise DecodeError(f"{text[:20]!r} is no MSISDN")
        number = uri[1].removeprefix("+")
    return f"+{number}"


def is_msisdn(text: str) -> bool:
    """Whether the text is a number as ``parse_msisdn`` gives it."""
    return text.startswith("+") and _NUMBER.fullmatch(text, 1) is not None


def parse_imei(text: str) -> str:
    """The IMEI's digits, out of plain digits, an IMEISV or the URN form; empty for anything else.

    Spec: RFC 7254
    """
    digits = text
    if not text.isdecimal():
        digits = text.lower().removeprefix("urn:gsma:imei:").partition(";")[0].replace("-", "")
    if digits.isascii() and digits.isdecimal() and 14 <= len(digits) <= 16:
        return digits
    return ""


def _parse_vers(text: str, *, strict: bool) -> int:
    if _VERS.fullmatch(text) and (vers := int(text)) <= MAX_VERS:
        return vers
    if strict:
        raise DecodeError(f"vers {text[:20]!r} is not -4 to {MAX_VERS}")
    return 0


def _claimed_msisdn(text: str) -> str:
    if not text:
        return ""
    try:
        return parse_msisdn(text)
    except DecodeError:
        return text


def _parse_port(text: str) -> str:
    return text if text and _PORT.fullmatch(text) and int(text) <= 0xFFFF else ""
