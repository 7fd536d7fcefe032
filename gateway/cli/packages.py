"""Commands for the packages that devices can be told to fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing
from gateway.errors import NotFound
from gateway.packages import PackageKind

_UPLOAD_SECONDS = 600.0
"""How long the gateway may take to look through what it was sent."""


@click.group()
def firmware() -> None:
    """Firmware packages that devices can be told to fetch."""


@click.group()
def software() -> None:
    """Software packages that devices can be told to fetch."""


def _package_commands(group: click.Group, kind: PackageKind) -> None:
    @group.command("add", help="Give the gateway a copy of FILE.")
    @click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.option("--name", default="", help="What to call it; without it, the name of the file.")
    @click.option("--version", default="1", show_default=True, help="The version of what is in it.")
    @printing
    def add(file: Path, name: str, version: str) -> tuple[object, str]:
        query = {"kind": kind, "file": file.name, "name": name, "version": version}
        added = api("POST", "/packages", body=file, query=query, seconds=_UPLOAD_SECONDS)
        return added, f"{_called(added)}  {added['size_bytes']} octets  SHA-256 {added['sha256']}"

    @group.command("list", help="List the packages, the newest last, with what needs each.")
    @printing
    def list_() -> tuple[object, str]:
        found = _of(kind)
        rows = [[one["id"], _called(one), str(one["size_bytes"]), one["sha256"], _needs(one)] for one in found]
        return found, report.table(["id", "package", "octets", "SHA-256", "needed by"], rows)

    @group.command("remove", help="Remove a package that nothing needs any more; links to it lead nowhere then.")
    @click.argument("package")
    @printing
    def remove(package: str) -> tuple[object, str]:
        known = _of(kind)
        found = next((one for one in reversed(known) if package in (one["id"], one["name"], _called(one))), None)
        if found is None:
            there = ", ".join(map(_called, known)) or "none"
            raise NotFound(f"there is no {kind} package {package!r}; there is: {there}")
        api("DELETE", f"/packages/{segment(found['id'])}")
        return found, f"removed {_called(found)}"


_package_commands(firmware, "firmware")
_package_commands(software, "software")


def _of(kind: PackageKind) -> list[dict[str, Any]]:
    return [one for one in api("GET", "/packages") if one["kind"] == kind]


def _called(package: dict[str, Any]) -> str:
    return f"{package['name']}@{package['version']}"


def _needs(package: dict[str, Any]) -> str:
    """What needs it, in a few words."""
    jobs, more = package["jobs"], package["more_jobs"]
    said = [f"campaign {one}" for one in package["campaigns"]]
    said += [f"{one['device']} ({one['action']})" for one in jobs] + (["more devices"] if more else [])
    return ", ".join([*said, *(f"model {one}" for one in package["models"])])
