"""Devices: one handset (or tablet, watch, …) of one subscriber, and what each protocol knows of it."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from gateway.fleet.job import Job
from gateway.fleet.subscriber import Overrides, ServiceState, Subscriber
from gateway.tree.uri import UriLimits

AuthType = Literal["basic", "md5", "mac"]

SERIAL_DIGITS = 14
"""So many digits of an IMEI or IMEISV name the phone."""
IMEI_DIGITS = 15


def is_one_phone(one: str, other: str) -> bool:
    """Whether both name one phone: the last digits are a check digit in an IMEI, a software version in an IMEISV.

    Spec: 3GPP TS 23.003 6.2
    """
    return one[:SERIAL_DIGITS] == other[:SERIAL_DIGITS]


def format_imei(digits: str) -> str:
    """The IMEI, with its check digit, of the phone that an IMEI or IMEISV names.

    Spec: 3GPP TS 23.003 6.2, annex B
    """
    serial = digits[:14]
    doubled = [int(digit) * 2 if place % 2 else int(digit) for place, digit in enumerate(serial)]
    total = sum(number // 10 + number % 10 for number in doubled)
    return f"{serial}{-total % 10}"


def imei_of(name: str) -> str:
    """The IMEI in what a phone calls itself over OMA DM, or the empty string.

    Spec: OMA-TS-DM_StdObj-V1_2 (DevId)
    """
    scheme, _, digits = name.partition(":")
    fits = SERIAL_DIGITS <= len(digits) <= IMEI_DIGITS + 1 and digits.isascii() and digits.isdecimal()
    return digits if scheme.upper() == "IMEI" and fits else ""


def account_digest(name: str, password: str) -> str:
    """What is kept in place of a password: ``B64(MD5(name ":" password))``, all that basic and md5 checks need.

    Spec: OMA-TS-DM_Security-V1_2 5.3
    """
    digest = hashlib.md5(f"{name}:{password}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


class Credential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One direction of an OMA DM account.

    ``secret`` is the account digest sealed by the gateway's key, never the password. ``nonce`` and ``previous_nonce``
    are raw octets. ``password`` is sealed too, and only there where the gateway has to prove itself by basic.

    Spec: OMA-TS-DM_Security-V1_2 5.3
    """

    name: str
    secret: bytes
    nonce: bytes = b""
    previous_nonce: bytes = b""
    password: bytes = b""


class AccountPair(msgspec.Struct, frozen=True):
    """Both directions of an account that a device was given and has not used yet."""

    client: Credential
    server: Credential


class OmaDmState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The OMA DM side of a device.

    ``client`` proves the device to the gateway, ``server`` the gateway to the device. ``roots`` says where MOs are
    mounted on this device, as it said itself when it was asked (``roots_sought``; ``names_sought`` are nodes of which
    it has yet to tell the Type). ``synced`` is the configuration key the device was last brought up to,
    ``read_back_at`` when all that was last read to be compared, ``described`` a digest of what it said of itself,
    ``opening`` the words in which it opened a session with nothing new to say of that, and ``answered`` the message and
    the session of its last call if that ended with the answer, for the adapter to read.
    ``refused_verbs`` are commands this device answered 406 to, and is not sent any more until it says something new of
    itself. ``account_serial`` numbers the accounts that the gateway made for this device by itself, ``account_made_at``
    is absent when the one in force was ordered by somebody; ``pending`` is a newer account, which takes its place when
    it is first used. ``reset_at`` is when the device took a factory reset on, until it has that behind it.

    ``auth`` is what the device is challenged with, ``server_auth`` how the gateway proves itself to it.
    ``certificate`` is the SHA-256 fingerprint, in hexadecimal, of the TLS certificate that proves this device, and
    ``certificate_subject`` the subject of any that does, as RFC 4514 writes it; with ``certificate_required`` nothing
    else does. ``resync_at`` is when the device was last called to agree on nonces
    anew. ``large_objects`` says whether it takes values in parts, ``uri_limits`` how long its URIs may be (None: it was
    not asked), ``serializes`` that it has shown a subtree as TNDS.
    """

    loc_uri: str
    client: Credential
    server: Credential | None = None
    auth: AuthType = "md5"
    server_auth: AuthType = "md5"
    certificate: str = ""
    certificate_subject: str = ""
    certificate_required: bool = False
    resync_at: datetime | None = None
    large_objects: bool | None = None
    uri_limits: UriLimits | None = None
    serializes: bool = False
    roots: dict[str, str] = {}
    roots_sought: bool = False
    names_sought: tuple[str, ...] = ()
    synced: str = ""
    read_back_at: datetime | None = None
    described: bytes = b""
    opening: bytes = b""
    answered: bytes = b""
    refused_verbs: tuple[str, ...] = ()
    last_session_at: datetime | None = None
    account_serial: int = 0
    account_made_at: datetime | None = None
    pending: AccountPair | None = None
    reset_at: datetime | None = None


class Content(msgspec.Struct, frozen=True):
    """What a client was sent: ``digest`` identifies it, ``key`` the inputs it came from.

    Spec: RCC.14 VERS
    """

    version: int
    digest: bytes
    key: str


class Rcc14State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The RCC.14 side of a device.

    ``version`` counts the contents that its clients were to hold; ``contents`` are the newest, by what a client wishes:
    its release and its applications. ``sent_version`` was last handed out in full, ``reported_version`` is what a
    client last said it holds. ``token_serial`` numbers the tokens issued (0: none); the token itself is computed, not
    kept; without ``token_issued_at`` none is good. ``parameters`` are what the client last said of itself, ``unknown``
    what else it sent. ``imsi`` is the subscriber's SIM that was last proven to be in this device (empty: none was).
    ``additional`` when it has proven itself by a code alone, as a device without a SIM of the subscriber's does.
    ``told_to_wait`` is the wish of the client that was told to wait for its user, empty when none was; ``woken`` when
    that user then asked for what was disabled until then. ``terms_sent`` and ``terms_accepted`` are
    editions of the terms of use. ``ims_serial`` numbers the Digest credentials for IMS that the gateway made for it
    (0: none); the password is computed, not kept. ``settled`` identifies the question that was answered last without a
    change, and all that its answer followed from.

    Spec: RCC.14 VERS, TOKEN
    """

    version: int = 0
    contents: dict[str, Content] = {}
    sent_version: int = 0
    sent_at: datetime | None = None
    reported_version: int | None = None
    reported_at: datetime | None = None
    token_serial: int = 0
    token_issued_at: datetime | None = None
    parameters: dict[str, str] = {}
    unknown: dict[str, str] = {}
    imsi: str = ""
    additional: bool = False
    told_to_wait: str = ""
    woken: bool = False
    terms_sent: str = ""
    terms_accepted: str = ""
    ims_serial: int = 0
    settled: bytes = b""

    def without_tokens(self) -> Rcc14State:
        """The state in which no token that was ever issued is good: not the newest, nor as the one before the next."""
        if self.token_issued_at is None:
            return self
        return replace(self, token_serial=self.token_serial + 1, token_issued_at=None)


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device. ``id`` is ``<subscriber id>.<n>``, so that all of a subscriber's data is found from any device id.

    ``edition`` is the campaign that gave it a new edition of the profiles, while not everybody has that.
    ``disproved`` are protocols that it did not come over in spite of pushes; where it did since, that counts.
    ``jobs`` are those that run and the last that ended, oldest first.
    ``state`` is the network's wish for this device alone (None: the subscriber's). ``traced_until`` is the end of the
    time for which somebody asked to see everything said with this device. ``sealed`` is the store's own; ``revision``
    is its compare-and-set counter (0 until first saved).
    """

    id: str
    imei: str = ""
    manufacturer: str = ""
    model: str = ""
    software: str = ""
    friendly_name: str = ""
    overrides: Overrides = {}
    state: ServiceState | None = None
    omadm: OmaDmState | None = None
    rcc14: Rcc14State | None = None
    edition: str = ""
    disproved: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    traced_until: datetime | None = None
    content_revision: int = 1
    sealed: bytes = b""
    revision: int = 0

    @property
    def subscriber_id(self) -> str:
        """The id of the subscriber this device belongs to."""
        return self.id.rpartition(".")[0]

    @property
    def role(self) -> Literal["primary", "additional"]:
        """``additional`` for one that speaks RCC.14 for its subscriber without a SIM of theirs.

        Spec: RCC.15 2.1.2
        """
        return "additional" if self.rcc14 is not None and self.rcc14.additional else "primary"

    @property
    def tac(self) -> str:
        """The Type Allocation Code: the first eight digits of the IMEI, or the empty string."""
        return self.imei[:8]


def sim_of(subscriber: Subscriber, device: Device) -> str:
    """The IMSI of the SIM in the device: that which was last proven to be there, else the subscriber's first."""
    proven = device.rcc14.imsi if device.rcc14 else ""
    return proven if proven in subscriber.imsis else subscriber.imsi
