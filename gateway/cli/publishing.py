"""Commands for profiles: those on the server, and those of a directory here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gateway import report
from gateway.cli.campaigns import each_device, going_on, groups_of, waits_of
from gateway.cli.common import api, printing
from gateway.errors import ConfigError, Conflict
from gateway.fleet.profile import read_profiles

ERROR, CHANGES = 1, 2
NOTHING = "nothing changes"
PLAN_SECONDS = 600.0
"""For the gateway to look at all of its devices."""


@click.group()
def profile() -> None:
    """Profiles, as files."""


@profile.command("publish")
@click.option(
    "--over", type=click.IntRange(0), default=3600, show_default=True, metavar="SECONDS", help="Spread the calls."
)
@click.option(
    "--groups",
    default="",
    metavar="N,P%,…",
    help="Group after group, the last takes the rest; who is not of an open group keeps the edition before.",
)
@going_on
@each_device
@click.option("--dry-run", is_flag=True, help="Show whose content would change; change nothing.")
@printing
def publish(over: int, groups: str, dry_run: bool, **given: Any) -> tuple[object, str]:
    """Serve the profiles as the files have them, and make the devices whose content that changes call."""
    query: dict[str, Any] = {"dry_run": "true"} if dry_run else {}
    body: dict[str, Any] = {"within_seconds": over, **waits_of(given)}
    if groups:
        body |= {"by_groups": True, **groups_of(groups, given)}
    made = api("POST", "/profiles/publish", query=query, body=body)
    return made, report.publication(made)


@profile.command("editions")
@printing
def editions() -> tuple[object, str]:
    """List the editions of the profiles that `mogate apply` replaced, newest first."""
    found = api("GET", "/profiles/editions")
    rows = [[one["edition"], one["replaced_at"], str(one["files"])] for one in found]
    return found, report.table(["edition", "replaced at", "files"], rows)


@profile.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--edition", default="", help="As they were in this edition.")
@printing
def export(directory: Path, edition: str) -> tuple[object, str]:
    """Write the gateway's profiles into DIRECTORY, which holds no others: to begin with, or to go back."""
    found = api("GET", "/profiles/files", query={"edition": edition} if edition else {})
    if directory.is_dir() and any(directory.glob("*.toml")):
        raise ConfigError("has profiles in it already; name an empty directory", file=directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in found["profiles"].items():
            (directory / Path(name).name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=directory) from None
    written = {"edition": found["edition"], "directory": str(directory), "files": len(found["profiles"])}
    return written, f"{directory}: {written['files']} profiles of edition {found['edition']}"


class _Checking(click.Command):
    """Ends with 2 when there is something to change, so a mistake in the command is 1 as any other error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.show()
            ctx.exit(ERROR)


_directory = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_base = click.option("--base", default="", metavar="EDITION", help="Only if the gateway's profiles still are of this.")


@click.command(cls=_Checking)
@_directory
@_base
@printing
def plan(directory: Path, base: str) -> tuple[object, str, int]:
    """Show what the profiles in DIR would change on the gateway.

    That is line by line, with the number of devices whose content changes. The exit status is 0 when nothing changes,
    2 when something does, and 1 when something is wrong.
    """
    return _planned(directory, {}, base)


@click.command(cls=_Checking)
@_directory
@printing
def diff(directory: Path) -> tuple[object, str, int]:
    """Show in what the profiles in DIR differ from those of the gateway.

    Devices are not looked at. The exit status is 0 when nothing differs, 2 when something does, and 1 when something
    is wrong.
    """
    return _planned(directory, {"devices": "false"})


@click.command()
@_directory
@_base
@click.option("--plan", "planned", default="", metavar="PLAN", help="Only as `mogate plan` has shown it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--allow-deletions", is_flag=True, help="Also delete profiles that DIR does not have.")
@click.option(
    "--over", type=click.IntRange(0), default=3600, show_default=True, metavar="SECONDS", help="Spread the calls."
)
@click.option("--no-call", is_flag=True, help="Make no device call; each takes what is new when it calls.")
@each_device
@printing
def apply(
    directory: Path, base: str, planned: str, yes: bool, allow_deletions: bool, over: int, no_call: bool, **given: Any
) -> tuple[object, str]:
    """Make the profiles in DIR those of the gateway.

    They are served at once, and the devices that they change are made to call. Nothing is changed when anything is
    wrong with them, or when somebody else changed them since the plan was made.
    """
    files = _files(directory)
    if not planned:
        found = _plan(files, base=base)
        if not found["changes"]:
            return found, NOTHING
        click.echo(report.plan(found), err=True)
        if not yes and not sys.stdin.isatty():
            raise click.UsageError("say --yes, or which --plan, where nobody can be asked")
        if not yes and not click.confirm("Apply this?", err=True):
            raise Conflict("nothing was changed")
        planned = found["plan"]
    body = {
        "profiles": files,
        "base": base,
        "plan": planned,
        "allow_deletions": allow_deletions,
        "call": not no_call,
        "within_seconds": over,
        **waits_of(given),
    }
    made = api("POST", "/profiles/apply", body=body, seconds=PLAN_SECONDS)
    return made, report.publication(made) if made["changes"] else NOTHING


def _planned(directory: Path, query: dict[str, str], base: str = "") -> tuple[object, str, int]:
    found = _plan(_files(directory), query, base)
    if not found["changes"]:
        return found, NOTHING, 0
    return found, report.plan(found, devices=not query), CHANGES


def _plan(files: dict[str, str], query: dict[str, str] | None = None, base: str = "") -> Any:
    body = {"profiles": files, "base": base}
    return api("POST", "/profiles/plan", query=query, body=body, seconds=PLAN_SECONDS)


def _files(directory: Path) -> dict[str, str]:
    """The profiles in the directory. Raises: ConfigError when there is none, for that would delete them all."""
    files = read_profiles(directory)
    if not files:
        raise ConfigError("has no profile in it; profiles are files named *.toml", file=directory)
    return files
