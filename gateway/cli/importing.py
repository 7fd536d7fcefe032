"""Commands that take over what others hold."""

from __future__ import annotations

import click

from gateway.cli.group import Group, Later


@click.group(
    cls=Group,
    later={
        "rcc14": Later("takeover:import_rcc14", "Turn a provisioning document of another server into a profile."),
        "state": Later("state:import_state", "Put what `mogate export` wrote into the store."),
    },
)
def import_() -> None:
    """Take over what another server holds."""
