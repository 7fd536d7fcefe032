"""The command that shows the event log."""

from __future__ import annotations

import click

from gateway import report
from gateway.cli.common import api, printing


@click.command()
@click.option("--subscriber", default="", help="Only of this subscriber id.")
@click.option("--device", default="", help="Only of this device id.")
@click.option("--after", default=0, help="Only after this number.")
@click.option("--limit", default=100, show_default=True, help="How many.")
@printing
def events(subscriber: str, device: str, after: int, limit: int) -> tuple[object, str]:
    """Show what happened to subscribers and devices, oldest first."""
    query = {"subscriber": subscriber, "device": device, "after": str(after), "limit": str(limit)}
    found = api("GET", "/events", query={name: text for name, text in query.items() if text})
    return found, "\n".join(map(report.event, found))
