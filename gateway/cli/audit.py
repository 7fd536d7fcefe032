"""The command that shows who did what."""

from __future__ import annotations

import sys

import click

from gateway import report
from gateway.admin import client
from gateway.admin.client import segment
from gateway.cli.common import api, printing, settings

_FORMS = {"csv": "text/csv", "jsonl": "application/jsonl"}


@click.group()
def audit() -> None:
    """Who did what."""


@audit.command("list")
@click.option("--who", default="", help="By this user:NAME, token:NAME or admin.token.")
@click.option("--subject", default="", help="To this subscriber, device, user or token, by its id.")
@click.option(
    "--of", default="", metavar="REF", help="To this subscriber or any of the devices, by whatever names them."
)
@click.option("--since", default="", help="No earlier than this time, as 2026-01-31T12:00:00Z.")
@click.option("--until", default="", help="Before this time.")
@click.option("--newest", is_flag=True, help="Newest first; --after then goes on with older ones.")
@click.option("--after", default="", help="Go on after the entry with this id.")
@click.option("--limit", default=100, show_default=True, help="How many.")
@printing
def audit_list(
    who: str, subject: str, of: str, since: str, until: str, newest: bool, after: str, limit: int
) -> tuple[object, str]:
    """Show changes and refused attempts, oldest first."""
    asked = {"who": who, "subject": subject, "since": since, "until": until, "after": after, "limit": str(limit)}
    asked["newest"] = "true" if newest else ""
    path = f"/subscribers/{segment(of)}/changes" if of else "/audit"
    found = api("GET", path, query={name: value for name, value in asked.items() if value})
    rows = [
        [one["at"][:19], one["who"], one["address"], one["action"], one["subject"], str(one["status"]), one["reason"]]
        for one in found
    ]
    return found, report.table(["at", "who", "from", "did", "to", "answer", "because"], rows)


@audit.command("export")
@click.option(
    "--format", "form", type=click.Choice([*_FORMS]), default="jsonl", show_default=True, help="Of the lines."
)
@click.option("--json", "as_machine", is_flag=True, hidden=True, help="Lines of JSON, whatever the format.")
def audit_export(form: str, as_machine: bool) -> None:
    """Write the whole log to standard output, with what was asked and what was so before and after."""
    for chunk in client.download(settings(), "/audit", _FORMS["jsonl" if as_machine else form]):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
