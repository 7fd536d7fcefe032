"""Commands that take over what others hold."""

from __future__ import annotations

import click

from gateway.cli.group import Group, Later


@click.group(
    cls=Group,
    later={
        "rcc14": Later("takeover:import_rcc14", "Turn a provisioning document of another server into a profile."),
        "subscribers": Later("bulk:import_subscribers", "Create the subscribers of FILE"),
        "devices": Later("bulk:import_devices", "Add the devices of FILE with the OMA DM accounts they have"),
        "tokens": Later("bulk:import_tokens", "Let clients in with the tokens of FILE"),
        "values": Later(
            "bulk:import_values", "Set the values of FILE on subscribers and single devices: CSV or JSON lines."
        ),
        "rows": Later("rows:import_rows", "Take over the subscribers, devices and tokens in FILE"),
        "state": Later("state:import_state", "Put what `mogate export` wrote into the store."),
    },
)
def import_() -> None:
    """Take over what another server holds."""
