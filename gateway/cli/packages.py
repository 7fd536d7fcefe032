"""Commands for the packages that devices can be told to fetch."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from gateway import report
from gateway.cli.common import printing, settings
from gateway.packages import PACKAGES_FOLDER, Package, PackageKind, Packages


@click.group()
def firmware() -> None:
    """Firmware packages that devices can be told to fetch."""


@click.group()
def software() -> None:
    """Software packages that devices can be told to fetch."""


def _package_commands(group: click.Group, kind: PackageKind) -> None:
    @group.command("add", help="Take a copy of FILE into the data directory. Run it where the gateway runs.")
    @click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.option("--name", default="", help="What to call it; without it, the name of the file.")
    @click.option("--version", default="1", show_default=True, help="The version of what is in it.")
    @printing
    def add(file: Path, name: str, version: str) -> tuple[object, str]:
        package = _packages().add(file, kind, name or file.stem, version, datetime.now(UTC))
        said = f"{package.name}@{package.version}  {package.size_bytes} octets  SHA-256 {package.sha256}"
        return _plain(package), said

    @group.command("list", help="List the packages, the newest last.")
    @printing
    def list_() -> tuple[object, str]:
        found = _packages().list(kind)
        rows = [[one.id, f"{one.name}@{one.version}", str(one.size_bytes), one.sha256] for one in found]
        return [_plain(one) for one in found], report.table(["id", "package", "octets", "SHA-256"], rows)

    @group.command("remove", help="Remove a package; links to it lead nowhere then.")
    @click.argument("package")
    @printing
    def remove(package: str) -> tuple[object, str]:
        packages = _packages()
        found = packages.find(package, kind)
        packages.remove(found)
        return _plain(found), f"removed {found.name}@{found.version}"


_package_commands(firmware, "firmware")
_package_commands(software, "software")


def _packages() -> Packages:
    return Packages(settings().data / PACKAGES_FOLDER)


def _plain(package: Package) -> dict[str, object]:
    return dict(msgspec.to_builtins(package))
