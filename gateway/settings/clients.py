"""Settings of RCC.14."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from gateway.settings.base import Seconds, Table
from gateway.settings.shadow import OldServer


class Redirect(Table):
    """Another RCC.14 server for a share of the clients: ``to`` is ``https://host`` or ``http://host``.

    It counts on the leg of that scheme, for the names in ``hosts`` (none: for all).
    """

    status: Literal[301, 307, 308] = 307
    to: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")]
    hosts: tuple[str, ...] = ()
    share_percent: Annotated[int, Field(ge=0, le=100)] = 100


Languages = Annotated[dict[str, str], Field(min_length=1)]
"""A text by language tag; the first is for clients that like none of them."""


class Notice(Table):
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


class Server(Table):
    """An additional RCC.14 server that clients are to ask for these AppIDs.

    With ``id_provider`` they take their number from it. ``plans`` limits it to subscribers of these plans.
    """

    fqdn: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]
    app_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    id_provider: bool = False
    plans: tuple[str, ...] = ()


class AdditionalServer(Table):
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


class Rcc14(Table):
    """RCC.14.

    ``msisdn_headers`` and ``imsi_headers`` are the names the operator's gateways write identities under.
    ``provisioning_versions`` are the releases to serve (none: all); others get 406. ``hosts`` are further names of this
    server, next to those that follow from the operator's networks; with ``other_hosts`` "refuse" a request for any
    other name gets 404. ``unknown_subscriber`` is the answer to a number that the packet core vouches for and that
    nobody here has: 403, or 511, after which the client proves itself another way. After ``max_restarts`` answers of
    511 within ``restart_seconds``, a client gets ``after_restarts`` instead. ``max_devices_per_plan`` goes before
    ``max_devices``. ``notices`` explain to users why their service is off, by state. Where there are ``servers``,
    ``app_ids`` are the AppIDs to ask for here; ``additional`` is for a gateway that is such a server itself.
    ``reconfiguration_word`` is what the message to ask anew says behind the identity; servers and AppIDs follow with
    ``reconfiguration_separator`` before each. ``ranges`` is a file that says whose numbers are served here;
    ``old_server`` answers the others.
    """

    paths: tuple[str, ...] = ("/", "/config", "/rcs/config")
    hosts: tuple[str, ...] = ()
    other_hosts: Literal["serve", "refuse"] = "serve"
    redirects: tuple[Redirect, ...] = ()
    msisdn_headers: tuple[str, ...] = ("X-MSISDN",)
    imsi_headers: tuple[str, ...] = ("X-IMSI",)
    unknown_subscriber: Literal[403, 511] = 403
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
    old_server: OldServer | None = None
    ranges: Path | None = None
    reconfiguration_word: Literal["rcscfg", "rcsconfiguration"] = "rcscfg"
    reconfiguration_separator: Annotated[str, Field(pattern="^[,; ]$")] = ","

    @pydantic.model_validator(mode="after")
    def _check_ranges(self) -> Self:
        if self.ranges is not None and not (self.old_server and self.old_server.http and self.old_server.https):
            raise ValueError("ranges: numbers that are not served here go to old_server: set its http and https too")
        return self

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is allowed, and hardly meant; each names its setting.

        Spec: RCC.14 TOKEN, VERS (validity), ACCESS-CONTROL
        """
        doubts = []
        latest = round(self.validity_seconds * (1 + self.validity_jitter_percent / 100))
        if self.token_seconds <= latest:
            doubts.append(
                f"rcc14.token_seconds: clients come back after up to {latest} s, when a token of {self.token_seconds} s"
                " has ended, and on Wi-Fi have to prove themselves each time; give it more than that"
            )
        if self.servers and not self.app_ids:
            doubts.append(
                "rcc14.app_ids: with rcc14.servers clients ask here for these AppIDs alone, and there are none; name"
                " those that this server gives"
            )
        return tuple(doubts)
