"""Commands of `mogate device` for the standard objects of devices: firmware, software, lock, capabilities."""

from __future__ import annotations

from typing import Any

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing, read_secret

_confirm_option = click.option("--confirm", default=None, help="The code that the same command without it printed.")
_hours_option = click.option(
    "--hours", type=click.IntRange(1, 2160), default=None, help="How long it may take; a week when not said."
)


def _start(ref: str, kind: str, action: str, subject: str = "", **more: Any) -> tuple[object, str]:
    body = {"kind": kind, "action": action, "subject": subject, **more}
    found = api("POST", f"/devices/{segment(ref)}/jobs", body=body)
    return found, report.job(found)


@click.command("jobs")
@click.argument("ref")
@printing
def device_jobs(ref: str) -> tuple[object, str]:
    """Show what runs on a device and the last that ended, with its result."""
    found = api("GET", f"/devices/{segment(ref)}/jobs")
    return found, "\n".join(map(report.job, found)) or "no jobs"


@click.command("cancel")
@click.argument("ref")
@click.argument("job")
@printing
def device_cancel(ref: str, job: str) -> tuple[object, str]:
    """End a running job. What the device was told already it may still carry out."""
    found = api("DELETE", f"/devices/{segment(ref)}/jobs/{segment(job)}")
    return found, report.job(found)


@click.command("inventory")
@click.argument("ref")
@printing
def device_inventory(ref: str) -> tuple[object, str]:
    """Read DevInfo and DevDetail in the next session; `mogate device jobs` shows what came."""
    return _start(ref, "inventory", "read")


@click.command("rotate")
@click.argument("ref")
@_hours_option
@printing
def device_rotate(ref: str, hours: int | None) -> tuple[object, str]:
    """Give a device new OMA DM credentials; the old ones hold until it has used the new ones."""
    return _start(ref, "account", "rotate", hours=hours)


@click.command("account")
@click.argument("ref")
@printing
def device_account(ref: str) -> tuple[object, str]:
    """Read in the next session which OMA DM accounts a device has; `mogate device jobs` shows them."""
    return _start(ref, "account", "read")


@click.command("move")
@click.argument("ref")
@click.argument("address")
@_hours_option
@printing
def device_move(ref: str, address: str, hours: int | None) -> tuple[object, str]:
    """Give a device an account at ADDRESS; the one that it has holds until it has called there."""
    return _start(ref, "account", "move", address, hours=hours)


@click.group("firmware")
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


@click.group("software")
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


@click.command("lock")
@click.argument("ref")
@click.option("--partial", is_flag=True, help="Lock it partially.")
@_confirm_option
@printing
def device_lock(ref: str, partial: bool, confirm: str | None) -> tuple[object, str]:
    """Lock a device (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "partial-lock" if partial else "lock", confirm=confirm)


@click.command("unlock")
@click.argument("ref")
@printing
def device_unlock(ref: str) -> tuple[object, str]:
    """Unlock a device (LAWMO)."""
    return _start(ref, "lock", "unlock")


@click.command("wipe")
@click.argument("ref")
@click.option("--item", "items", multiple=True, help="Wipe this alone, as the device names it; may be given again.")
@_confirm_option
@printing
def device_wipe(ref: str, items: tuple[str, ...], confirm: str | None) -> tuple[object, str]:
    """Wipe what is on a device (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "wipe", items=list(items), confirm=confirm)


@click.command("factory-reset")
@click.argument("ref")
@_confirm_option
@printing
def device_factory_reset(ref: str, confirm: str | None) -> tuple[object, str]:
    """Set a device back to how it left the factory (LAWMO). The first call prints a code to repeat it with."""
    return _start(ref, "lock", "factory-reset", confirm=confirm)


@click.command("capability")
@click.argument("ref")
@click.argument("action", type=click.Choice(["enable", "disable", "list"]))
@click.argument("name", default="")
@click.option("--deny-user", is_flag=True, help="Keep the user from enabling it again.")
@click.option("--notify-user", is_flag=True, help="Have the device tell its user.")
@printing
def device_capability(ref: str, action: str, name: str, deny_user: bool, notify_user: bool) -> tuple[object, str]:
    """Enable or disable a capability of a device, such as Camera, or read which it has (DCMO)."""
    _check_named(action, name, "capability")
    items = [item for item, wanted in (("deny-user", deny_user), ("notify-user", notify_user)) if wanted]
    return _start(ref, "capability", action, name, items=items)


@click.command("diagnostics")
@click.argument("ref")
@click.argument("action", type=click.Choice(["start", "stop", "configure", "read", "list"]))
@click.argument("name", default="")
@click.option("--set", "items", multiple=True, metavar="NAME=VALUE", help="What it is given; may be given again.")
@printing
def device_diagnostics(ref: str, action: str, name: str, items: tuple[str, ...]) -> tuple[object, str]:
    """Start or stop a diagnostic function of a device, or give it its parameters (DiagMon).

    Or read what it measured, or which there are.
    """
    _check_named(action, name, "function")
    return _start(ref, "diagnostics", action, name, items=list(items))


@click.command("wlan")
@click.argument("ref")
@click.argument("action", type=click.Choice(["add", "remove", "list"]))
@click.argument("ssid", default="")
@click.option(
    "--security", default="WPA2", show_default=True, help="How it is secured, as the device names it; OPEN has no key."
)
@click.option("--hidden", is_flag=True, help="The network does not tell its name.")
@printing
def device_wlan(ref: str, action: str, ssid: str, security: str, hidden: bool) -> tuple[object, str]:
    """Have a device join a WLAN, forget one, or tell which it knows (ConnMO).

    The key is asked for, or read as a line from standard input.
    """
    _check_named(action, ssid, "WLAN")
    if action != "add":
        return _start(ref, "wlan", action, ssid)
    key = "" if security.upper() == "OPEN" else read_secret("Key of the WLAN")
    return _start(
        ref, "wlan", action, ssid, secret=key, items=[f"security={security}", *(["hidden=true"] if hidden else [])]
    )


def _check_named(action: str, name: str, what: str) -> None:
    if (action == "list") == bool(name):
        raise click.UsageError(f"list takes no {what}" if name else f"say which {what} to {action}")


COMMANDS = (
    device_jobs, device_cancel, device_inventory, device_account, device_rotate, device_move, device_firmware,
    device_software, device_lock, device_unlock, device_wipe, device_factory_reset, device_capability,
    device_diagnostics, device_wlan,
)  # fmt: skip
