"""Commands for campaigns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing
from gateway.errors import ConfigError

_GOING_ON = (
    click.option(
        "--success", type=click.IntRange(0, 100), default=90, show_default=True, help="Per cent ok for the next."
    ),
    click.option(
        "--errors", type=click.IntRange(0, 100), default=10, show_default=True, help="Per cent failed at most."
    ),
    click.option(
        "--after-success",
        type=click.Choice(["next", "pause"]),
        default="next",
        show_default=True,
        help="What follows when a group is done.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["pause", "stop", "undo"]),
        default="pause",
        show_default=True,
        help="What to do when too many of a group fail.",
    ),
)
_EACH_DEVICE = (
    click.option("--deadline", type=click.IntRange(1), default=604_800, metavar="SECONDS", help="For each device."),
    click.option(
        "--retries", type=click.IntRange(0, 10), default=0, show_default=True, help="Of a device that failed."
    ),
)


def going_on(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that say when a campaign goes on from a group to the next, for ``groups_of``."""
    for option in reversed(_GOING_ON):
        command = option(command)
    return command


def each_device(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that say how a campaign waits for each of its devices, for ``waits_of``."""
    for option in reversed(_EACH_DEVICE):
        command = option(command)
    return command


def groups_of(text: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the API takes for groups like ``1,10%`` and for the options of ``going_on``."""
    bounds = {"success_percent": given["success"], "error_percent": given["errors"]}
    return {
        "groups": [_group_of(one) | bounds for one in text.split(",")],
        "after_success": given["after_success"],
        "on_error": given["on_error"],
    }


def waits_of(given: Mapping[str, Any]) -> dict[str, int]:
    """What the API takes for the options of ``each_device``."""
    return {"device_deadline_seconds": given["deadline"], "retries": given["retries"]}


@click.group()
def campaign() -> None:
    """One change for many devices, group after group."""


@campaign.command("create")
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="A device, before all others; may be given again.")
@click.option("--match", multiple=True, metavar="FACET=VALUE", help="Such as plan=gold or model=A1; may be repeated.")
@click.option(
    "--range", "ranges", multiple=True, metavar="RANGE", help="Of numbers: +1555, or +15550-+15559; IMSIs without +."
)
@click.option("--dynamic", is_flag=True, help="Devices that come to match later join the last group.")
@click.option("--set", "values", multiple=True, metavar="NODE=VALUE", help="A value for each device.")
@click.option("--unset", multiple=True, metavar="NODE", help="A value of their own that is taken back.")
@click.option("--package", default="", help="A firmware package: its id, or NAME@VERSION.")
@click.option(
    "--move", "address", default="", metavar="URL", help="Another address of this gateway, to call over OMA DM."
)
@click.option(
    "--operations", type=click.Path(exists=True, dir_okay=False), help="A JSON file with a list of operations."
)
@click.option("--groups", default="", metavar="N,P%,…", help="Sizes, as numbers or per cent; the last takes the rest.")
@going_on
@click.option("--rate", type=click.FloatRange(0.001), default=60.0, show_default=True, help="Devices a minute.")
@click.option("--window", default="", metavar="HH:MM-HH:MM[@ZONE]", help="The hours at which devices are started.")
@each_device
@click.option("--paused", is_flag=True, help="Find the devices, and wait to be resumed.")
@printing
def create(name: str, **given: Any) -> tuple[object, str]:
    """Begin a campaign."""
    match: dict[str, list[str]] = {}
    for facet, value in map(_pair, given["match"]):
        match.setdefault(facet, []).append(value)
    made = api(
        "POST",
        "/campaigns",
        body={
            "name": name,
            "target": {
                "devices": given["devices"],
                "match": match,
                "ranges": given["ranges"],
                "dynamic": given["dynamic"],
            },
            "values": dict(map(_pair, given["values"])),
            "unset": given["unset"],
            "operations": _operations(given["operations"]),
            "package": given["package"],
            "address": given["address"],
            **groups_of(given["groups"] or "100%", given),
            "rate_per_minute": given["rate"],
            "window": _window(given["window"]),
            **waits_of(given),
            "paused": given["paused"],
        },
    )
    return made, report.campaign(made)


@campaign.command("show")
@click.argument("id_", metavar="ID")
@click.option("--state", default="", help="List the devices in this state as well.")
@click.option("--code", default="", help="List the devices that failed with this code as well.")
@printing
def show(id_: str, state: str, code: str) -> tuple[object, str]:
    """Show a campaign with its groups and errors."""
    found = api("GET", f"/campaigns/{segment(id_)}")
    text = report.campaign(found)
    if state or code:
        query = {name: value for name, value in (("state", state), ("code", code), ("limit", "1000")) if value}
        found["devices"] = api("GET", f"/campaigns/{segment(id_)}/devices", query=query)
        text = "\n".join([text, *map(report.member, found["devices"])])
    return found, text


@campaign.command("list")
@printing
def list_() -> tuple[object, str]:
    """List campaigns."""
    found = api("GET", "/campaigns", query={"limit": "1000"})
    return found, "\n".join(map(report.campaign, found)) or "there is no campaign"


@campaign.command("change")
@click.argument("id_", metavar="ID")
@click.option("--rate", "rate_per_minute", type=click.FloatRange(0.001), help="Devices a minute.")
@click.option("--window", metavar="HH:MM-HH:MM[@ZONE]", help="The hours at which devices are started; empty for any.")
@click.option(
    "--deadline", "device_deadline_seconds", type=click.IntRange(1), metavar="SECONDS", help="For each device."
)
@click.option("--retries", type=click.IntRange(0, 10), help="Of a device that failed.")
@click.option("--after-success", type=click.Choice(["next", "pause"]), help="What follows when a group is done.")
@click.option("--on-error", type=click.Choice(["pause", "stop", "undo"]), help="What to do when too many fail.")
@printing
def change(id_: str, **given: Any) -> tuple[object, str]:
    """Go on with other terms, once somebody else approved them where campaigns need that."""
    terms = {name: value for name, value in given.items() if value is not None}
    if "window" in terms:
        terms["window"] = _window(terms["window"])
    made = api("PATCH", f"/campaigns/{segment(id_)}", body=terms)
    return made, report.campaign(made)


def _steering(name: str, help_: str) -> click.Command:
    @click.argument("id_", metavar="ID")
    @printing
    def steer(id_: str) -> tuple[object, str]:
        found = api("POST", f"/campaigns/{segment(id_)}/{name}")
        return found, report.campaign(found)

    return click.command(name, help=help_)(steer)


for _name, _help in (
    ("pause", "Start no device any more until the campaign is resumed."),
    ("resume", "Go on, past what the campaign was paused for."),
    ("next", "Open the next group now."),
    ("stop", "End it; devices that were not started never are."),
    ("undo", "Give every device that was started the values it had."),
    ("approve", "Let a campaign that somebody else made begin, or go on after a change."),
    ("reject", "End a campaign that somebody else made before it begins; `mogate --reason` says why."),
):
    campaign.add_command(_steering(_name, _help))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"{text!r} is not NAME=VALUE")
    return name, value


def _group_of(text: str) -> dict[str, int]:
    """A group as the API has it, from its size or per cent."""
    number = text.strip().removesuffix("%")
    if not number.isdecimal():
        raise ConfigError(f"{text!r} is neither a number nor per cent", key="--groups")
    return {"percent" if text.strip().endswith("%") else "size": int(number)}


def _window(text: str) -> dict[str, str] | None:
    if not text:
        return None
    hours, _, zone = text.partition("@")
    begin, sign, end = hours.partition("-")
    if not sign:
        raise ConfigError(f"{text!r} is not HH:MM-HH:MM", key="--window")
    return {"begin": begin, "end": end, "timezone": zone or "UTC"}


def _operations(file: str | None) -> Any:
    if not file:
        return []
    try:
        return msgspec.json.decode(Path(file).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"is no list of operations: {error}", file=file) from None
