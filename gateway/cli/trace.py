"""The command that shows what was said with devices."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import click

from gateway import report
from gateway.admin import client
from gateway.admin.client import segment
from gateway.cli.common import api, settings

FOLLOW_SECONDS = 1.0


@click.command()
@click.argument("ref", default="")
@click.option("--last", default=20, show_default=True, help="How many exchanges.")
@click.option("--raw", is_flag=True, help="Also show each message as it travelled; WBXML in hexadecimal.")
@click.option("--follow", is_flag=True, help="Go on with what is said from now, until Ctrl-C.")
@click.option(
    "--arm", "minutes", type=click.IntRange(0, 10_080), default=None, help="Trace it in full for so long; 0 ends it."
)
@click.option(
    "--compare",
    "other",
    default="",
    metavar="REF",
    help="Set its newest session beside that of another device; REF~1 is the last session but one.",
)
@click.option("--json", "as_machine", is_flag=True, help="Print JSON, one exchange a line with --follow.")
def trace(ref: str, last: int, raw: bool, follow: bool, minutes: int | None, other: str, as_machine: bool) -> None:
    """Show what was said with a device, every command with its answer. REF is a device id or an IMEI.

    With --follow and no REF it is what is said with any device, from now on. `mogate trace a.1 --compare a.1~1` shows
    in what a phone's last session differs from the one before.
    """
    if not ref and follow and minutes is None:
        for exchange in client.follow(settings(), "/trace", {}):
            click.echo(json.dumps(exchange) if as_machine else report.exchange(exchange, raw=raw))
        return
    if not ref:
        raise click.UsageError("name a device: its id or an IMEI; only --follow goes without one")
    if other:
        compared = _compared(ref, other)
        click.echo(json.dumps(compared, indent=2) if as_machine else report.comparison(compared))
        return
    path = f"/devices/{segment(ref)}/trace"
    if minutes is not None:
        armed = api("PUT", path, body={"minutes": minutes})
        until = armed["traced_until"]
        if not follow:
            said = f"traced in full until {until}" if until else "no longer traced in full"
            click.echo(json.dumps(armed) if as_machine else said)
            return
    found = api("GET", path, query={"last": str(last)})
    if as_machine and not follow:
        click.echo(json.dumps(found, indent=2))
        return
    after = 0
    for round_ in itertools.count():
        for exchange in found:
            click.echo(json.dumps(exchange) if as_machine else report.exchange(exchange, raw=raw))
            after = exchange["seq"]
        if not follow:
            if not found and not round_:
                click.echo("nothing was traced; arm the device with --arm MINUTES, or set [trace] mode")
            return
        time.sleep(FOLLOW_SECONDS)
        found = api("GET", path, query={"last": "1000", "after": str(after)})


def _compared(ref: str, other: str) -> Any:
    (ours, session), (theirs, with_session) = (_with_session(one) for one in (ref, other))
    query = {"session": session, "with": theirs, "with_session": with_session}
    return api("GET", f"/devices/{segment(ours)}/trace/comparison", query=query)


def _with_session(reference: str) -> tuple[str, str]:
    """A device and which of its sessions: a.1, a.1~1."""
    name, mark, back = reference.rpartition("~")
    return (name, mark + back) if mark and back.isdigit() else (reference, "")
