"""The command that tells what the IMS core says of services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.bulk import as_lines, send
from gateway.cli.common import api, printing
from gateway.fleet.registration import read_csv


@click.command()
@click.option("--impu", default="", help="Public identity: sip:+15550100001@example.com, tel:+15550100001.")
@click.option("--impi", default="", help="Private identity, such as IMSI@realm.")
@click.option("--msisdn", default="", help="The number, in international form.")
@click.option("--imsi", default="", help="The SIM.")
@click.option("--imei", default="", help="The phone that is registered, where the core says so.")
@click.option("--service", default="ims", show_default=True, help="Which service, by the key of its MO.")
@click.option("--state", type=click.Choice(["registered", "deregistered", "failed"]), help="What the core says of it.")
@click.option("--why", default="", help="What the core says of a failure, or of the end.")
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file of many."
)
@printing
def registration(file: Path | None, **fields: Any) -> tuple[object, ...]:
    """Tell what the IMS core says of a service, or of many in a CSV file.

    The file's first line names its columns: impu, impi, msisdn, imsi, imei, service, state, why,
    at (2026-05-01T12:00:00Z); a row needs state, and one of the first four.
    """
    if file is None:
        if not fields["state"]:
            raise click.UsageError("say --state registered, deregistered or failed; or --from FILE")
        found = api("POST", "/registrations", body=fields)
        whose = f"   subscriber {found['subscriber_id']}" if found["subscriber_id"] else ""
        which = f"   device {found['device_id']}" if found["device_id"] else ""
        return found, f"{found['outcome']}{whose}{which}"
    if fields["state"] or any(fields[name] for name in ("impu", "impi", "msisdn", "imsi", "imei", "why")):
        raise click.UsageError("--from takes everything from the file; leave the other options out")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return send(file, "/registrations/bulk", as_lines(read_csv(lines, file)))
