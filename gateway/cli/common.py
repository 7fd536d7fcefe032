"""What the commands share: how they print, how they ask the gateway."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

import click

from gateway.admin import client
from gateway.settings import Settings, find_settings_file, load_settings

P = ParamSpec("P")


def printing(command: Callable[P, Any]) -> Callable[P, None]:
    """Print what the command returns: (value for --json, text for people), or nothing.

    A third thing that it returns is the exit status.
    """

    @click.option("--json", "as_machine", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        machine = bool(kwargs.pop("as_machine"))
        printed = command(*args, **kwargs)
        if printed is not None:
            value, text, *status = printed
            click.echo(json.dumps(value, indent=2) if machine else text)
            if status:
                click.get_current_context().exit(*status)

    return wrapped


@contextlib.contextmanager
def progress(label: str, length: int | None = None) -> Iterator[Callable[[int], object]]:
    """Takes how much more is done, of so much, and shows it on a terminal; not with --json, and nowhere else."""
    if click.get_current_context().params.get("as_machine") or not sys.stderr.isatty():
        yield lambda _: None
        return
    endless = None if length is not None else itertools.count()
    steps = 500 if length is None else max(1, length // 200)
    with click.progressbar(endless, length, label=label, file=sys.stderr, show_pos=True, update_min_steps=steps) as bar:
        yield bar.update


def removal(name: str, path: str, help_: str, *, takes: str = "ref", done: str = "deleted") -> click.Command:
    """A command that removes what its argument names; ``path`` is where things of that kind are."""

    @click.command(name, help=help_)
    @click.argument("thing", metavar=takes.upper())
    @printing
    def command(thing: str) -> tuple[object, str]:
        api("DELETE", f"{path}/{client.segment(thing)}")
        return {done: thing}, f"{done} {thing}"

    return command


def api(method: str, path: str, **arguments: Any) -> Any:
    """What the admin API of the running gateway answers. Raises: MogateError."""
    reason = click.get_current_context().find_root().params.get("reason", "")
    return client.call(settings(), method, path, reason=reason, **arguments)


@functools.cache
def settings() -> Settings:
    """The settings of this installation."""
    return load_settings(find_settings_file())


def read_secret(what: str) -> str:
    """What the person at the terminal types twice and unseen, or else the next line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
