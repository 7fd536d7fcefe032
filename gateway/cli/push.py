"""Commands for what is pushed to phones."""

from __future__ import annotations

from typing import Any

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing

_dry_run_option = click.option("--dry-run", is_flag=True, help="Show the octets; send and change nothing.")


@click.group()
def push() -> None:
    """What makes phones call."""


@push.command("notify")
@click.argument("ref")
@click.option(
    "--ui-mode",
    type=click.Choice(["not-specified", "background", "informative", "user-interaction"]),
    default="not-specified",
    show_default=True,
    help="Whether the user is told, or asked, first.",
)
@click.option("--resync", is_flag=True, help="For a device that lost its nonces.")
@_dry_run_option
@printing
def notify(ref: str, ui_mode: str, resync: bool, dry_run: bool) -> tuple[object, str]:
    """Make a device call: OMA DM package 0. REF is a device id or an IMEI."""
    query = {"ui_mode": ui_mode} | _flags(resync=resync, dry_run=dry_run)
    made = api("POST", f"/devices/{segment(ref)}/notification", query=query)
    return made, report.push(made)


@push.command("rcscfg")
@click.argument("ref")
@click.option(
    "--by",
    type=click.Choice(["imsi", "impi"]),
    default="imsi",
    show_default=True,
    help="By IMSI a client starts from nothing; by IMPI it keeps number and token.",
)
@click.option("--imsi", default="", help="Which SIM, where the subscriber has several.")
@click.option("--server", default="", metavar="FQDN", help="The additional server that it is to ask.")
@click.option("--app", "apps", multiple=True, metavar="APPID", help="What it is about; may be given again.")
@_dry_run_option
@printing
def rcscfg(ref: str, by: str, imsi: str, server: str, apps: tuple[str, ...], dry_run: bool) -> tuple[object, str]:
    """Make a subscriber's RCC.14 client ask for its configuration anew."""
    named = {"by": by, "imsi": imsi, "server": server, "apps": ",".join(apps)}
    query = {name: value for name, value in named.items() if value} | _flags(dry_run=dry_run)
    made = api("POST", f"/subscribers/{segment(ref)}/reconfiguration", query=query)
    return made, report.push(made)


@push.command("code")
@click.argument("ref")
@printing
def code(ref: str) -> tuple[object, str]:
    """Send the RCC.14 client that waits for a one-time password a new one, in place of what did not come."""
    made = api("POST", f"/subscribers/{segment(ref)}/codes")
    return made, f"a code is on its way to {made['subscriber_id']}, good until {made['good_until']}"


@push.command("show")
@click.argument("id_", metavar="ID")
@printing
def show(id_: str) -> tuple[object, str]:
    """What became of a push: waiting, submitted, delivered, failed, or contacted when the phone has called since."""
    found = api("GET", f"/pushes/{segment(id_)}")
    return found, report.push_record(found)


@click.command()
@click.argument("ref")
@click.option("--profile", type=click.Choice(["cp", "dm"]), default="cp", show_default=True, help="OMA CP, or OMA DM.")
@click.option(
    "--security",
    type=click.Choice(["netwpin", "userpin", "usernetwpin", "userpinmac"]),
    default="netwpin",
    show_default=True,
    help="What the phone believes it by: its IMSI, a PIN of the user's, both, or a PIN with its own MAC.",
)
@click.option("--pin", default="", help="4 to 8 digits; made up and shown without it.")
@click.option("--imei", default="", help="Which device of the subscriber, or the IMEI of a new one.")
@click.option("--auth", type=click.Choice(["basic", "md5", "mac"]), default=None, help="How the device proves itself.")
@click.option("--by-hand", is_flag=True, help="Store the account and print the octets: you send them.")
@_dry_run_option
@printing
def bootstrap(ref: str, by_hand: bool, dry_run: bool, **fields: Any) -> tuple[object, str]:
    """Give a device its OMA DM account and access point. REF is a device, or a subscriber with one device."""
    made = api(
        "POST", f"/devices/{segment(ref)}/bootstrap", query=_flags(by_hand=by_hand, dry_run=dry_run), body=fields
    )
    return made, report.push(made)


def _flags(**flags: bool) -> dict[str, str]:
    return {name: "true" for name, given in flags.items() if given}
