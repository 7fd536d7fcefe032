"""Management objects and profiles."""

from __future__ import annotations

from gateway.admin.models.base import Model


class ObjectSummary(Model):
    """One management object. ``moi`` is its identifier, empty when only a setting can give it."""

    key: str
    moi: str
    title: str
    specification: str
    nodes: int


class PermittedValue(Model):
    """One value that a node may have, and what it means."""

    value: str
    meaning: str


class ProvenanceView(Model):
    """Where a definition comes from."""

    status: str
    note: str


class DefinitionView(Model):
    """What one node may hold. ``path`` is below the root of the MO; an unnamed node reads ``<X>`` in it."""

    path: str
    name: str
    formats: list[str]
    occurrence: str
    max_occurs: int | None
    access: list[str]
    default: str | None
    title: str
    description: str
    permanent: bool
    types: list[str]
    case_sensitive: bool | None
    values: list[PermittedValue]
    low: int | None
    high: int | None
    provenance: ProvenanceView


class ObjectView(Model):
    """One management object, its nodes in one list with parents first."""

    key: str
    moi: str
    title: str
    specification: str
    manufacturer: str
    model: str
    path: str
    nodes: list[DefinitionView]


class ProfileLeaf(Model):
    """What a profile says of one node: a template, or null where it takes away what weaker profiles set there."""

    node: str
    template: str | None
    place: str


class ProfileView(Model):
    """One profile. ``match`` is facet -> values, of which a device must have one of each facet."""

    name: str
    layer: str
    file: str
    match: dict[str, list[str]]
    leaves: list[ProfileLeaf]
    warnings: list[str]
