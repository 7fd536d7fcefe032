"""Settings of the operator, and of what is kept where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field, SecretStr

from gateway.settings.base import Bytes, Seconds, Table
from gateway.settings.people import PeopleOpenid


class Operator(Table):
    """The operator's own networks: PLMNs as MCC and MNC together, which also tells how long an MNC is."""

    plmns: Annotated[tuple[Annotated[str, Field(pattern="^[0-9]{5,6}$")], ...], Field(min_length=1)] = ("00101",)


class Catalogue(Table):
    """Further DDF directories; and MO identifiers for the shipped DDFs that have none (key of the MO -> identifier)."""

    directories: tuple[Path, ...] = ()
    identifiers: dict[str, str] = {}


class Store(Table):
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


class Events(Table):
    """The log of what happened to subscribers and devices: events are dropped after ``keep_days``."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 400


class Logging(Table):
    """Logs. Subscriber identities are masked unless ``identities`` is "plain"."""

    identities: Literal["masked", "plain"] = "masked"
    format: Literal["json", "console"] = "json"


class Admin(Table):
    """The admin API. People who log in with a browser stay so for ``session_seconds``.

    With ``reason`` "required" every change has to say why, for the audit log. ``url`` is where commands find the admin
    API, if not on the listener here, and ``token`` what they show there, if not the token of the data directory.
    With ``passwords`` "refused" people log in at the provider of ``[admin.openid]`` alone; tokens stay. Entries of the
    audit log are dropped after ``audit_keep_days``, 0 for never; `mogate audit export` writes them out before. With
    ``simulator`` "demo" the console plays the simulated devices of a data directory that has the demo; "off" never.
    ``backups`` is the directory, outside ``data``, into which the console and the API write backups; without one they
    write none. With ``campaign_approval`` "required" a campaign begins, and goes on after a change, once somebody else
    than its authors approved it.
    """

    url: Annotated[str, Field(pattern=r"^(https?://[^/?#]+)?/?$")] = ""
    token: SecretStr = SecretStr("")
    reason: Literal["optional", "required"] = "optional"
    backups: Path | None = None
    audit_keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    session_seconds: Seconds = 28_800
    simulator: Literal["demo", "off"] = "demo"
    campaign_approval: Literal["off", "required"] = "off"
    passwords: Literal["accepted", "refused"] = "accepted"
    openid: PeopleOpenid = PeopleOpenid()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.passwords == "refused" and not self.openid.issuer:
            raise ValueError("passwords are refused and there is no other way to log in: set issuer of [admin.openid]")
        return self


class Trace(Table):
    """Which exchanges with devices are kept to be shown: all, those in which something failed, or none.

    Whatever the mode but "off", a device whose trace is armed is traced in full. ``keep_messages`` are the newest of
    each device, ``keep_days`` their life. ``max_bytes`` are the most octets taken up in one second; what is said beyond
    is served and not traced.
    """

    mode: Literal["all", "failed", "armed", "off"] = "failed"
    keep_messages: Annotated[int, Field(ge=2)] = 100
    keep_days: Annotated[int, Field(ge=1)] = 7
    max_bytes: Bytes = 1_048_576
