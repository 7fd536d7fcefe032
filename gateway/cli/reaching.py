"""Commands for devices that should call."""

from __future__ import annotations

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing


@click.group()
def reach() -> None:
    """Devices that should call, whatever the way."""


@reach.command("start")
@click.argument("ref")
@click.option("--reason", default="asked for by an operator", show_default=True, help="What the log is to say.")
@click.option("--within", type=click.IntRange(0), default=0, metavar="SECONDS", help="Spread the moment over this.")
@click.option("--deadline", type=click.IntRange(1), default=None, metavar="SECONDS", help="After how long to give up.")
@click.option("--protocol", type=click.Choice(["omadm", "rcc14"]), default=None, help="The one it should call by.")
@printing
def start(ref: str, reason: str, within: int, deadline: int | None, protocol: str | None) -> tuple[object, str]:
    """See to it that a device calls. REF is a device id or an IMEI."""
    body = {"reason": reason, "within_seconds": within, "deadline_seconds": deadline, "protocol": protocol or ""}
    made = api("POST", f"/devices/{segment(ref)}/reach", body=body)
    return made, report.reaching(made)


@reach.command("show")
@click.argument("ref")
@printing
def show(ref: str) -> tuple[object, str]:
    """Show how far it came with a device."""
    found = api("GET", f"/devices/{segment(ref)}/reach")
    return found, report.reaching(found)


@reach.command("cancel")
@click.argument("ref")
@printing
def cancel(ref: str) -> tuple[object, str]:
    """Let a device be: no further push goes out."""
    found = api("DELETE", f"/devices/{segment(ref)}/reach")
    return found, f"device {found['device_id']} is left to its own call"


@reach.command("list")
@click.option("--after", default="", help="Go on after this device id.")
@printing
def list_(after: str) -> tuple[object, str]:
    """List the devices that should call."""
    found = api("GET", "/reach", query={"after": after} if after else {})
    return found, "\n".join(map(report.reaching, found)) or "no device is to call"
