"""Settings of short messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gateway.settings.base import Seconds, Table, TcpAddress


class SmsHttp(Table):
    """An HTTP gateway for short messages, with ``bearer = "http"``.

    ``kind`` "kannel" asks as Kannel's sendsms wants it. "template" sends ``method``, ``headers`` and ``body`` to
    ``url``, where ``{to}``, ``{sender}``, ``{text}``, ``{udh}`` and ``{data}`` (hexadecimal), ``{coding}`` (TP-DCS),
    ``{validity_seconds}``, ``{username}`` and ``{password}`` stand for what is sent, quoted as the URL, or the
    Content-Type of the body, needs it; ``accepted_pattern`` is to be found in the answer to what was taken.
    ``password_file`` and ``authority``, of the certificate authority where it is none of the usual ones, are in the
    data directory. ``receipt_url`` is where Kannel brings receipts: a listener that serves "sms-receipts", as Kannel
    reaches it, with the path ``/sms/receipt``; without it none are asked for.
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
    receipt_url: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+)?$")] = ""


class SmppLink(Table):
    """One bind to an SMSC by SMPP 3.4, with ``bearer = "smpp"``; several share the load.

    ``password_file`` is in the data directory. ``bind`` "rx" only takes receipts. With ``tls`` the SMSC's certificate
    has to be of an authority that the system trusts. ``window`` is how many messages may wait for an answer at once,
    each ``response_seconds`` at most. ``receipt_ids`` is how receipts write the ids that submit_sm_resp gives: the same
    way, or in the other one of decimal and hexadecimal. Links to one SMSC among several have the same ``smsc``.
    """

    name: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,40}$")]
    address: TcpAddress
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


class Sms(Table):
    """Short messages. ``bearer`` carries them: "file" writes them to ``sms.jsonl`` in the data directory and
    "console" to the gateway's standard output, codes and all: both are for labs.

    ``sender`` is the number or name that they come from. ``push_source_port`` is the port that pushes come from.
    ``wide_references`` tells the parts of a long message by 16 bits instead of 8. ``octet_coding`` is the TP-DCS of
    octets: 4, or 245 where the SMSC wants a message class. A push is good for ``validity_seconds`` at the SMSC; as long
    as none has taken it, it is tried again after ``retry_seconds``, and then each time after twice as long, up to
    ``max_retry_seconds``, until ``deadline_seconds`` after the order. ``receipts`` asks for a word on its delivery.
    """

    bearer: Literal["none", "file", "console", "http", "smpp"] = "none"
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
