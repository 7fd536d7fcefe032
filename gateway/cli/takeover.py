"""The command that takes over provisioning documents of other servers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adapters.provisioning.document import MAX_BYTES, Characteristic
from adapters.provisioning.takeover import Left, read_document, take_templates, take_values
from gateway.admin.client import Refused, segment
from gateway.cli.common import api, printing, settings
from gateway.errors import ConfigError, DecodeError
from gateway.files import Configuration, load_configuration
from gateway.fleet.device import Device
from gateway.fleet.profile import parse_profile
from gateway.fleet.profile_format import format_profile
from gateway.fleet.selection import Layer
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of

MAX_DOCUMENTS = 10_000
LAYERS = tuple(layer.value for layer in Layer if layer not in (Layer.SUBSCRIBER, Layer.DEVICE))


@click.command("rcc14")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("ref", required=False, default="")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["profile", "subscriber", "device"]),
    default="profile",
    show_default=True,
    help="A profile, or values of the subscriber or device that REF names.",
)
@click.option("--name", default="", help="The profile's name; without it, that of the file.")
@click.option("--layer", type=click.Choice(LAYERS), default="operator", show_default=True, help="The profile's.")
@click.option("--match", "matches", multiple=True, metavar="FACET=VALUE", help="Whom the profile is for: plan=basic.")
@click.option("--imsi", default="", help="Whose document it is: what is theirs becomes a variable.")
@click.option("--msisdn", default="", help="The same, by number.")
@click.option("--subscriber", "owner", default="", help="The same, for a subscriber of the running gateway.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="File or directory for the profiles.")
@printing
def import_rcc14(path: Path, ref: str, kind: str, **options: Any) -> tuple[object, str]:
    """Turn a provisioning document of another server into a profile, or into values of a subscriber or device.

    PATH is a document in either layout, as XML or WBXML, or a directory of them; REF is a subscriber or a device id.
    Without REF the name of each file says whose it is. What could not be placed is told, with its place.
    """
    files = sorted(path.glob("*.xml")) + sorted(path.glob("*.wbxml")) if path.is_dir() else [path]
    if not files or len(files) > MAX_DOCUMENTS:
        raise ConfigError(f"has {len(files)} documents (*.xml, *.wbxml); it takes 1 to {MAX_DOCUMENTS}", file=path)
    if ref and len(files) > 1:
        raise click.UsageError("a directory holds documents of several; leave REF out and name the files after them")
    configuration = load_configuration(settings())
    done = [
        _as_profile(file, configuration, several=path.is_dir(), **options)
        if kind == "profile"
        else _as_values(file, configuration, ref or file.stem)
        for file in files
    ]
    return [value for value, _ in done], "\n".join(text for _, text in done)


def _as_profile(
    file: Path,
    configuration: Configuration,
    *,
    several: bool,
    name: str,
    layer: str,
    matches: Sequence[str],
    imsi: str,
    msisdn: str,
    owner: str,
    output: Path | None,
) -> tuple[dict[str, Any], str]:
    """The profile that a document becomes, for machines and for people."""
    match: dict[str, list[str]] = {}
    for stated in matches:
        facet, equals, choice = stated.partition("=")
        if not equals:
            raise click.UsageError(f"{stated!r} has no value; write FACET=VALUE, for example plan=basic")
        match.setdefault(facet, []).append(choice)
    whose = Subscriber(id="", imsis=(imsi,) if imsi else (), msisdn=msisdn)
    if owner:
        found = api("GET", f"/subscribers/{segment(owner)}")
        whose = Subscriber(id=found["id"], imsis=tuple(found["imsis"]), msisdn=found["msisdn"])
    variables = variables_of(whose, Device(id=".1"), settings().operator.plmns)
    taken = take_templates(_read(file), configuration.mapping, configuration.catalogue, variables)
    called = name if name and not several else file.stem
    text = format_profile(called, Layer(layer), match, taken.texts, configuration.catalogue)
    parse_profile(text, str(file), configuration.catalogue)
    value: dict[str, Any] = {"file": str(file), "profile": called, "toml": text, "left": _plain(taken.left)}
    notes = "".join(f"# not taken: {one.place}: {one.reason}\n" for one in taken.left)
    if output is None:
        return value, f"# From {file.name}.\n{notes}\n{text}"
    target = output / f"{called}.toml" if several or output.is_dir() else output
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as made:
            made.write(f"# From {file.name}.\n{notes}\n{text}")
    except FileExistsError:
        raise ConfigError("is there already; remove it, or choose another --output", file=target) from None
    count = sum(map(len, taken.texts.values()))
    return {**value, "output": str(target)}, f"{target}: {count} values\n{notes}".rstrip()


def _as_values(file: Path, configuration: Configuration, ref: str) -> tuple[dict[str, Any], str]:
    """What changed at the subscriber or device, for machines and for people; what they have already is not set."""
    taken = take_values(_read(file), configuration.mapping, configuration.catalogue)
    held: dict[str, str] = {}
    with contextlib.suppress(Refused):
        # A subscriber without a device, or with several, has no one configuration to compare with.
        held = {leaf["node"]: leaf["value"] for leaf in api("GET", f"/subscribers/{segment(ref)}/explain")["leaves"]}
    stated = {f"{mo}/{path}": text for mo, paths in taken.texts.items() for path, text in paths.items()}
    new = {node: text for node, text in stated.items() if held.get(node) != text}
    answer = api("PATCH", f"/subscribers/{segment(ref)}/values", body={"set": new}) if new else {"warnings": []}
    value: dict[str, Any] = {
        "file": str(file),
        "ref": ref,
        "set": new,
        "left": _plain(taken.left),
        "warnings": answer["warnings"],
    }
    lines = [f"{ref}: {len(new)} values set, {len(stated) - len(new)} held already"]
    lines += [f"  {node} = {text}" for node, text in new.items()]
    lines += [f"  not taken: {one.place}: {one.reason}" for one in taken.left]
    return value, "\n".join([*lines, *(f"  warning: {warning}" for warning in answer["warnings"])])


def _read(file: Path) -> Characteristic:
    try:
        with file.open("rb") as opened:
            # One octet more than may be, so that the reader refuses what is longer.
            return read_document(opened.read(MAX_BYTES + 1))
    except DecodeError as fault:
        raise ConfigError(f"is no provisioning document: {fault}", file=file) from None
    except OSError as fault:
        raise ConfigError(f"cannot be read: {fault.strerror}", file=file) from None


def _plain(left: Sequence[Left]) -> list[dict[str, str]]:
    return [one._asdict() for one in left]
