"""Nodes that somebody reads often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.admin.models.base import Model, NodeAddress


class NodeSetContent(Model):
    """What a set is made of; each address as a Get names it, ``?list=StructData`` for all below it."""

    uris: Annotated[list[NodeAddress], Field(min_length=1, max_length=50)]


class NodeSetView(Model):
    """Nodes with a name."""

    name: str
    uris: list[str]
