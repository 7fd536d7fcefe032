"""The gateway's settings: ``gateway.toml``, overridden by ``MOGATE_…`` environment variables.

A nested setting is reached with two underscores: ``MOGATE_OMADM__SERVER_ID`` is ``server_id`` of table ``[omadm]``.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from gateway.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ServiceName = Literal["omadm", "rcc14-http", "rcc14-https", "admin"]
Seconds = Annotated[int, Field(gt=0)]
Bytes = Annotated[int, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(_Table):
    """A TCP address to listen on."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"{value!r} is not host:port")
    return {"host": host.strip("[]"), "port": int(port)}


class Listener(_Table):
    """One address with what it serves.

    ``trusted_gateways`` are the peers whose enrichment headers are believed. ``trusted_proxies`` are peers that pass
    clients' requests on: they end TLS where there is no certificate here, and say in X-Forwarded-For whom they heard.
    Clients may show a certificate that an authority in ``client_ca`` issued.
    """

    name: str
    address: Annotated[Address, BeforeValidator(_parse_address)]
    serves: tuple[ServiceName, ...]
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    trusted_gateways: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def url(self) -> str:
        """How it is reached from here, without a path."""
        return f"{'https' if self.certificate else 'http'}://{self.address}"

    @pydantic.model_validator(mode="after")
    def _check(self) -> Listener:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or neither")
        if "rcc14-https" in self.serves and self.certificate is None and not self.trusted_proxies:
            raise ValueError(
                "rcc14-https hands out configurations: it needs certificate and key, or trusted_proxies that end TLS"
            )
        if self.trusted_gateways and "rcc14-http" not in self.serves:
            raise ValueError("trusted_gateways only means something where rcc14-http is served")
        return self


class ReadBack(_Table):
    """When OMA DM devices are asked for what they hold, to find what changed unnoticed.

    Every so many ``seconds``, in the first session after that (0: never); with ``changes`` every value also right after
    the device accepted it.
    """

    seconds: Annotated[int, Field(ge=0)] = 0
    changes: bool = False


class OmaDmModel(_Table):
    """What is known beforehand of devices of one make and model: patterns such as ``Acme`` and ``A*``.

    ``roots`` says where MOs are mounted on them (key of the MO -> URI); ``read_back`` goes before that of all others.
    With ``packages`` "tree" firmware and software is handed to them as large objects, and not fetched by URL.
    """

    manufacturer: Annotated[str, Field(min_length=1)] = "*"
    model: Annotated[str, Field(min_length=1)] = "*"
    roots: dict[str, str] = {}
    read_back: ReadBack | None = None
    packages: Literal["url", "tree"] = "url"


class OmaDm(_Table):
    """OMA DM. ``roots`` says where an MO is mounted on devices that were not asked (key of the MO -> URI), unless one
    of ``models``, the first that matches, says otherwise for them.

    What a new account tells a device: ``server_id``, ``server_name`` for its user, and ``server_address``, the URL it
    posts to (empty: the first listener's, which only does for trials). ``notification_version`` is what package 0 says
    of itself, times ten; ``resync_nonce`` how the nonce 0x00000000 is understood. ``tnds`` is how a bootstrap message
    carries objects: WBXML of its own, inline in the message, or XML.
    ``account_seconds`` is how long an account that was handed out in an RCC.14 document is good for; the first query
    after that brings a new one.

    ``auth`` is what devices that nobody knows are challenged with, so that they cannot be told from others; set it to
    what most devices use. With ``credentials`` "message" a device has to prove itself in every message of a session,
    as it does with a MAC anyhow. ``resp_uri`` is the address devices reach this gateway at; when it is set, they are
    told to send the rest of a session to a URI of its own, so that nobody else can speak in it. For ``resync_seconds``
    after a device was called to agree on nonces anew, it may use that nonce. ``legacy`` lets phones of OMA DM 1.1.2 in.

    Devices fetch packages at ``package_path``, by way of ``package_url`` where that is not the first listener's.
    """

    paths: tuple[str, ...] = ("/omadm",)
    server_id: str = "mogate"
    server_name: str = "MOGate"
    server_address: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""
    notification_version: Annotated[int, Field(ge=1, le=1023)] = 11
    resync_nonce: Literal["octets", "text"] = "octets"
    tnds: Literal["wbxml", "inline", "xml"] = "wbxml"
    session_seconds: Seconds = 900
    auth: Literal["basic", "md5", "mac"] = "md5"
    credentials: Literal["session", "message"] = "session"
    resp_uri: Annotated[str, Field(pattern=r"^(https://[^\s#]+)?$")] = ""
    resync_seconds: Seconds = 3600
    legacy: bool = True
    max_message_bytes: Bytes = 262_144
    max_object_bytes: Bytes = 1_048_576
    max_failed_attempts: Annotated[int, Field(ge=1)] = 3
    roots: dict[str, str] = {}
    models: tuple[OmaDmModel, ...] = ()
    read_back: ReadBack = ReadBack()
    account_seconds: Seconds = 15_552_000
    package_path: Annotated[str, Field(pattern="^/")] = "/packages"
    package_url: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""


class Redirect(_Table):
    """Another RCC.14 server for a share of the clients: ``to`` is ``https://host`` or ``http://host``.

    It counts on the leg of that scheme, for the names in ``hosts`` (none: for all).
    """

    status: Literal[301, 307, 308] = 307
    to: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")]
    hosts: tuple[str, ...] = ()
    share_percent: Annotated[int, Field(ge=0, le=100)] = 100


class OmaCp(_Table):
    """OMA Client Provisioning. ``objects`` are the MOs that go into a document, beside the account.

    ``imsi_key`` is how the IMSI stands in the key of a MAC; a few old phones want its digits.
    """

    objects: tuple[str, ...] = ("connmo-proxy", "connmo-nap")
    imsi_key: Literal["semi-octets", "digits"] = "semi-octets"


Languages = Annotated[dict[str, str], Field(min_length=1)]
"""A text by language tag; the first is for clients that like none of them."""


class Notice(_Table):
    """What clients show their users (MSG), by language, with a button to accept or reject it."""

    title: Languages
    message: Languages
    accept: bool = True
    reject: bool = False

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.title.keys() != self.message.keys():
            raise ValueError("title and message are to be in the same languages")
        return self


class TermsOfUse(Notice):
    """What a user is asked to accept with a first configuration; who accepted one ``edition`` is not asked again."""

    edition: Annotated[str, Field(min_length=1, max_length=40)] = "1"
    reject: bool = True


class Server(_Table):
    """An additional RCC.14 server that clients are to ask for these AppIDs.

    With ``id_provider`` they take their number from it. ``plans`` limits it to subscribers of these plans.
    """

    fqdn: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]
    app_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    id_provider: bool = False
    plans: tuple[str, ...] = ()


class AdditionalServer(_Table):
    """The part of an additional server that this gateway takes, next to another default server or to itself.

    Under the names in ``hosts`` (none: under all) it serves these ``app_ids`` and nothing else: no MSG, no
    ACCESS-CONTROL, and the user's number only as an ``id_provider``.
    """

    hosts: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")], ...] = ()
    app_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    id_provider: bool = False

    def is_meant(self, host: str) -> bool:
        """Whether a request for a server of that name is for this part."""
        return not self.hosts or host in self.hosts


class Rcc14(_Table):
    """RCC.14.

    ``msisdn_headers`` and ``imsi_headers`` are the names the operator's gateways write identities under.
    ``provisioning_versions`` are the releases to serve (none: all); others get 406. ``hosts`` are further names of this
    server, next to those that follow from the operator's networks; with ``other_hosts`` "refuse" a request for any
    other name gets 404. After ``max_restarts`` answers of 511 within ``restart_seconds``, a client gets
    ``after_restarts`` instead. ``max_devices_per_plan`` goes before ``max_devices``. ``notices`` explain to users why
    their service is off, by state. Where there are ``servers``, ``app_ids`` are the AppIDs to ask for here;
    ``additional`` is for a gateway that is such a server itself. ``reconfiguration_word`` is what the message to ask
    anew says behind the identity; servers and AppIDs follow with ``reconfiguration_separator`` before each.
    """

    paths: tuple[str, ...] = ("/", "/config", "/rcs/config")
    hosts: tuple[str, ...] = ()
    other_hosts: Literal["serve", "refuse"] = "serve"
    redirects: tuple[Redirect, ...] = ()
    msisdn_headers: tuple[str, ...] = ("X-MSISDN",)
    imsi_headers: tuple[str, ...] = ("X-IMSI",)
    provisioning_versions: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?$")], ...] = ()
    strict_vers: bool = False
    cookie_name: str = "acs"
    cookie_seconds: Seconds = 300
    token_seconds: Seconds = 2_592_000
    validity_seconds: Seconds = 1_209_600
    validity_jitter_percent: Annotated[int, Field(ge=0, le=50)] = 10
    retry_after_seconds: Seconds = 30
    max_restarts: Annotated[int, Field(ge=1)] = 5
    restart_seconds: Seconds = 300
    after_restarts: Literal[403, 503] = 503
    max_devices: Annotated[int, Field(ge=1, le=1000)] = 20
    max_devices_per_plan: dict[str, Annotated[int, Field(ge=1, le=1000)]] = {}
    default_applications: tuple[str, ...] = ("ims", "rcs")
    always_applications: tuple[str, ...] = ("dmacc",)
    terms: TermsOfUse | None = None
    notices: dict[Literal["disabled", "disabled_permanently", "disabled_until_user"], Notice] = {}
    app_ids: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    additional: AdditionalServer | None = None
    reconfiguration_word: Literal["rcscfg", "rcsconfiguration"] = "rcscfg"
    reconfiguration_separator: Annotated[str, Field(pattern="^[,; ]$")] = ","


class SmsHttp(_Table):
    """An HTTP gateway for short messages, with ``bearer = "http"``.

    ``kind`` "kannel" asks as Kannel's sendsms wants it. "template" sends ``method``, ``headers`` and ``body`` to
    ``url``, where ``{to}``, ``{sender}``, ``{text}``, ``{udh}`` and ``{data}`` (hexadecimal), ``{coding}`` (TP-DCS),
    ``{validity_seconds}``, ``{username}`` and ``{password}`` stand for what is sent, quoted as the URL, or the
    Content-Type of the body, needs it; ``accepted_pattern`` is to be found in the answer to what was taken.
    ``password_file`` and ``authority``, of the certificate authority where it is none of the usual ones, are in the
    data directory.
    """

    kind: Literal["kannel", "template"] = "kannel"
    url: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    authority: Path | None = None
    seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = {}
    body: str = ""
    accepted_pattern: str = ""


class SmppLink(_Table):
    """One bind to an SMSC by SMPP 3.4, with ``bearer = "smpp"``; several share the load.

    ``password_file`` is in the data directory. ``bind`` "rx" only takes receipts. With ``tls`` the SMSC's certificate
    has to be of an authority that the system trusts. ``window`` is how many messages may wait for an answer at once,
    each ``response_seconds`` at most. ``receipt_ids`` is how receipts write the ids that submit_sm_resp gives: the same
    way, or in the other one of decimal and hexadecimal. Links to one SMSC among several have the same ``smsc``.
    """

    name: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,40}$")]
    address: Annotated[Address, BeforeValidator(_parse_address)]
    system_id: Annotated[str, Field(max_length=15)]
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    system_type: Annotated[str, Field(max_length=12)] = ""
    bind: Literal["trx", "tx", "rx"] = "trx"
    tls: bool = False
    window: Annotated[int, Field(ge=1, le=1000)] = 10
    bind_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    response_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    receipt_ids: Literal["same", "hexadecimal", "decimal"] = "same"
    smsc: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{0,40}$")] = ""


class Sms(_Table):
    """Short messages. ``bearer`` carries them: "file" writes them to ``sms.jsonl`` in the data directory, for labs.

    ``sender`` is the number or name that they come from. ``push_source_port`` is the port that pushes come from.
    ``wide_references`` tells the parts of a long message by 16 bits instead of 8. ``octet_coding`` is the TP-DCS of
    octets: 4, or 245 where the SMSC wants a message class. A push is good for ``validity_seconds`` at the SMSC; as long
    as none has taken it, it is tried again after ``retry_seconds``, and then each time after twice as long, up to
    ``max_retry_seconds``, until ``deadline_seconds`` after the order. ``receipts`` asks for a word on its delivery.
    """

    bearer: Literal["none", "file", "http", "smpp"] = "none"
    sender: Annotated[str, Field(max_length=20)] = ""
    push_source_port: Annotated[int, Field(ge=0, le=65535)] = 9200
    wide_references: bool = False
    octet_coding: Literal[4, 245] = 4
    validity_seconds: Annotated[int, Field(ge=60, le=2_419_200)] = 86_400
    receipts: bool = True
    retry_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
    max_retry_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    deadline_seconds: Seconds = 3600
    http: SmsHttp = SmsHttp()
    smpp: tuple[SmppLink, ...] = ()


class Otp(_Table):
    """One-time passwords by SMS, for RCC.14 clients that nothing else vouches for; needs a bearer in ``[sms]``.

    ``attempts`` is how often one code may be tried. In each ``window_seconds``, ``per_msisdn``, ``per_imsi`` and
    ``per_address`` codes are sent for one number, SIM and client address (0: no limit). ``ports`` "text" sends every
    code as text for the user, whatever port a client asks for. ``unknown_numbers`` "silent" answers a number that is
    nobody's as if a code were on its way, "refuse" answers 403. ``texts`` are by language, the first for clients that
    like none of them; ``{code}`` stands for the code and ``{page}`` for the address of the page to enter it on.
    """

    digits: Annotated[int, Field(ge=6, le=10)] = 6
    seconds: Seconds = 600
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    window_seconds: Seconds = 3600
    per_msisdn: Annotated[int, Field(ge=1, le=100)] = 5
    per_imsi: Annotated[int, Field(ge=0, le=100)] = 5
    per_address: Annotated[int, Field(ge=0, le=100)] = 30
    ports: Literal["client", "text"] = "client"
    unknown_numbers: Literal["silent", "refuse"] = "silent"
    texts: Annotated[dict[str, str], Field(min_length=1)] = {
        "en": "{code} is your code to set up messaging. Never pass it on.",
        "de": "{code} ist Ihr Code zum Einrichten der Nachrichten. Geben Sie ihn nie weiter.",
    }

    @pydantic.field_validator("texts")
    @classmethod
    def _check_texts(cls, texts: dict[str, str]) -> dict[str, str]:
        for language, text in texts.items():
            if "{code}" not in text:
                raise ValueError(f"the text for {language} does not say {{code}}")
        return texts


PAGE_TEXTS = (
    *("title", "intro", "number", "code", "button"),
    *("sure", "unnamed", "yes", "no"),
    *("done", "denied", "wrong", "wait"),
)


class Page(_Table):
    """The web page for entering a code, next to RCC.14 on its TLS listeners; an empty ``path`` leaves it out.

    ``url`` is what ``{page}`` stands for in the SMS. ``texts`` are by language and name, the first language for
    browsers that like none of them. In ``sure``, ``{device}``, ``{number}`` and ``{time}`` stand for the
    client that waits.
    """

    path: Annotated[str, Field(pattern="^(/[A-Za-z0-9._~/-]+)?$")] = "/verify"
    url: str = ""
    texts: Annotated[dict[str, dict[str, str]], Field(min_length=1)] = {
        "en": {
            "title": "Set up messaging",
            "intro": "Enter your number with its country code, and the code that we sent to it.",
            "number": "Mobile number",
            "code": "Code",
            "button": "Confirm",
            "sure": "{device} asked on {time} to be set up for {number}. Is that your device?",
            "unnamed": "A device without a name",
            "yes": "Yes, set it up",
            "no": "No, it is not mine",
            "denied": "It will not be set up. If you did not ask for a code yourself, give yours to nobody.",
            "done": "Thank you. Your phone will finish setting up by itself.",
            "wrong": "This number and code do not fit together, or the code is too old. Try again.",
            "wait": "That was too often. Wait an hour and try again.",
        },
        "de": {
            "title": "Nachrichten einrichten",
            "intro": "Geben Sie Ihre Nummer mit Landesvorwahl und den Code ein, den wir an sie gesandt haben.",
            "number": "Mobilnummer",
            "code": "Code",
            "button": "Bestätigen",
            "sure": "{device} wollte am {time} für {number} eingerichtet werden. Ist das Ihr Gerät?",
            "unnamed": "Ein Gerät ohne Namen",
            "yes": "Ja, einrichten",
            "no": "Nein, das ist nicht meines",
            "denied": "Es wird nicht eingerichtet. Wenn Sie keinen Code angefordert haben, geben Sie Ihren niemandem.",
            "done": "Vielen Dank. Ihr Telefon richtet sich nun selbst fertig ein.",
            "wrong": "Nummer und Code passen nicht zueinander, oder der Code ist zu alt. Versuchen Sie es noch einmal.",
            "wait": "Das war zu oft. Versuchen Sie es in einer Stunde noch einmal.",
        },
    }

    @pydantic.field_validator("texts")
    @classmethod
    def _check_texts(cls, texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for language, named in texts.items():
            if set(named) != set(PAGE_TEXTS):
                raise ValueError(f"the texts for {language} are to be {', '.join(PAGE_TEXTS)}, no more and no fewer")
        return texts


class Load(_Table):
    """When front ends of devices turn requests away with 503: so many under way at once, or the process so late.

    For ``drain_seconds`` after SIGTERM everything is still answered, with the word to come elsewhere next time, and
    ``/readyz`` says that the process ends: set it to what load balancers in front need to notice.
    """

    max_in_flight: Annotated[int, Field(ge=1)] = 2000
    max_lag_seconds: Annotated[float, Field(gt=0)] = 1.0
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0


class EapAka(_Table):
    """SIM authentication by EAP-AKA and EAP-AKA', for RCC.14 clients that send EAP_ID.

    ``server`` "embedded" makes the gateway itself the authentication centre for SIMs whose keys it was given, "radius"
    asks the servers of ``[[aaa]]``, in their order, each ``tries`` times ``retry_seconds`` apart. ``aka_prime`` says
    whether the embedded server offers AKA', with ``network_name`` as the name of the access network. ``seconds`` is how
    long a client may take to answer.
    """

    server: Literal["none", "embedded", "radius"] = "none"
    aka_prime: bool = True
    network_name: Annotated[str, Field(min_length=1, max_length=200)] = "WLAN"
    seconds: Seconds = 60
    nas_identifier: Annotated[str, Field(min_length=1, max_length=200)] = "mogate"
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    retry_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0


class Aaa(_Table):
    """One AAA server that speaks RADIUS. ``secret`` is the file, in the data directory, with the secret it shares."""

    address: Annotated[Address, BeforeValidator(_parse_address)]
    secret: Path


class Openid(_Table):
    """Log-in at the operator's OpenID provider, for RCC.14 clients that nothing else vouches for; off without
    ``issuer``.

    ``secret`` is the file, in the data directory, with the client's secret; ``authority`` the one of the provider's
    certificate authority, where it is none of the usual ones. ``redirect_uri`` is this gateway's own address, exactly
    as the provider has it. ``number_claim`` and ``imsi_claim`` name the claims to know the subscriber by (empty: not
    looked for), in the id_token or, with ``userinfo``, in what the provider says besides.
    """

    issuer: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    client_id: str = ""
    secret: Path | None = None
    redirect_uri: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    scope: str = "openid phone"
    acr_values: str = ""
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"], ...] = ("RS256", "ES256")
    number_claim: str = "phone_number"
    imsi_claim: str = ""
    userinfo: bool = False
    seconds: Seconds = 600
    authority: Path | None = None


class Gba(_Table):
    """GBA for RCC.14 clients that announce ``3gpp-gba``; off without ``bsf``, the address that keys are asked for at.

    ``naf`` is this gateway's own name as phones contact it. ``ciphersuite`` is that of its TLS in four hexadecimal
    digits: phones bind their keys to the one they negotiated, so the listener should leave them no choice.
    ``authority``, ``certificate`` and ``key`` are files in the data directory for TLS with the BSF.
    """

    bsf: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    naf: Annotated[str, Field(pattern="^[A-Za-z0-9.-]*$")] = ""
    ciphersuite: Annotated[str, Field(pattern="^[0-9A-Fa-f]{4}$")] = "c02f"
    nonce_seconds: Seconds = 120
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> Gba:
        if self.bsf and not self.naf:
            raise ValueError("a NAF needs a name: set naf to this gateway's own")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or neither")
        return self


class Detection(_Table):
    """Detection of first use.

    ``rules`` is the file that says what follows from what. With ``unknown_subscribers`` "create" a SIM that nobody
    entered becomes a subscriber when it is seen. ``spool`` is a directory in which other systems leave files of
    sightings: CSV, JSON lines, MAP messages, captures of SIGTRAN. It is looked at every ``spool_poll_seconds``; files
    that were applied are kept for ``spool_keep_days``. A relative ``spool`` is in the data directory.
    """

    rules: Path | None = None
    unknown_subscribers: Literal["ignore", "create"] = "ignore"
    spool: Path | None = None
    spool_poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    spool_keep_days: Annotated[int, Field(ge=0, le=3650)] = 7


class Operator(_Table):
    """The operator's own networks: PLMNs as MCC and MNC together, which also tells how long an MNC is."""

    plmns: Annotated[tuple[Annotated[str, Field(pattern="^[0-9]{5,6}$")], ...], Field(min_length=1)] = ("00101",)


class Catalogue(_Table):
    """Further DDF directories; and MO identifiers for the shipped DDFs that have none (key of the MO -> identifier)."""

    directories: tuple[Path, ...] = ()
    identifiers: dict[str, str] = {}


class Store(_Table):
    """Where the state is kept: ``url`` is "sqlite" (a file in the data directory) or says which Redis or Valkey.

    ``redis://user@host:6379/0`` is one server, ``redis+sentinel://host,host,host/primary-name/0`` the primary that
    Sentinels name, ``redis+cluster://host,host`` a Cluster; ``rediss`` is the same with TLS, checked against
    ``authority`` or else the system's authorities. Passwords come from the environment or from files, and
    ``password_file`` and ``sentinel_password_file`` are relative to ``data``, as is ``authority``. Gateways that share
    state share ``namespace`` too. A write is answered when ``replicas`` more servers have it. ``durability`` is what a
    server must do at least before it answers a write: write it to disk ("always"), or within a second ("second");
    "any" takes it as it is. A server that is silent for ``timeout_seconds`` counts as gone. The log keeps at least
    ``events``.
    """

    url: str = "sqlite"
    namespace: Annotated[str, Field(pattern="^[A-Za-z0-9:._-]*$")] = "mogate:"
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    sentinel_password: SecretStr = SecretStr("")
    sentinel_password_file: Path | None = None
    authority: Path | None = None
    durability: Literal["always", "second", "any"] = "always"
    replicas: Annotated[int, Field(ge=0, le=10)] = 0
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    events: Annotated[int, Field(ge=1000)] = 1_000_000


class Reach(_Table):
    """Making devices call.

    A device is pushed to up to ``attempts`` times, ``retry_seconds`` after the first attempt and then each time after
    twice as long, up to ``max_retry_seconds``; ``deadline_seconds`` after the order it is given up. Each process makes
    at most ``per_second`` pushes a second. From ``quiet_from`` to ``quiet_until``, such as "22:00" and "07:00" in
    ``timezone``, none is made. Whether a device has called is looked at after ``check_seconds``, and then ever more
    rarely.

    ``first`` is for devices that speak nothing yet: an account by OMA CP ("bootstrap") and then package 0, the settings
    alone ("cp"), the message for RCC.14 clients ("rcscfg"), or nothing but their own call ("wait"). Phones of
    ``legacy_tacs`` (first eight digits of the IMEI) get the settings alone.
    """

    first: Literal["bootstrap", "cp", "rcscfg", "wait"] = "wait"
    legacy_tacs: tuple[Annotated[str, Field(pattern="^[0-9]{8}$")], ...] = ()
    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    retry_seconds: Annotated[float, Field(gt=0)] = 3600.0
    max_retry_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    deadline_seconds: Seconds = 604_800
    check_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    per_second: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    quiet_from: datetime.time | None = None
    quiet_until: datetime.time | None = None
    timezone: str = "UTC"

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until belong together: set both or neither")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet_from and quiet_until are the same: that leaves no time, or no quiet")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"there is no timezone {self.timezone[:40]!r}") from None
        return self


class Events(_Table):
    """The log of what happened to subscribers and devices: events are dropped after ``keep_days``."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 400


class Logging(_Table):
    """Logs. Subscriber identities are masked unless ``identities`` is "plain"."""

    identities: Literal["masked", "plain"] = "masked"
    format: Literal["json", "console"] = "json"


class Admin(_Table):
    """The admin API. People who log in with a browser stay so for ``session_seconds``.

    With ``reason`` "required" every change has to say why, for the audit log.
    """

    reason: Literal["optional", "required"] = "optional"
    session_seconds: Seconds = 28_800


class Trace(_Table):
    """Which exchanges with devices are kept to be shown: all, those in which something failed, or none.

    Whatever the mode but "off", a device whose trace is armed is traced in full. ``keep_messages`` are the newest of
    each device, ``keep_days`` their life. ``max_bytes`` are the most octets taken up in one second; what is said beyond
    is served and not traced.
    """

    mode: Literal["all", "failed", "armed", "off"] = "failed"
    keep_messages: Annotated[int, Field(ge=2)] = 100
    keep_days: Annotated[int, Field(ge=1)] = 7
    max_bytes: Bytes = 1_048_576


class Settings(BaseSettings):
    """Everything an operator can set.

    Paths are relative to the settings file, except ``data``, which is relative to where the gateway is started, and
    certificates and keys, which are relative to ``data``. ``seal_key`` seals the secrets in the store: every gateway on
    one store has the same.
    """

    model_config = SettingsConfigDict(env_prefix="MOGATE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    data: Path = Path("data")
    seal_key: Path = Path("seal.key")
    profiles: Path = Path("profiles")
    mapping: Path = Path("mapping")
    mo: Path = Path("mo")
    operator: Operator = Operator()
    catalogue: Catalogue = Catalogue()
    store: Store = Store()
    listeners: tuple[Listener, ...] = ()
    omadm: OmaDm = OmaDm()
    omacp: OmaCp = OmaCp()
    rcc14: Rcc14 = Rcc14()
    sms: Sms = Sms()
    otp: Otp = Otp()
    page: Page = Page()
    load: Load = Load()
    eap_aka: EapAka = EapAka()
    aaa: tuple[Aaa, ...] = ()
    openid: Openid = Openid()
    gba: Gba = Gba()
    reach: Reach = Reach()
    events: Events = Events()
    detection: Detection = Detection()
    admin: Admin = Admin()
    logging: Logging = Logging()
    trace: Trace = Trace()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    def listener_for(self, service: ServiceName) -> Listener | None:
        """The first listener that serves it, or None."""
        return next((listener for listener in self.listeners if service in listener.serves), None)

    def package_url(self) -> str:
        """Where devices fetch packages: the path for it beside the address that accounts give devices."""
        if self.omadm.package_url:
            return self.omadm.package_url
        listener = self.listener_for("omadm")
        return (listener.url if listener else "") + self.omadm.package_path

    def omadm_address(self) -> str:
        """The URL that a new account gives devices; empty when no listener serves OMA DM and none is set."""
        listener = self.listener_for("omadm")
        if self.omadm.server_address or listener is None:
            return self.omadm.server_address
        return listener.url + self.omadm.paths[0]


def find_settings_file() -> Path:
    """``MOGATE_CONFIG`` if set, else ``config/gateway.toml`` here, else the one that was installed with the package.

    Raises: ConfigError when there is none.
    """
    if named := os.environ.get("MOGATE_CONFIG"):
        return Path(named)
    for candidate in (Path("config/gateway.toml"), Path(sys.prefix) / "share/mogate/config/gateway.toml"):
        if candidate.is_file():
            return candidate
    raise ConfigError("found no config/gateway.toml; name one with MOGATE_CONFIG")


def load_settings(file: Path) -> Settings:
    """The settings of that file and of the environment.

    Raises: ConfigError naming the file and the key.
    """
    if not file.is_file():
        raise ConfigError("there is no such file; name the settings file with MOGATE_CONFIG", file=file)
    try:
        content: dict[str, Any] = dict(TomlConfigSettingsSource(Settings, file)())
    except ValueError as error:
        raise ConfigError(f"is not TOML: {error}", file=file) from None
    try:
        settings = Settings(**content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(first["msg"].removeprefix("Value error, "), file=file, key=key) from None
    return _anchored(settings, file.resolve().parent)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings with absolute paths."""
    data = settings.data.absolute()
    listeners = tuple(
        listener.model_copy(
            update={
                "certificate": listener.certificate and data / listener.certificate,
                "key": listener.key and data / listener.key,
                "client_ca": listener.client_ca and data / listener.client_ca,
            }
        )
        for listener in settings.listeners
    )
    directories = tuple(folder / directory for directory in settings.catalogue.directories)
    return settings.model_copy(
        update={
            "data": data,
            "seal_key": data / settings.seal_key,
            "store": settings.store.model_copy(
                update={
                    name: file and data / file
                    for name in ("password_file", "sentinel_password_file", "authority")
                    if (file := getattr(settings.store, name)) is not None
                }
            ),
            "listeners": listeners,
            "gba": settings.gba.model_copy(
                update={
                    "authority": settings.gba.authority and data / settings.gba.authority,
                    "certificate": settings.gba.certificate and data / settings.gba.certificate,
                    "key": settings.gba.key and data / settings.gba.key,
                }
            ),
            "openid": settings.openid.model_copy(
                update={
                    "secret": settings.openid.secret and data / settings.openid.secret,
                    "authority": settings.openid.authority and data / settings.openid.authority,
                }
            ),
            "sms": _anchored_sms(settings.sms, data),
            "aaa": tuple(one.model_copy(update={"secret": data / one.secret}) for one in settings.aaa),
            "detection": settings.detection.model_copy(
                update={
                    "rules": settings.detection.rules and folder / settings.detection.rules,
                    "spool": settings.detection.spool and data / settings.detection.spool,
                }
            ),
            "profiles": folder / settings.profiles,
            "mapping": folder / settings.mapping,
            "mo": folder / settings.mo,
            "catalogue": settings.catalogue.model_copy(update={"directories": directories}),
        }
    )


def _anchored_sms(sms: Sms, data: Path) -> Sms:
    http = sms.http.model_copy(
        update={
            "password_file": sms.http.password_file and data / sms.http.password_file,
            "authority": sms.http.authority and data / sms.http.authority,
        }
    )
    links = tuple(
        link.model_copy(update={"password_file": link.password_file and data / link.password_file}) for link in sms.smpp
    )
    return sms.model_copy(update={"http": http, "smpp": links})


def read_password(value: SecretStr, file: Path | None, key: str) -> str:
    """A password of the settings: what the file says where there is one, else the value.

    Raises: ConfigError when the file cannot be read.
    """
    if file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the password: {error}", file=file, key=key) from None
