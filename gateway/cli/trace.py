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
@click.option(
    "--await",
    "awaited",
    default="",
    metavar="KIND=VALUE",
    help="Keep all that somebody says from their first contact on, also who is not known yet: imsi=…, msisdn=+…, "
    "imei=…, address=192.0.2.0/24. For a day, or as long as --arm says.",
)
@click.option(
    "--awaited",
    "wait_id",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[ID]",
    help="List who is waited for; with an ID what they said. With --arm 0 wait for them no longer.",
)
@click.option("--json", "as_machine", is_flag=True, help="Print JSON, one exchange a line with --follow.")
def trace(
    ref: str,
    last: int,
    raw: bool,
    follow: bool,
    minutes: int | None,
    other: str,
    awaited: str,
    wait_id: str | None,
    as_machine: bool,
) -> None:
    """Show what was said with a device, every command with its answer. REF is a device id or an IMEI.

    With --follow and no REF it is what is said with any device, from now on. `mogate trace a.1 --compare a.1~1` shows
    in what a phone's last session differs from the one before.
    """
    if awaited or wait_id is not None:
        value, text = _wait(awaited, minutes) if awaited else _awaited(wait_id or "", minutes, last, raw=raw)
        click.echo(json.dumps(value, indent=2) if as_machine else text)
        return
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


def _wait(wish: str, minutes: int | None) -> tuple[Any, str]:
    kind, sign, value = wish.partition("=")
    if not sign:
        raise click.UsageError(f"{wish!r} is not KIND=VALUE; write for example imsi=001010000000001")
    body = {"kind": kind, "value": value} | ({} if minutes is None else {"minutes": minutes})
    made = api("POST", "/trace/awaited", body=body)
    return made, f"{made['kind']} {made['value']} is waited for until {made['until']}: {made['id']}"


def _awaited(wait_id: str, minutes: int | None, last: int, *, raw: bool) -> tuple[Any, str]:
    """Who is waited for; with an id, what they said, or the end of it."""
    if not wait_id:
        found = api("GET", "/trace/awaited")
        rows = [[one["id"], one["kind"], one["value"], str(one["exchanges"]), one["until"], one["by"]] for one in found]
        return found, report.table(["id", "kind", "value", "exchanges", "until", "by"], rows)
    path = f"/trace/awaited/{segment(wait_id)}"
    if minutes == 0:
        api("DELETE", path)
        return {"ended": wait_id}, f"{wait_id} is waited for no longer"
    found = api("GET", f"{path}/exchanges", query={"last": str(last)})
    return found, "\n".join(report.exchange(one, raw=raw) for one in found) or "nothing was said yet"
