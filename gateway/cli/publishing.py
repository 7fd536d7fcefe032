"""Commands for profiles."""

from __future__ import annotations

from typing import Any

import click

from gateway import report
from gateway.cli.common import api, printing


@click.group()
def profile() -> None:
    """Profiles, as files."""


@profile.command("publish")
@click.option(
    "--over", type=click.IntRange(0), default=3600, show_default=True, metavar="SECONDS", help="Spread the calls."
)
@click.option("--dry-run", is_flag=True, help="Show whose content would change; change nothing.")
@printing
def publish(over: int, dry_run: bool) -> tuple[object, str]:
    """Serve the profiles as the files have them, and make the devices whose content that changes call."""
    query: dict[str, Any] = {"dry_run": "true"} if dry_run else {}
    made = api("POST", "/profiles/publish", query=query, body={"within_seconds": over})
    return made, report.publication(made)
