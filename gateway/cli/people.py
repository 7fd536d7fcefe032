"""Commands for those who may use the admin API."""

from __future__ import annotations

from typing import Any

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.common import api, printing, read_secret, removal

_ROLES = click.Choice(["viewer", "helpdesk", "provisioning", "noc", "admin"])


@click.group()
def user() -> None:
    """People who may use the console and the admin API."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the person is there to do.")
@click.option("--tenant", default="", help="The only tenant whose subscribers they get to see.")
@click.option("--no-password", is_flag=True, help="For one who logs in at the OpenID provider alone.")
@printing
def user_add(name: str, role: str, tenant: str, no_password: bool) -> tuple[object, str]:
    """Let a person in. The password is asked for, or read as a line from standard input."""
    password = None if no_password else read_secret("Password")
    made = api("POST", "/users", body={"name": name, "role": role, "tenant": tenant, "password": password})
    return made, f"{made['name']} may come in as {made['role']}"


@user.command("list")
@printing
def user_list() -> tuple[object, str]:
    """List the people who may use the API."""
    found = api("GET", "/users")
    rows = [
        [
            one["name"],
            one["role"],
            one["tenant"],
            "disabled" if one["disabled"] else "",
            one["last_login_at"] or "never",
        ]
        for one in found
    ]
    return found, report.table(["name", "role", "tenant", "state", "last log-in"], rows)


@user.command("change")
@click.argument("name")
@click.option("--role", type=_ROLES, default=None, help="Another role.")
@click.option("--tenant", default=None, help="Another tenant; empty for all.")
@click.option("--disable/--enable", default=None, help="Keep them out, or let them in again.")
@click.option("--password", "asks", is_flag=True, help="A new password; it is asked for, or read from standard input.")
@printing
def user_change(
    name: str, role: str | None, tenant: str | None, disable: bool | None, asks: bool
) -> tuple[object, str]:
    """Change what a person may do, or their password."""
    changes: dict[str, Any] = {"role": role, "tenant": tenant, "disabled": disable}
    if asks:
        changes["password"] = read_secret("Password")
    made = api("PATCH", f"/users/{segment(name)}", body={key: one for key, one in changes.items() if one is not None})
    return made, f"{made['name']} is {made['role']}{', disabled' if made['disabled'] else ''}"


user.add_command(removal("delete", "/users", "Remove a person; their sessions end.", takes="name"))


@click.group()
def token() -> None:
    """Tokens for programs that use the admin API."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=_ROLES, default=None, help="The permissions of a role.")
@click.option("--permission", "permissions", multiple=True, help="RESOURCE:VERB, as devices:read; may be given again.")
@click.option("--tenant", default="", help="The only tenant whose subscribers it gets to see.")
@click.option(
    "--network", "networks", multiple=True, help="Where it may come from, as 192.0.2.0/24; may be given again."
)
@click.option("--days", type=click.IntRange(0), default=90, show_default=True, help="How long it is good; 0 for ever.")
@printing
def token_create(permissions: tuple[str, ...], networks: tuple[str, ...], **fields: Any) -> tuple[object, str]:
    """Make a token; it is shown this once."""
    made = api("POST", "/tokens", body={**fields, "permissions": list(permissions), "networks": list(networks)})
    return made, f"{made['token']}\nuntil {made['expires_at'] or 'it is revoked'}; it is not shown again"


@token.command("list")
@printing
def token_list() -> tuple[object, str]:
    """List tokens: what they may do, until when, and when they were last used."""
    found = api("GET", "/tokens")
    rows = [
        [one["id"], one["name"], one["tenant"], one["expires_at"] or "never", one["last_used_at"] or "never",
         " ".join(one["permissions"])]
        for one in found
    ]  # fmt: skip
    return found, report.table(["id", "name", "tenant", "ends", "last used", "permissions"], rows)


token.add_command(removal("revoke", "/tokens", "End a token.", takes="id", done="revoked"))
