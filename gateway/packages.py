"""Packages for devices to download: files in the data directory with a description beside each, and links to them.

A link names the package, the device it was made for and its end, under a MAC of the gateway's key: nobody can guess
one, and none has to be remembered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from gateway.errors import ConfigError, NotFound

PACKAGES_FOLDER = "packages"
"""Where they are in the data directory."""
DESCRIPTION = "package.json"
CHUNK_BYTES = 1 << 20
MAC_BYTES = 16

PackageKind = Literal["firmware", "software"]


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One file that devices may be told to fetch. ``id`` begins its SHA-256."""

    id: str
    kind: PackageKind
    name: str
    version: str
    file: str
    size_bytes: int
    sha256: str
    added_at: datetime


class Link(NamedTuple):
    """What a link stands for."""

    package_id: str
    device_id: str


class Packages:
    """The packages of a data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: tuple[str, bytes] | None = None

    def add(
        self, file: Path, kind: PackageKind, name: str, version: str, now: datetime, *, called: str = ""
    ) -> Package:
        """Take a copy of the file; the same octets again under the same name and version change nothing.

        Devices fetch it under the file's name, or as it is ``called``.

        Raises: ConfigError when it cannot be read or kept, or is empty.
        """
        partial = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest, size = hashlib.sha256(), 0
            with file.open("rb") as source, partial.open("wb") as copy:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            if not size:
                raise ConfigError("is empty", file=file)
            package = Package(
                id=hashlib.sha256(f"{kind}\0{name}\0{version}\0{digest.hexdigest()}".encode()).hexdigest()[:16],
                kind=kind,
                name=name,
                version=version,
                file=re.sub(r"[^A-Za-z0-9._-]", "_", called or file.name).lstrip(".") or "package",
                size_bytes=size,
                sha256=digest.hexdigest(),
                added_at=now,
            )
            place = self._folder / package.id
            if (place / DESCRIPTION).exists():
                return self._load(package.id)
            place.mkdir(mode=0o700, exist_ok=True)
            partial.replace(place / package.file)
            description = place / f"{DESCRIPTION}.part"
            description.write_bytes(msgspec.json.encode(package))
            description.replace(place / DESCRIPTION)
        except OSError as error:
            raise ConfigError(f"cannot keep this package: {error}", file=file) from None
        finally:
            partial.unlink(missing_ok=True)
        return package

    def list(self, kind: PackageKind | None = None) -> list[Package]:
        """All packages, the newest last."""
        places = self._folder.glob(f"*/{DESCRIPTION}") if self._folder.is_dir() else ()
        found = [self._load(place.parent.name) for place in places]
        return sorted((one for one in found if kind in (None, one.kind)), key=lambda one: (one.added_at, one.id))

    def find(self, reference: str, kind: PackageKind | None = None) -> Package:
        """The package of that id or name, or name and version as ``name@version``; of several the newest.

        Raises: NotFound.
        """
        name, _, version = reference.partition("@")
        for package in reversed(self.list(kind)):
            if reference == package.id or (name == package.name and version in ("", package.version)):
                return package
        known = ", ".join(f"{one.name}@{one.version}" for one in self.list(kind)) or "none"
        raise NotFound(f"there is no {kind or ''} package {reference!r}; there is: {known}".replace("  ", " "))

    def remove(self, package: Package) -> None:
        """Remove a package; links to it lead nowhere then."""
        shutil.rmtree(self._folder / package.id, ignore_errors=True)

    def path(self, package: Package) -> Path:
        """The file of a package."""
        return self._folder / package.id / package.file

    def content(self, package_id: str) -> bytes:
        """The octets of a package; those last asked for are at hand, since a device takes them in many parts.

        Raises: NotFound.
        """
        if self._last is None or self._last[0] != package_id:
            try:
                octets = self.path(self._load(package_id)).read_bytes() if package_id.isalnum() else b""
            except (ConfigError, OSError):
                octets = b""
            if not octets:
                raise NotFound(f"there is no package {package_id!r}")
            self._last = package_id, octets
        return self._last[1]

    def _load(self, package_id: str) -> Package:
        file = self._folder / package_id / DESCRIPTION
        try:
            return msgspec.json.decode(file.read_bytes(), type=Package)
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(f"does not describe a package: {error}", file=file) from None


def format_link(link: Link, expires_at: datetime, key: bytes) -> str:
    """The text of a link, of characters that need no escape in a URL."""
    said = f"{link.package_id}:{link.device_id}:{int(expires_at.timestamp())}".encode()
    return base64.urlsafe_b64encode(_mac(said, key) + said).rstrip(b"=").decode()


def parse_link(text: str, now: datetime, key: bytes) -> Link | None:
    """What a link stands for; None for one that was never given out, or has ended."""
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    mac, said = octets[:MAC_BYTES], octets[MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(said, key)):
        return None
    package_id, device_id, end = said.decode().split(":")
    return Link(package_id, device_id) if now.timestamp() < int(end) else None


def _mac(said: bytes, key: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)[:MAC_BYTES]
