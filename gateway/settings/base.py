"""What tables of settings are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

ServiceName = Literal[
    "omadm", "omadm-shadow", "rcc14-http", "rcc14-https", "rcc14-shadow-http", "rcc14-shadow-https", "sms-receipts",
    "admin",
]  # fmt: skip
Seconds = Annotated[int, Field(gt=0)]
Bytes = Annotated[int, Field(gt=0)]


class Table(BaseModel):
    """A table of settings: nothing in it is passed over, nothing of it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(Table):
    """A TCP address to listen on."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse_address(value: object) -> object:
    """What ``Address`` takes, of ``host:port``; anything but text as it is. Raises: ValueError."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"{value!r} is not host:port")
    return {"host": host.strip("[]"), "port": int(port)}


TcpAddress = Annotated[Address, NoDecode, BeforeValidator(_parse_address)]
"""An address that is written ``host:port``, in the file as in the environment."""
