"""The command that tells of SIMs seen in phones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gateway import report
from gateway.cli.bulk import as_lines, send
from gateway.cli.common import api, printing
from gateway.fleet.detection_csv import read_csv


@click.command()
@click.option("--imsi", default="", help="The SIM.")
@click.option("--imei", default="", help="The phone: an IMEI or IMEISV.")
@click.option("--msisdn", default="", help="The number, in international form.")
@click.option("--apn", "apns", multiple=True, help="An APN of the subscription; give it once for each.")
@click.option("--former-imsi", default="", help="The SIM that this one takes the place of.")
@click.option("--removed", is_flag=True, help="The subscription is gone.")
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file of them."
)
@click.option("--replay", is_flag=True, help="Say what rules would make of the detections of the last hours.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=24.0, show_default=True, help="How many.")
@click.option("--rules", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="These rules instead.")
@click.option("--dry-run", is_flag=True, help="With --replay: nothing is done. There is no other kind of replay.")
@printing
def detect(
    file: Path | None,
    apns: tuple[str, ...],
    replay: bool,
    hours: float,
    rules: Path | None,
    dry_run: bool,
    **fields: Any,
) -> tuple[object, ...]:
    """Tell of a SIM that was seen in a phone, or of many in a CSV file.

    The file's first line names its columns: imsi, imei, msisdn, apns (with blanks between them), former_imsi, removed,
    seen_at (2026-05-01T12:00:00Z); a row needs imsi or msisdn.
    """
    if replay:
        if not dry_run:
            raise click.UsageError("what followed once is not done again; --replay goes with --dry-run")
        return _replay(hours, rules)
    if rules or dry_run:
        raise click.UsageError("--rules and --dry-run go with --replay")
    if file is None:
        body = fields | ({"apns": list(apns)} if apns else {})
        found = api("POST", "/detections", body=body)
        return found, report.sighting(found)
    if apns or any(fields.values()):
        raise click.UsageError("--from takes everything from the file; leave the other options out")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return send(file, "/detections/bulk", as_lines(read_csv(lines, file)), query={"source": "csv"})


def _replay(hours: float, rules: Path | None) -> tuple[object, str]:
    until = datetime.now(UTC)
    body = {
        "since": (until - timedelta(hours=hours)).isoformat(),
        "until": until.isoformat(),
        "rules": rules.read_text(encoding="utf-8") if rules else None,
    }
    found = api("POST", "/detections/replay", body=body)
    return found, report.replayed(found)
