"""Commands around the gateway itself: serve it, make its data, check its files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path

import click
import uvloop

from gateway import app, datadir, report
from gateway.admin.models.simulator import NewRun
from gateway.admin.simulator import Heard, Play
from gateway.cli.common import api, printing, settings
from gateway.files import load_configuration
from gateway.observe import logs
from gateway.observe.siblings import Siblings
from gateway.serving import workers as supervisor
from gateway.serving.notify import notify
from gateway.settings import Listener, find_settings_file, load_origins


@click.command()
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to serve with.")
@click.option("--worker", type=(int, click.Path(path_type=Path)), default=None, hidden=True, help="Be one of them.")
def serve(workers: int, worker: tuple[int, Path] | None) -> None:
    """Serve until Ctrl-C. Several workers share the addresses and the state, which must then be in Redis or Valkey."""
    chosen = settings()
    logs.configure(identities=chosen.logging.identities, form=chosen.logging.format)

    def welcome(bound: Sequence[tuple[Listener, int]]) -> None:
        click.echo(report.welcome(bound, demo=datadir.has_demo(chosen)))
        sys.stdout.flush()
        notify("READY=1")

    def ready(_: object) -> None:
        sys.stdout.buffer.write(supervisor.READY)
        sys.stdout.flush()

    if worker is not None:
        number, folder = worker
        uvloop.run(app.serve(chosen, ready, Siblings(folder, number), load_origins(find_settings_file()), _player()))
    elif workers == 1:
        uvloop.run(app.serve(chosen, welcome, origins=load_origins(find_settings_file()), play=_player()))
    else:
        supervisor.check(chosen)
        ports = [(listener, listener.address.port) for listener in chosen.listeners]
        drain_seconds = chosen.load.drain_seconds
        sys.exit(asyncio.run(supervisor.supervise(workers, lambda: welcome(ports), drain_seconds=drain_seconds)))


def _player() -> Play | None:
    """What plays simulated devices, where settings and data directory have them; the first play brings it in."""
    chosen = settings()
    if chosen.admin.simulator == "off" or not datadir.has_demo(chosen):
        return None

    def play(wish: NewRun) -> tuple[Heard, Awaitable[object]]:
        from gateway import playing

        return playing.play(chosen, wish)

    return play


@click.command()
@click.option("--demo", is_flag=True, help="Also make a demo certificate authority, subscribers and devices.")
@printing
def init(demo: bool) -> tuple[object, str]:
    """Make the data directory with its keys and the admin token; what exists is kept."""
    chosen = settings()
    made = asyncio.run(datadir.initialise(chosen, demo=demo))
    return made, "\n".join(f"{name}: {state}" for name, state in made.items())


@click.command()
@click.option("--show-origin", is_flag=True, help="List every setting with its value and where that was said instead.")
@printing
def check(show_origin: bool) -> tuple[object, str]:
    """Read settings, DDFs, profiles and mappings, and say what is wrong or doubtful."""
    if show_origin:
        found = load_origins(find_settings_file())
        return [one._asdict() for one in found], report.table(("setting", "said by", "value"), found)
    chosen = settings()
    configuration = load_configuration(chosen)
    warnings = [*chosen.rcc14.doubts, *map(str, configuration.profiles.warnings)]
    counts = {"mos": len(list(configuration.catalogue)), "profiles": len(configuration.profiles.profiles)}
    text = [
        f"{counts['mos']} MOs and {counts['profiles']} profiles are in order.",
        *map("warning: {}".format, warnings),
    ]
    return counts | {"warnings": warnings}, "\n".join(text)


@click.command()
@printing
def nodes() -> tuple[object, str]:
    """List the processes that serve from the store of the running gateway, of whatever host."""
    found = api("GET", "/nodes")
    head = ("host", "worker", "process", "version", "commit", "started", "told")
    rows = [
        [one["host"], "" if one["worker"] is None else str(one["worker"]), str(one["pid"]), one["version"],
         one["commit"][:12], one["started_at"], one["told_at"]]
        for one in found
    ]  # fmt: skip
    return found, report.table(head, rows)


@click.command()
@printing
def tenants() -> tuple[object, str]:
    """List the tenants of the running gateway, with how many subscribers and devices each had when last counted."""
    found = api("GET", "/tenants")
    rows = [[one["name"] or "-", str(one["subscribers"]), str(one["devices"]), one["counted_at"]] for one in found]
    counted = report.table(("tenant", "subscribers", "devices", "counted"), rows)
    return found, counted if rows else "nobody has counted yet; that is done every quarter of an hour"


@click.command()
@printing
def reload() -> tuple[object, str]:
    """Have the running gateway take up profiles, mappings, DDFs, ranges and certificates as they are on disk.

    All workers take up all of it, or none does: what is wrong is told with file, line and key, and the old is served
    on. Settings are not read anew.
    """
    done = api("POST", "/reload")
    text = [f"{'taken up' if done['changed'] else 'nothing changed'}: {done['digest']}"]
    return done, "\n".join([*text, *map("warning: {}".format, done["warnings"])])
