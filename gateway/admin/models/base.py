"""What the models of the admin API are made of: the model itself, and texts with their bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.errors import TreeError
from gateway.tree.uri import MAX_URI_BYTES, Address


def _address(text: str) -> str:
    try:
        Address.parse(text)
    except TreeError as error:
        raise ValueError(str(error)) from None
    return text


# With ~ and a tenant's name it is one that a caller of that tenant chose.
Identifier = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}(~[A-Za-z0-9_-]{1,48})?$")]
Msisdn = Annotated[str, Field(pattern=r"^(\+[0-9]{3,15})?$")]
# What XML 1.0 cannot carry could never be told to a device.
Text = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]*$")]
Name = Annotated[Text, Field(max_length=200)]
NodeAddress = Annotated[Text, Field(min_length=1, max_length=MAX_URI_BYTES), AfterValidator(_address)]
StateName = Literal["active", "dormant", "disabled", "disabled_until_user", "disabled_permanently"]
ProtocolName = Literal["omadm", "rcc14"]


class Model(BaseModel):
    """Refuses fields it does not know, so that a misspelt one is not lost in silence.

    What checks and writes one is built when the first is made: some megabytes for all. As that may not be in two
    threads at once, only the thread of the event loop makes any.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Problem(Model):
    """Why a request was refused: ``detail`` says it. ``id`` finds the traceback in the log when the gateway failed.

    Where something is wrong in what was sent, ``file``, ``line`` and ``key`` say where, as far as that is known;
    ``key`` is the name of a field, or the address of a node.
    """

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    id: str = ""
    file: str = ""
    line: int | None = None
    key: str = ""


Secret = Annotated[str, Field(min_length=1, max_length=200, repr=False, json_schema_extra={"writeOnly": True})]
ShownOnce = Annotated[str, Field(repr=False)]
