"""The command that has a shell complete the others."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gateway.cli.common import printing

VARIABLE = "_MOGATE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@printing
def completion(shell: str) -> tuple[object, str]:
    """Print what makes a shell complete commands and options.

    For bash: mogate completion bash > ~/.local/share/bash-completion/completions/mogate
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(click.get_current_context().find_root().command, {}, "mogate", VARIABLE).source()
    return {"shell": shell, "script": script}, script.strip()
