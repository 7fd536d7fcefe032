"""Commands for values: set them, say why they are what they are, show them as they go out."""

from __future__ import annotations

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing


@click.command("set")
@click.argument("ref")
@click.argument("assignments", nargs=-1, required=True, metavar="NODE=VALUE...")
@printing
def set_values(ref: str, assignments: tuple[str, ...]) -> tuple[object, str]:
    """Set values of a subscriber, or of one device when REF is a device id. NODE reads MO/path: ims/Timer_T1=3000."""
    values = {}
    for assignment in assignments:
        node, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"{assignment!r} has no value; write NODE=VALUE, for example ims/Timer_T1=3000")
        values[node] = value
    return _change(ref, {"set": values}, [f"{node} = {value}" for node, value in values.items()])


@click.command("unset")
@click.argument("ref")
@click.argument("nodes", nargs=-1, required=True)
@printing
def unset_values(ref: str, nodes: tuple[str, ...]) -> tuple[object, str]:
    """Take back values that were set on a subscriber or device; the profiles' values hold again."""
    return _change(ref, {"unset": list(nodes)}, [f"{node} is the profiles' again" for node in nodes])


def _change(ref: str, body: dict[str, object], lines: list[str]) -> tuple[object, str]:
    answer = api("PATCH", f"/subscribers/{segment(ref)}/values", body=body)
    return answer, "\n".join([*lines, *(f"warning: {warning}" for warning in answer["warnings"])])


_device_option = click.option(
    "--device", "device_id", default="", help="Id of the device, where the subscriber has several."
)


@click.command()
@click.argument("ref")
@click.argument("node", required=False, default="")
@click.option("--node", "below", default="", help="The same as NODE.")
@_device_option
@printing
def explain(ref: str, node: str, below: str, device_id: str) -> tuple[object, str]:
    """Say which layer set each value, and which layers lost; with NODE only of this node and what is below it."""
    if node and below not in ("", node):
        raise click.UsageError(f"NODE is {node!r} and --node {below!r}; name one node")
    node = node or below
    query = {name: value for name, value in (("node", node), ("device", device_id)) if value}
    found = api("GET", f"/subscribers/{segment(ref)}/explain", query=query)
    return found, report.explanation(found)


@click.command()
@click.argument("ref")
@click.option(
    "--as",
    "form",
    type=click.Choice(["omadm", "rcc14", "cp", "manual"]),
    default="rcc14",
    show_default=True,
    help="For an OMA DM device, an RCC.14 client, an OMA CP phone, or somebody who types it in.",
)
@click.option(
    "--layout", type=click.Choice(["A", "B"]), default="B", show_default=True, help="A is for clients up to UP 1.0."
)
@click.option("--language", default="", help="Of the words with --as manual; English where there are such words.")
@_device_option
@printing
def render(ref: str, form: str, layout: str, language: str, device_id: str) -> tuple[object, str]:
    """Show what a device would get now. Nothing is sent.

    That is a document, with --as omadm the commands that its next OMA DM session would begin with, or with --as manual
    what its user has to type, to be read out to one whose phone cannot take settings.
    """
    query = {"device": device_id} if device_id else {}
    if form == "omadm":
        found = api("GET", f"/subscribers/{segment(ref)}/syncml", query=query)
        return found, report.syncml(found)
    if form == "manual":
        found = api("GET", f"/subscribers/{segment(ref)}/instructions", query=query | {"language": language})
        return found, report.instructions(found)
    if form == "cp":
        found = api("GET", f"/subscribers/{segment(ref)}/cp-document", query=query)
        return found, f"{report.document(found['document'])}\n\n{report.hexadecimal(found['wbxml'])}"
    found = api("GET", f"/subscribers/{segment(ref)}/document", query=query | {"layout": layout})
    return found, report.document(found["document"])
