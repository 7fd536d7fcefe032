"""Commands for the catalogue of management objects."""

from __future__ import annotations

import click

from gateway import report
from gateway.cli.common import printing, settings
from gateway.files import load_catalogue
from gateway.mo.outline import as_json, outline


@click.group()
def mo() -> None:
    """The catalogue of management objects."""


@mo.command("list")
@printing
def mo_list() -> tuple[object, str]:
    """List every MO with its identifier."""
    objects = list(load_catalogue(settings()))
    counts = {mo.key: sum(1 for _ in mo.root.walk()) for mo in objects}
    rows = [[mo.key, mo.moi or "(set in catalogue.identifiers)", str(counts[mo.key]), mo.title] for mo in objects]
    value = [{"key": mo.key, "moi": mo.moi, "nodes": counts[mo.key], "title": mo.title} for mo in objects]
    return value, report.table(["MO", "identifier", "nodes", "title"], rows)


@mo.command("show")
@click.argument("moi")
@printing
def mo_show(moi: str) -> tuple[object, str]:
    """Show one MO as a tree: format, occurrence, access, permitted values, provenance."""
    managed = load_catalogue(settings()).get(moi)
    return as_json(managed), outline(managed)
