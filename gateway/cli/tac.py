"""Commands for the table of phone models by Type Allocation Code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli.bulk import as_lines, send
from gateway.cli.common import api, printing
from gateway.cli.tables import read_rows
from gateway.fleet.tac import COLUMNS


@click.group()
def tac() -> None:
    """Phone models by the first eight digits of the IMEI."""


@tac.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@printing
def tac_import(file: Path) -> tuple[object, str, int]:
    """Take a CSV file in: tac, manufacturer, model, and with blanks between them protocols and capabilities.

    Protocols are of omadm, rcc14, omacp. Rows that are there already are replaced.
    """
    return send(file, "/tac/bulk", as_lines(read_rows(file, COLUMNS)))


@tac.command("show")
@click.argument("tac_", metavar="TAC")
@printing
def tac_show(tac_: str) -> tuple[object, str]:
    """Show what the table says of a TAC, or of the phone with an IMEI."""
    found: dict[str, Any] = api("GET", f"/tac/{segment(tac_[:8])}")
    return found, report.phone_model(found)
