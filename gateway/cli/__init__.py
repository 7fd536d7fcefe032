"""The ``mogate`` command. Each command prints for people, or with ``--json`` for machines."""

from __future__ import annotations

import click

from gateway.cli import catalogue, fleet, importing, mapping, objects, push, server, simulate, state, trace, values
from gateway.cli.common import Group


@click.group(cls=Group)
@click.version_option(package_name="mogate")
def main() -> None:
    """One management-object tree, served over OMA DM, RCC.14 and OMA CP."""


for _topic in (server, state, catalogue, mapping, fleet, values, trace, objects, importing, push, simulate):
    for _command in _topic.COMMANDS:
        main.add_command(_command)
