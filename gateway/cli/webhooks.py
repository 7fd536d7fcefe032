"""Commands for webhooks."""

from __future__ import annotations

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing


@click.group()
def webhook() -> None:
    """Receivers of events, over HTTP."""


@webhook.command("add")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, default=["*"], show_default=True, help="A kind, or a pattern of kinds."
)
@printing
def add(url: str, events: tuple[str, ...]) -> tuple[object, str]:
    """Have events sent to URL from now on. The secret that signs them is shown this once."""
    made = api("POST", "/webhooks", body={"url": url, "events": events})
    return made, report.webhook(made)


@webhook.command("list")
@printing
def list_() -> tuple[object, str]:
    """List webhooks."""
    found = api("GET", "/webhooks", query={"limit": "1000"})
    return found, "\n".join(map(report.webhook, found)) or "there is no webhook"


@webhook.command("remove")
@click.argument("id_", metavar="ID")
@printing
def remove(id_: str) -> tuple[object, str]:
    """Send a receiver nothing more, and forget what waited."""
    api("DELETE", f"/webhooks/{segment(id_)}")
    return {"id": id_}, f"webhook {id_} is removed"


@webhook.command("test")
@click.argument("id_", metavar="ID")
@printing
def test(id_: str) -> tuple[object, str]:
    """Send a test now, and show what the receiver answered."""
    found = api("POST", f"/webhooks/{segment(id_)}/test")
    return found, report.delivery(found)


@webhook.command("log")
@click.argument("id_", metavar="ID")
@click.option("--after", default="", help="Go on after this message.")
@printing
def log(id_: str, after: str) -> tuple[object, str]:
    """Show what was sent and what waits, oldest first."""
    query = {"limit": "1000"} | ({"after": after} if after else {})
    found = api("GET", f"/webhooks/{segment(id_)}/deliveries", query=query)
    return found, "\n".join(map(report.delivery, found)) or "nothing was sent, and nothing waits"


@webhook.command("replay")
@click.argument("id_", metavar="ID")
@click.argument("message", default="")
@printing
def replay(id_: str, message: str) -> tuple[object, str]:
    """Send once more what failed, or only MESSAGE, whatever came of it."""
    query = {"delivery": message} if message else {}
    found = api("POST", f"/webhooks/{segment(id_)}/replay", query=query)
    return found, f"{found['count']} messages are sent once more"
