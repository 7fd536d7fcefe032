"""What an IMS core says of a subscriber's services: registered, registered no more, or failed.

Pure.

Spec: 3GPP TS 23.003 13.3, 13.4 (identities of IMS)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from gateway.errors import DecodeError
from gateway.fleet.device import SERIAL_DIGITS, Device
from gateway.fleet.fields import fault_of
from gateway.fleet.subscriber import Registration, Subscriber
from gateway.fleet.table import parse_rows

COLUMNS = ("impu", "impi", "msisdn", "imsi", "imei", "service", "state", "why", "at")
IMS = "ims"
"""The service that a word is about which names none, by the key of its MO."""
MAX_REGISTRATIONS = 50

_IMSI = re.compile("[0-9]{14,15}", re.ASCII)
_NUMBER = re.compile(r"\+[0-9]{5,15}", re.ASCII)

IdentityKind = Literal["imsi", "msisdn"]
Identity = Annotated[str, Meta(max_length=255, pattern=r"^[^\s\x00-\x1f]*$")]


class RegistrationWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One word of the core. At least one of ``impu``, ``impi``, ``msisdn`` and ``imsi`` says whose service it is.

    ``service`` is the key of its MO, ``imei`` the phone (the instance of the registration) where the core says that,
    ``at`` since when it is so (None: now), ``why`` what the core says of a failure or of the end.
    """

    state: Literal["registered", "deregistered", "failed"]
    impu: Identity = ""
    impi: Identity = ""
    msisdn: Annotated[str, Meta(pattern=r"^(\+?[0-9]{5,15})?$")] = ""
    imsi: Annotated[str, Meta(pattern=r"^([0-9]{14,15})?$")] = ""
    imei: Annotated[str, Meta(pattern=r"^([0-9]{14,16})?$")] = ""
    service: Annotated[str, Meta(min_length=1, max_length=60)] = IMS
    why: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = ""
    at: Annotated[datetime, Meta(tz=True)] | None = None

    def identities(self) -> Iterator[tuple[IdentityKind, str]]:
        """Whom it is about, the surest first: what stands in an IMPI or IMPU counts where it is an IMSI or a number."""
        if self.imsi:
            yield "imsi", self.imsi
        if self.msisdn:
            yield "msisdn", f"+{self.msisdn.removeprefix('+')}"
        for identity in (self.impi, self.impu):
            user = identity.removeprefix("sip:").removeprefix("sips:").removeprefix("tel:")
            user = user.partition("@")[0].partition(";")[0]
            if _IMSI.fullmatch(user):
                yield "imsi", user
            elif _NUMBER.fullmatch(user):
                yield "msisdn", user


_from_json = msgspec.json.Decoder(RegistrationWord).decode


def parse_word(fields: Mapping[str, Any]) -> RegistrationWord:
    """The word of these fields. Raises: DecodeError naming the field."""
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    try:
        return _named(msgspec.convert(given, RegistrationWord, strict=False))
    except msgspec.ValidationError as error:
        raise fault_of(error) from None


def parse_word_line(line: bytes) -> RegistrationWord:
    """The word that one line of JSON says. Raises: DecodeError naming the field."""
    try:
        return _named(_from_json(line))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise fault_of(error) from None


def read_csv(lines: Iterable[str], file: object) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the line it ends on, by column; what is empty is left out. ``file`` is what messages call it.

    Raises: ConfigError naming file and line, when it is no CSV or has other columns.
    """
    return ((line, row) for line, row in parse_rows(lines, COLUMNS, file) if row)


class Heard(NamedTuple):
    """What follows from a word: the subscriber as it is then (the same object when nothing is new).

    ``stale`` when it is older than what is known, and therefore says nothing.
    """

    subscriber: Subscriber
    stale: bool = False


def hear(subscriber: Subscriber, word: RegistrationWord, now: datetime) -> Heard:
    """What a word on this subscriber's says that was not known.

    A time ahead of ``now`` counts as now; one that is known of, and ahead of ``now``, comes from a clock that was
    wrong, and orders nothing.
    """
    serial = word.imei[:SERIAL_DIGITS]
    at = min(word.at or now, now)
    heard = Registration(service=word.service, state=word.state, at=at, serial=serial, why=word.why)
    known = next((one for one in subscriber.registrations if (one.service, one.serial) == (word.service, serial)), None)
    if known is not None:
        if at < known.at <= now:
            return Heard(subscriber, stale=True)
        if replace(known, at=at) == heard:
            return Heard(subscriber)
    others = tuple(one for one in subscriber.registrations if one is not known)
    return Heard(replace(subscriber, registrations=(*others, heard)[-MAX_REGISTRATIONS:]))


def registration_of(subscriber: Subscriber, service: str, device: Device | None) -> Registration | None:
    """The newest word on this service that is about this device or about no phone in particular; on any without one."""
    about = [one for one in subscriber.registrations if one.service == service]
    if device is not None:
        about = [one for one in about if one.serial in ("", device.imei[:SERIAL_DIGITS])]
    return max(about, key=lambda one: one.at, default=None)


def _named(word: RegistrationWord) -> RegistrationWord:
    if not (word.imsi or word.msisdn or word.impi or word.impu):
        raise DecodeError("names nobody: give an imsi, an msisdn, an impi or an impu")
    return word
