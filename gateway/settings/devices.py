"""Settings of OMA DM and OMA CP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.settings.base import Bytes, Seconds, Table
from gateway.settings.shadow import OldDmServer


class ReadBack(Table):
    """When OMA DM devices are asked for what they hold, to find what changed unnoticed.

    Every so many ``seconds``, in the first session after that (0: never); with ``changes`` every value also right after
    the device accepted it.
    """

    seconds: Annotated[int, Field(ge=0)] = 0
    changes: bool = False


class Diagnostics(Table):
    """What the nodes of a diagnostic function (DiagMon) are called, as paths below its node.

    Executing ``start`` and ``stop`` does that; below ``config`` is what it takes, ``data`` has what it measured,
    ``status`` how it is.
    """

    start: Annotated[str, Field(min_length=1)] = "Operations/Start"
    stop: Annotated[str, Field(min_length=1)] = "Operations/Stop"
    config: Annotated[str, Field(min_length=1)] = "DiagMonConfig/ConfigParms"
    data: Annotated[str, Field(min_length=1)] = "DiagMonData"
    status: Annotated[str, Field(min_length=1)] = "Status"


class OmaDmModel(Table):
    """What is known beforehand of devices of one make and model: patterns such as ``Acme`` and ``A*``.

    ``roots`` says where MOs are mounted on them (key of the MO -> URI); ``read_back`` goes before that of all others.
    With ``packages`` "tree" firmware and software is handed to them as large objects, and not fetched by URL.
    ``subtrees`` is how a whole new subtree is added in one command: as TNDS in WBXML of its own, inline in the message,
    or in XML; "auto" does so, as ``omadm.tnds`` has it, for a device that has once answered with a subtree as TNDS,
    "off" for none. With ``replaces_subtrees`` an object of which most changes is replaced as a whole in the same way,
    if the gateway knows all that is in it. A device that refuses either gets the nodes one by one from then on.
    ``updates`` starts a firmware update when a device, or its user, asks for one: a pattern for the software that it
    has -> the package (name or name@version). The first that matches counts; "*" also matches software nobody knows.
    ``diagnostics`` is what the nodes of DiagMon are called on them, all of which ``omadm.diagnostics`` has otherwise.
    ``auth`` is how they prove themselves with an account that is made without a word on that, which is md5 for others;
    ``legacy`` lets those of OMA DM 1.1.2 in, or keeps them out, whatever ``omadm.legacy`` says.
    ``notification_version``, ``resync_nonce`` and ``tnds`` go before those of ``omadm``, and ``imsi_key`` before that
    of ``omacp``, in what is pushed to them; ``namespaces`` goes before that of ``omadm`` in what they get in XML.
    """

    manufacturer: Annotated[str, Field(min_length=1)] = "*"
    model: Annotated[str, Field(min_length=1)] = "*"
    roots: dict[str, str] = {}
    read_back: ReadBack | None = None
    packages: Literal["url", "tree"] = "url"
    subtrees: Literal["auto", "off", "wbxml", "inline", "xml"] = "auto"
    replaces_subtrees: bool = False
    updates: dict[str, str] = {}
    diagnostics: Diagnostics | None = None
    auth: Literal["basic", "md5", "mac"] | None = None
    legacy: bool | None = None
    namespaces: bool | None = None
    notification_version: Annotated[int, Field(ge=1, le=1023)] | None = None
    resync_nonce: Literal["octets", "text"] | None = None
    tnds: Literal["wbxml", "inline", "xml"] | None = None
    imsi_key: Literal["semi-octets", "digits"] | None = None


class OmaDm(Table):
    """OMA DM. ``roots`` says where an MO is mounted on devices that were not asked (key of the MO -> URI), unless one
    of ``models``, the first that matches, says otherwise for them. One that ends in ``/<X>`` is any node below: that
    which has the object's key, an access point's ``NAPID``.

    What a new account tells a device: ``server_id``, ``server_name`` for its user, and ``server_address``, the URL it
    posts to (empty: the first listener's, which only does for trials). ``notification_version`` is what package 0 says
    of itself, times ten; ``resync_nonce`` how the nonce 0x00000000 is understood. ``tnds`` is how a message
    carries serialized objects: WBXML of its own, inline in the message, or XML.
    ``account_seconds`` is how long an account that was handed out in an RCC.14 document is good for; the first query
    after that brings a new one.

    ``auth`` is what devices that nobody knows are challenged with, so that they cannot be told from others; set it to
    what most devices use. With ``credentials`` "message" a device has to prove itself in every message of a session,
    as it does with a MAC anyhow. ``resp_uri`` is the address devices reach this gateway at; when it is set, they are
    told to send the rest of a session to a URI of its own, so that nobody else can speak in it. For ``resync_seconds``
    after a device was called to agree on nonces anew, it may use that nonce. ``legacy`` lets phones of OMA DM 1.1.2 in.
    Without ``namespaces`` messages in XML go out undeclared (no ``xmlns``), for phones that stumble over them.

    Devices fetch packages at ``package_path``, by way of ``package_url`` where that is not the first listener's.
    ``old_server`` answers those that come by a listener of ``omadm-shadow``.

    A command that ``model_refusals`` devices of one make and model have refused altogether (406) is not sent to others
    of it (0: each device refuses it for itself). What a device leaves without any answer ``max_tries`` times is left
    alone: a value for ``quarantine_seconds``, an operation that somebody queued for good.
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
    namespaces: bool = True
    max_message_bytes: Bytes = 262_144
    max_object_bytes: Bytes = 1_048_576
    max_failed_attempts: Annotated[int, Field(ge=1)] = 3
    roots: dict[str, str] = {}
    models: tuple[OmaDmModel, ...] = ()
    read_back: ReadBack = ReadBack()
    diagnostics: Diagnostics = Diagnostics()
    account_seconds: Seconds = 15_552_000
    model_refusals: Annotated[int, Field(ge=0, le=100)] = 3
    max_tries: Annotated[int, Field(ge=1, le=100)] = 3
    quarantine_seconds: Seconds = 86_400
    package_path: Annotated[str, Field(pattern="^/")] = "/packages"
    package_url: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""
    old_server: OldDmServer | None = None


class OmaCp(Table):
    """OMA Client Provisioning. ``objects`` are the MOs that go into a document, beside the account.

    ``imsi_key`` is how the IMSI stands in the key of a MAC; a few old phones want its digits.
    """

    objects: tuple[str, ...] = ("connmo-proxy", "connmo-nap", "applications")
    imsi_key: Literal["semi-octets", "digits"] = "semi-octets"
