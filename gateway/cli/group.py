"""Groups of commands, which bring a command's module in when that command is called: few commands need much."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from gateway.errors import MogateError


class Later(NamedTuple):
    """A command that is not imported yet: ``place`` is module and name in it, ``summary`` the start of its help."""

    place: str
    summary: str

    def command(self) -> click.Command:
        """The command itself."""
        module, _, name = self.place.partition(":")
        found: click.Command = getattr(importlib.import_module(f"gateway.cli.{module}"), name)
        return found


class Group(click.Group):
    """Knows the names and summaries of commands in other modules.

    It ends with the gateway's own message, not a traceback, when something is wrong with what was asked.
    """

    def __init__(self, *arguments: Any, later: Mapping[str, Later], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.later = later

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.later, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.later and cmd_name not in self.commands:
            self.add_command(self.later[cmd_name].command(), cmd_name)
        return super().get_command(ctx, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that go on so, and options; none is brought in for it."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self.later[name].summary if name in self.later else None) for name in names]
        return [*dict.fromkeys(found), *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.summary) for name, one in self.later.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MogateError as error:
            raise click.ClickException(str(error)) from None
