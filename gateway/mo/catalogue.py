"""All MOs the gateway knows, found by key, by identifier or by node address, and the check of a value against its node.

Spec: OMA-TS-DM_TND-V1_2 8 (Device Description Framework)
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import ConfigError, NotFound
from gateway.mo.ddf import parse_ddf
from gateway.mo.definition import UNNAMED, Definition, ManagementObject

MAX_ADDRESS_SEGMENTS = 128


class Severity(enum.StrEnum):
    """What a problem means: an error refuses the value, a warning is shown and the value kept."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value does not suit its node."""

    severity: Severity
    message: str


class Catalogue:
    """MOs by key and by identifier; iterated in the order of their keys."""

    def __init__(self, objects: Iterable[ManagementObject]) -> None:
        """A catalogue of these MOs, no two of which share a key or an identifier."""
        self._objects = tuple(sorted(objects, key=lambda mo: mo.key))
        self._by_name = {name: mo for mo in self._objects for name in (mo.key, mo.moi) if name}
        self.keys: Mapping[str, str] = {mo.moi: mo.key for mo in self._objects if mo.moi}
        """The key of each MO by its identifier."""

    @classmethod
    def load(cls, *directories: Path, identifiers: Mapping[str, str]) -> Catalogue:
        """The MOs of every ``*.xml`` in these directories; ``identifiers`` gives MOs their identifier by key.

        Raises: ConfigError when a file is not a DDF, two claim one key or identifier, or an identifier has no MO.
        """
        files = [file for directory in directories for file in _files(directory)]
        found = [(file, mo) for file in files for mo in parse_ddf(_read(file), source=str(file))]
        keys = {mo.key for _, mo in found}
        for key in identifiers:
            if key not in keys:
                raise ConfigError(f"there is no MO {key!r} to give an identifier{_near(key, keys)}", key=key)
        claims: dict[str, Path] = {}
        objects = []
        for file, mo in found:
            identified = _identified(mo, identifiers[mo.key]) if mo.key in identifiers else mo
            for name in filter(None, (identified.key, identified.moi)):
                if name in claims:
                    raise ConfigError(f"{name} is already the name of the MO in {claims[name]}; remove one", file=file)
                claims[name] = file
            objects.append(identified)
        return cls(objects)

    def __iter__(self) -> Iterator[ManagementObject]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, name: str) -> ManagementObject:
        """The MO of that key or identifier.

        Raises: NotFound with the names that come near.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(f"there is no MO {name!r}{_near(name, self._by_name)}") from None

    def find(self, address: str) -> tuple[ManagementObject, tuple[str, ...], Definition]:
        """The MO, the path below its root and the definition of the node at ``MO/path``, MO being key or identifier.

        The instances of an unnamed node have any name. An identifier may itself contain slashes: the longest wins.

        Raises: NotFound naming the MO, the first segment that does not exist, and those that come near.
        """
        segments = address.split("/")
        if len(segments) > MAX_ADDRESS_SEGMENTS:
            raise NotFound(f"{address[:64]!r}… has more than {MAX_ADDRESS_SEGMENTS} segments")
        for end in range(len(segments), 0, -1):
            mo = self._by_name.get("/".join(segments[:end]))
            if mo is not None:
                path = tuple(segments[end:])
                return mo, path, _descend(mo, path)
        raise NotFound(f"there is no MO {segments[0]!r} (in {address!r}){_near(segments[0], self._by_name)}")


def check_value(definition: Definition, text: str) -> Problem | None:
    """Why this text may not be the value of such a node, or None when it may.

    A value that is not permitted is an error where the standard's text was read, and only a warning where it was not:
    the list of permitted values may then itself be wrong.
    """
    if definition.is_interior:
        return Problem(Severity.ERROR, "an interior node has no value")
    fault = ""
    for fmt in definition.formats:
        try:
            permitted = definition.permitted.allows(fmt, text)
        except ValueError as refusal:
            fault = fault or str(refusal)
            continue
        if permitted:
            return None
        severity = Severity.ERROR if definition.provenance.confirmed else Severity.WARNING
        return Problem(severity, f"{text!r} is not permitted; what is: {definition.permitted}")
    return Problem(Severity.ERROR, fault)


def _descend(mo: ManagementObject, path: tuple[str, ...]) -> Definition:
    node, above = mo.root, mo.key
    for segment in path:
        child = node.child(segment) if segment else None
        if child is None:
            names = [child.name or UNNAMED for child in node.children]
            raise NotFound(f"{above} has no node {segment!r}{_near(segment, names)}")
        node, above = child, f"{above}/{segment}"
    return node


def _identified(mo: ManagementObject, moi: str) -> ManagementObject:
    return replace(mo, moi=moi, root=replace(mo.root, types=(moi,)))


def _near(name: str, names: Iterable[str]) -> str:
    """A question that offers the names nearest to this one, or nothing."""
    near = difflib.get_close_matches(name, names, 3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise ConfigError("is not a directory of DDF files", file=directory)
    return sorted(directory.glob("*.xml"))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise ConfigError(f"cannot be read: {fault.strerror}", file=file) from None
