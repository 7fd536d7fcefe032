"""Commands for sets of nodes, and for reading nodes of a device."""

from __future__ import annotations

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing, removal


@click.group("node-set")
def node_set() -> None:
    """Nodes that are read often, by name."""


@node_set.command("list")
@printing
def list_() -> tuple[object, str]:
    """List the sets with their nodes."""
    found = api("GET", "/node-sets")
    return found, report.table(["name", "nodes"], [[one["name"], " ".join(one["uris"])] for one in found])


@node_set.command("save")
@click.argument("name")
@click.argument("uris", nargs=-1, required=True, metavar="URI...")
@printing
def save(name: str, uris: tuple[str, ...]) -> tuple[object, str]:
    """Keep these nodes as NAME, in place of what was called so."""
    made = api("PUT", f"/node-sets/{segment(name)}", body={"uris": list(uris)})
    return made, f"{made['name']}: {len(made['uris'])} nodes"


node_set.add_command(removal("delete", "/node-sets", "Forget a set.", takes="name"))


@click.command("get")
@click.argument("ref")
@click.argument("uris", nargs=-1, metavar="[URI]...")
@click.option("--set", "name", default="", help="The nodes of this set, of `mogate node-set`.")
@printing
def device_get(ref: str, uris: tuple[str, ...], name: str) -> tuple[object, str]:
    """Ask a device for nodes in its next session; `mogate device show` has what came."""
    if not uris and not name:
        raise click.UsageError("name nodes, or a set of them with --set")
    path = f"/devices/{segment(ref)}"
    queued = api("POST", f"{path}/node-sets/{segment(name)}") if name else []
    queued += [api("POST", f"{path}/operations", body={"verb": "Get", "uri": uri}) for uri in uris]
    return queued, "\n".join(f"operation {one['id']}  Get {one['uri']}  waits for the next session" for one in queued)
