"""Commands around the gateway itself: serve it, make its data, check its files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click
import uvloop

from gateway import app, datadir, report
from gateway.cli.common import printing, settings
from gateway.observe import logs
from gateway.settings import Listener


@click.command()
def serve() -> None:
    """Serve until Ctrl-C."""
    chosen = settings()
    logs.configure(identities=chosen.logging.identities, form=chosen.logging.format)

    def announce(bound: Sequence[tuple[Listener, int]]) -> None:
        click.echo(report.welcome(bound, demo=datadir.has_demo(chosen)))
        sys.stdout.flush()

    uvloop.run(app.serve(chosen, announce))


@click.command()
@click.option("--demo", is_flag=True, help="Also make a demo certificate authority, subscribers and devices.")
@printing
def init(demo: bool) -> tuple[object, str]:
    """Make the data directory with its keys and the admin token; what exists is kept."""
    chosen = settings()
    made = asyncio.run(datadir.initialise(chosen, demo=demo))
    return made, "\n".join(f"{name}: {state}" for name, state in made.items())


@click.command()
@printing
def check() -> tuple[object, str]:
    """Read settings, DDFs, profiles and mappings, and say what is wrong or doubtful."""
    chosen = settings()
    configuration = app.load_configuration(chosen)
    warnings = [str(warning) for warning in configuration.profiles.warnings]
    counts = {"mos": len(list(configuration.catalogue)), "profiles": len(configuration.profiles.profiles)}
    text = [
        f"{counts['mos']} MOs and {counts['profiles']} profiles are in order.",
        *map("warning: {}".format, warnings),
    ]
    return counts | {"warnings": warnings}, "\n".join(text)


COMMANDS = (serve, init, check)
