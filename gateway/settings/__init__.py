"""The gateway's settings: ``gateway.toml``, overridden by ``MOGATE_…`` environment variables.

A nested setting is reached with two underscores: ``MOGATE_OMADM__SERVER_ID`` is ``server_id`` of table ``[omadm]``,
``MOGATE_LISTENERS__0__ADDRESS`` ``address`` of the first ``[[listeners]]``.
"""

from __future__ import annotations

from gateway.settings.base import Address, Bytes, Seconds, ServiceName
from gateway.settings.clients import AdditionalServer, Languages, Notice, Rcc14, Redirect, Server, TermsOfUse
from gateway.settings.detection import Detection, Eir, EirPeer
from gateway.settings.devices import OmaCp, OmaDm, OmaDmModel, ReadBack
from gateway.settings.house import Admin, Catalogue, Events, Logging, Operator, Store, Trace
from gateway.settings.listeners import Listener, Load
from gateway.settings.messages import SmppLink, Sms, SmsHttp
from gateway.settings.origin import Origin, Secret, secret_settings
from gateway.settings.people import PeopleOpenid
from gateway.settings.proofs import PAGE_TEXTS, Aaa, Confirmation, EapAka, Gba, Openid, Otp, Page
from gateway.settings.reach import Reach
from gateway.settings.reading import find_settings_file, load_origins, load_settings, read_password
from gateway.settings.shadow import Behind, OldDmServer, OldServer, Shadow
from gateway.settings.telemetry import OpenTelemetry
from gateway.settings.whole import Settings

__all__ = [
    "PAGE_TEXTS",
    "Aaa",
    "AdditionalServer",
    "Address",
    "Admin",
    "Behind",
    "Bytes",
    "Catalogue",
    "Confirmation",
    "Detection",
    "EapAka",
    "Eir",
    "EirPeer",
    "Events",
    "Gba",
    "Languages",
    "Listener",
    "Load",
    "Logging",
    "Notice",
    "OldDmServer",
    "OldServer",
    "OmaCp",
    "OmaDm",
    "OmaDmModel",
    "OpenTelemetry",
    "Openid",
    "Operator",
    "Origin",
    "Otp",
    "Page",
    "PeopleOpenid",
    "Rcc14",
    "Reach",
    "ReadBack",
    "Redirect",
    "Seconds",
    "Secret",
    "Server",
    "ServiceName",
    "Settings",
    "Shadow",
    "SmppLink",
    "Sms",
    "SmsHttp",
    "Store",
    "TermsOfUse",
    "Trace",
    "find_settings_file",
    "load_origins",
    "load_settings",
    "read_password",
    "secret_settings",
]
