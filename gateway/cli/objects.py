"""Commands for the standard objects of devices (firmware, software, lock, capabilities) and for packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from gateway import app, report
from gateway.admin.client import segment
from gateway.cli.common import api, printing, settings
from gateway.cli.fleet import device
from gateway.packages import Package, PackageKind, Packages

_confirm_option = click.option("--confirm", default=None, help="The code that the same command without it printed.")
_hours_option = click.option(
    "--hours", type=click.IntRange(1, 2160), default=None, help="How long it may take; a week when not said."
)


def _start(ref: str, kind: str, action: str, subject: str = "", **more: Any) -> tuple[object, str]:
    body = {"kind": kind, "action": action, "subject": subject, **more}
    found = api("POST", f"/devices/{segment(ref)}/jobs", body=body)
    return found, report.job(found)


@device.command("jobs")
@click.argument("ref")
@printing
def device_jobs(ref: str) -> tuple[object, str]:
    """Show what runs on a device and the last that ended, with its result."""
    found = api("GET", f"/devices/{segment(ref)}/jobs")
    return found, "\n".join(map(report.job, found)) or "no jobs"


@device.command("cancel")
@click.argument("ref")
@click.argument("job")
@printing
def device_cancel(ref: str, job: str) -> tuple[object, str]:
    """End a running job. What the device was told already it may still carry out."""
    found = api("DELETE", f"/devices/{segment(ref)}/jobs/{segment(job)}")
    return found, report.job(found)


@device.command("inventory")
@click.argument("ref")
@printing
def device_inventory(ref: str) -> tuple[object, str]:
    """Read DevInfo and DevDetail in the next session; `mogate device jobs` shows what came."""
    return _start(ref, "inventory", "read")


@device.command("rotate")
@click.argument("ref")
@_hours_option
@printing
def device_rotate(ref: str, hours: int | None) -> tuple[object, str]:
    """Give a device new OMA DM credentials; the old ones hold until it has used the new ones."""
    return _start(ref, "account", "rotate", hours=hours)


@device.group("firmware")
def device_firmware() -> None:
    """Firmware of a device (FUMO)."""


@device_firmware.command("update")
@click.argument("ref")
@click.argument("package")
@_hours_option
@printing
def firmware_update(ref: str, package: str, hours: int | None) -> tuple[object, str]:
    """Let a device download and install a package: an id, a name, or NAME@VERSION."""
    return _start(ref, "firmware", "update", package, hours=hours)


@device_firmware.command("download")
@click.argument("ref")
@click.argument("package")
@_hours_option
@printing
def firmware_download(ref: str, package: str, hours: int | None) -> tuple[object, str]:
    """Let a device download a package and not yet install it."""
    return _start(ref, "firmware", "download", package, hours=hours)


@device_firmware.command("install")
@click.argument("ref")
@_hours_option
@printing
def firmware_install(ref: str, hours: int | None) -> tuple[object, str]:
    """Let a device install what it downloaded."""
    return _start(ref, "firmware", "install", hours=hours)


@device.group("software")
def device_software() -> None:
    """Software components of a device (SCOMO)."""


@device_software.command("install")
@click.argument("ref")
@click.argument("package")
@_hours_option
@printing
def software_install(ref: str, package: str, hours: int | None) -> tuple[object, str]:
    """Let a device download and install a package: an id, a name, or NAME@VERSION."""
    return _start(ref, "software", "install", package, hours=hours)


@device_software.command("list")
@click.argument("ref")
@printing
def software_list(ref: str) -> tuple[object, str]:
    """Read the components of a device in the next session."""
    return _start(ref, "software", "inventory")


def _component_command(action: str, does: str) -> None:
    @device_software.command(action, help=f"{does} the component with that id or name.")
    @click.argument("ref")
    @click.argument("component")
    @printing
    def command(ref: str, component: str) -> tuple[object, str]:
        return _start(ref, "software", action, component)


for _action, _does in (("remove", "Remove"), ("activate", "Activate"), ("deactivate", "Deactivate")):
    _component_command(_action, _does)


@device.command("lock")
@click.argument("ref")
@click.option("--partial", is_flag=True, help="Lock it partially.")
@_confirm_option
@printing
def device_lock(ref: str, partial: bool, confirm: str | None) -> tuple[object, str]:
    """Lock a device (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "partial-lock" if partial else "lock", confirm=confirm)


@device.command("unlock")
@click.argument("ref")
@printing
def device_unlock(ref: str) -> tuple[object, str]:
    """Unlock a device (LAWMO)."""
    return _start(ref, "lock", "unlock")


@device.command("wipe")
@click.argument("ref")
@click.option("--item", "items", multiple=True, help="Wipe this alone, as the device names it; may be given again.")
@_confirm_option
@printing
def device_wipe(ref: str, items: tuple[str, ...], confirm: str | None) -> tuple[object, str]:
    """Wipe what is on a device (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "wipe", items=list(items), confirm=confirm)


@device.command("factory-reset")
@click.argument("ref")
@_confirm_option
@printing
def device_factory_reset(ref: str, confirm: str | None) -> tuple[object, str]:
    """Set a device back to how it left the factory (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "factory-reset", confirm=confirm)


@device.command("capability")
@click.argument("ref")
@click.argument("action", type=click.Choice(["enable", "disable"]))
@click.argument("name")
@printing
def device_capability(ref: str, action: str, name: str) -> tuple[object, str]:
    """Enable or disable a capability of a device, such as Camera (DCMO)."""
    return _start(ref, "capability", action, name)


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
        package = _packages().add(file, kind, name or file.stem, version, app.now())
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
    return Packages(settings().data / app.PACKAGES_FOLDER)


def _plain(package: Package) -> dict[str, object]:
    return dict(msgspec.to_builtins(package))


COMMANDS = (firmware, software)
