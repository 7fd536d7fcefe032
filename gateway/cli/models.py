"""Commands for what devices of one model were found to lack."""

from __future__ import annotations

import click

from gateway import report
from gateway.cli.common import api, printing
from gateway.fleet.abilities import LEARNT, is_limit
from gateway.learnt import LIMITS


@click.group("model")
def model() -> None:
    """What devices of one make and model were found to lack."""


@model.command("list")
@printing
def list_() -> tuple[object, str]:
    """List what devices refused, and the limits that they said, by model, and whether others of it go by that."""
    found = api("GET", "/models")
    rows = [
        [one["manufacturer"], one["model"], finding["verb"], _why(finding), "yes" if finding["held_back"] else "no"]
        for one in found
        for finding in one["findings"]
    ]
    return found, report.table(["manufacturer", "model", "command or limit", "why", "held back"], rows)


@model.command("say")
@click.argument("manufacturer")
@click.argument("name", metavar="MODEL")
@click.argument("verb", type=click.Choice([*LEARNT, LIMITS]))
@click.argument("word", type=click.Choice(["lacks", "has", "forget"]))
@printing
def say(manufacturer: str, name: str, verb: str, word: str) -> tuple[object, str]:
    """Say that a model lacks or has a command, or forget what was learnt of it, so that it is tried anew.

    Its limits can be forgotten, so that each of its devices is asked for its own.
    """
    body = {"manufacturer": manufacturer, "model": name, "verb": verb, "word": None if word == "forget" else word}
    said = api("POST", "/models/word", body=body)
    findings = {finding["verb"]: finding for finding in said["findings"]}
    held = verb in findings and findings[verb]["held_back"]
    became = "are asked for" if verb == LIMITS else "is held back" if held else "is sent"
    return said, f"{manufacturer} {name}: {verb} {became}"


def _why(finding: dict[str, object]) -> str:
    did = "said" if is_limit(str(finding["verb"])) else "refused"
    return f"you said so: {finding['word']}" if finding["word"] else f"{did} by {finding['refused_by']}"
