"""Commands for the mappings between MOs and provisioning documents."""

from __future__ import annotations

import click

from adapters.provisioning.check import Difference, differences, unexplained
from gateway import report
from gateway.cli.common import printing, settings
from gateway.files import load_configuration


@click.group()
def mapping() -> None:
    """How MOs appear in provisioning documents."""


@mapping.command("check")
@click.option("--mo", "mos", multiple=True, help="Only this MO, by key; may be given again.")
@printing
def mapping_check(mos: tuple[str, ...]) -> tuple[object, str]:
    """Compare each mapping with its DDF: every leaf that is unmapped, renamed or lossy, with the reason.

    It fails when the mapping gives no reason for a difference, or a reason where there is none.
    """
    configuration = load_configuration(settings())
    passed_over = [mo.key for mo in configuration.catalogue if configuration.mapping.rules(mo.key, "B") is None]
    found = [one for one in differences(configuration.mapping, configuration.catalogue) if not mos or one.mo in mos]
    faults = unexplained(found)
    if faults:
        told = "\n".join(f"  {one.mo} layout {one.layout}: {one.node} is {one.kind}: {one.detail}" for one in faults)
        raise click.ClickException(
            f"{len(faults)} differences need a reason in the mapping, or their reason is out of date:\n{told}"
        )
    rows = [[one.mo, one.layout, one.node, one.kind, one.detail or "-", one.why] for one in found]
    lines = [report.table(["MO", "layout", "leaf", "is", "place", "because"], rows)]
    if passed_over:
        lines.append(f"never in a document, for want of an identifier: {', '.join(passed_over)}")
    value = {
        "differences": [dict(zip(Difference._fields, one, strict=True)) for one in found],
        "passed_over": passed_over,
    }
    return value, "\n".join(lines)
