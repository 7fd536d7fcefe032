"""The ``mogate`` command. Each command prints for people, or with ``--json`` for machines."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import click
import uvloop

from adapters.simulator.omadm_device import run_session
from adapters.simulator.rcc14_client import Servers, run_query
from gateway import app, datadir, report
from gateway.admin import client
from gateway.admin.client import segment
from gateway.errors import ConfigError, MogateError
from gateway.mo.outline import as_json, outline
from gateway.observe import logs
from gateway.settings import Listener, ServiceName, Settings, find_settings_file, load_settings

P = ParamSpec("P")


def _printing(command: Callable[P, Any]) -> Callable[P, None]:
    """Print what the command returns: (value for --json, text for people), or nothing."""

    @click.option("--json", "as_machine", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        machine = bool(kwargs.pop("as_machine"))
        printed = command(*args, **kwargs)
        if printed is not None:
            value, text = printed
            click.echo(json.dumps(value, indent=2) if machine else text)

    return wrapped


class _Group(click.Group):
    """Ends with the gateway's own message, not a traceback, when something is wrong with what was asked."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MogateError as error:
            raise click.ClickException(str(error)) from None


def _api(method: str, path: str, **arguments: Any) -> Any:
    return asyncio.run(client.call(_settings(), method, path, **arguments))


@functools.cache
def _settings() -> Settings:
    return load_settings(find_settings_file())


@click.group(cls=_Group)
@click.version_option(package_name="mogate")
def main() -> None:
    """One management-object tree, served over OMA DM, RCC.14 and OMA CP."""


@main.command()
def serve() -> None:
    """Serve until Ctrl-C."""
    settings = _settings()
    logs.configure(identities=settings.logging.identities, form=settings.logging.format)

    def announce(bound: Sequence[tuple[Listener, int]]) -> None:
        click.echo(report.welcome(bound, demo=datadir.has_demo(settings)))
        sys.stdout.flush()

    uvloop.run(app.serve(settings, announce))


@main.command()
@click.option("--demo", is_flag=True, help="Also make a demo certificate authority, subscribers and devices.")
@_printing
def init(demo: bool) -> tuple[object, str]:
    """Make the data directory with its keys and the admin token; what exists is kept."""
    settings = _settings()
    made = asyncio.run(datadir.initialise(settings, demo=demo))
    return made, "\n".join(f"{name}: {state}" for name, state in made.items())


@main.command()
@_printing
def check() -> tuple[object, str]:
    """Read settings, DDFs, profiles and mappings, and say what is wrong or doubtful."""
    settings = _settings()
    configuration = app.load_configuration(settings)
    warnings = [str(warning) for warning in configuration.profiles.warnings]
    counts = {"mos": len(list(configuration.catalogue)), "profiles": len(configuration.profiles.profiles)}
    text = [
        f"{counts['mos']} MOs and {counts['profiles']} profiles are in order.",
        *map("warning: {}".format, warnings),
    ]
    return counts | {"warnings": warnings}, "\n".join(text)


@main.group()
def mo() -> None:
    """The catalogue of management objects."""


@mo.command("list")
@_printing
def mo_list() -> tuple[object, str]:
    """List every MO with its identifier."""
    objects = list(app.load_catalogue(_settings()))
    counts = {mo.key: sum(1 for _ in mo.root.walk()) for mo in objects}
    rows = [[mo.key, mo.moi or "(set in catalogue.identifiers)", str(counts[mo.key]), mo.title] for mo in objects]
    value = [{"key": mo.key, "moi": mo.moi, "nodes": counts[mo.key], "title": mo.title} for mo in objects]
    return value, report.table(["MO", "identifier", "nodes", "title"], rows)


@mo.command("show")
@click.argument("moi")
@_printing
def mo_show(moi: str) -> tuple[object, str]:
    """Show one MO as a tree: format, occurrence, access, permitted values, provenance."""
    managed = app.load_catalogue(_settings()).get(moi)
    return as_json(managed), outline(managed)


@main.group()
def subscriber() -> None:
    """Subscribers."""


@subscriber.command("list")
@click.option("--after", default="", help="List those after this id.")
@click.option("--limit", default=100, show_default=True, help="How many.")
@_printing
def subscriber_list(after: str, limit: int) -> tuple[object, str]:
    """List subscribers by id."""
    found = _api("GET", "/subscribers", query={"after": after, "limit": str(limit)})
    rows = [
        [one["id"], one["msisdn"], ", ".join(one["imsis"]), one["tenant"], one["plan"], str(len(one["devices"]))]
        for one in found
    ]
    return found, report.table(["id", "MSISDN", "IMSI", "tenant", "plan", "devices"], rows)


@subscriber.command("show")
@click.argument("ref")
@_printing
def subscriber_show(ref: str) -> tuple[object, str]:
    """Show the subscriber that an id, IMSI, MSISDN or IMEI names."""
    found = _api("GET", f"/subscribers/{segment(ref)}")
    return found, report.subscriber(found)


@subscriber.command("add")
@click.option("--imsi", "imsis", multiple=True, help="An IMSI; may be given again.")
@click.option("--msisdn", default="", help="In international form: +15550100001.")
@click.option("--tenant", default="", help="The tenant (MVNO) whose layer applies.")
@click.option("--plan", default="", help="The plan whose layer applies.")
@click.option("--group", "groups", multiple=True, help="A group whose layer applies; may be given again.")
@_printing
def subscriber_add(**fields: Any) -> tuple[object, str]:
    """Add a subscriber."""
    made = _api(
        "POST", "/subscribers", body={**fields, "imsis": list(fields["imsis"]), "groups": list(fields["groups"])}
    )
    return made, f"subscriber {made['id']}"


@subscriber.command("delete")
@click.argument("ref")
@_printing
def subscriber_delete(ref: str) -> tuple[object, str]:
    """Remove a subscriber with all devices."""
    _api("DELETE", f"/subscribers/{segment(ref)}")
    return {"deleted": ref}, f"deleted {ref}"


@main.group()
def device() -> None:
    """Devices."""


@device.command("show")
@click.argument("ref")
@_printing
def device_show(ref: str) -> tuple[object, str]:
    """Show a device: every leaf wanted, sent, answered (with the code) and read back. REF is a device id or an IMEI."""
    found = _api("GET", f"/devices/{segment(ref)}")
    return found, report.device(found)


@device.command("add")
@click.argument("subscriber_ref")
@click.option("--loc-uri", required=True, help="What the device sends as Source/LocURI, such as IMEI:001015000000015.")
@click.option("--imei", default="", help="14 to 16 digits.")
@click.option("--model", default="", help="What ./DevInfo/Mod will say, for the layer of the model.")
@click.option("--manufacturer", default="", help="What ./DevInfo/Man will say.")
@click.option(
    "--auth",
    type=click.Choice(["md5", "basic"]),
    default="md5",
    show_default=True,
    help="How the device proves itself.",
)
@_printing
def device_add(subscriber_ref: str, **fields: str) -> tuple[object, str]:
    """Add a device with an OMA DM account; its passwords are shown this once."""
    made = _api("POST", f"/subscribers/{segment(subscriber_ref)}/devices", body=fields)
    return made, "\n".join(f"{name}: {value}" for name, value in made.items())


@device.command("delete")
@click.argument("ref")
@_printing
def device_delete(ref: str) -> tuple[object, str]:
    """Remove a device."""
    _api("DELETE", f"/devices/{segment(ref)}")
    return {"deleted": ref}, f"deleted {ref}"


@device.command("send")
@click.argument("ref")
@click.argument("verb", type=click.Choice(["Get", "Add", "Replace", "Delete", "Exec"], case_sensitive=False))
@click.argument("uri")
@click.argument("value", required=False)
@_printing
def device_send(ref: str, verb: str, uri: str, value: str | None) -> tuple[object, str]:
    """Queue one OMA DM command for the device's next session."""
    made = _api("POST", f"/devices/{segment(ref)}/operations", body={"verb": verb, "uri": uri, "value": value})
    return made, f"operation {made['id']} waits for the next session"


@main.command("set")
@click.argument("ref")
@click.argument("assignments", nargs=-1, required=True, metavar="NODE=VALUE...")
@_printing
def set_values(ref: str, assignments: tuple[str, ...]) -> tuple[object, str]:
    """Set values of a subscriber, or of one device when REF is a device id. NODE reads MO/path: ims/Timer_T1=3000."""
    values = {}
    for assignment in assignments:
        node, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"{assignment!r} has no value; write NODE=VALUE, for example ims/Timer_T1=3000")
        values[node] = value
    return _change(ref, {"set": values}, [f"{node} = {value}" for node, value in values.items()])


@main.command("unset")
@click.argument("ref")
@click.argument("nodes", nargs=-1, required=True)
@_printing
def unset_values(ref: str, nodes: tuple[str, ...]) -> tuple[object, str]:
    """Take back values that were set on a subscriber or device; the profiles' values hold again."""
    return _change(ref, {"unset": list(nodes)}, [f"{node} is the profiles' again" for node in nodes])


def _change(ref: str, body: dict[str, object], lines: list[str]) -> tuple[object, str]:
    answer = _api("PATCH", f"/subscribers/{segment(ref)}/values", body=body)
    return answer, "\n".join([*lines, *(f"warning: {warning}" for warning in answer["warnings"])])


_device_option = click.option(
    "--device", "device_id", default="", help="Id of the device, where the subscriber has several."
)


@main.command()
@click.argument("ref")
@click.option("--node", default="", help="Only this node and what is below it.")
@_device_option
@_printing
def explain(ref: str, node: str, device_id: str) -> tuple[object, str]:
    """Say which layer set each value, and which layers lost."""
    query = {name: value for name, value in (("node", node), ("device", device_id)) if value}
    found = _api("GET", f"/subscribers/{segment(ref)}/explain", query=query)
    return found, report.explanation(found)


@main.command()
@click.argument("ref")
@click.option(
    "--layout", type=click.Choice(["A", "B"]), default="B", show_default=True, help="A is for clients up to UP 1.0."
)
@_device_option
@_printing
def render(ref: str, layout: str, device_id: str) -> tuple[object, str]:
    """Show the RCC.14 document a device would get now."""
    query = {"layout": layout} | ({"device": device_id} if device_id else {})
    found = _api("GET", f"/subscribers/{segment(ref)}/document", query=query)
    return found, report.document(found["document"])


@main.group()
def simulate() -> None:
    """Act as a device against a running gateway."""


_state_option = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=None,
    help="File with the device's own state; kept between runs.",
)


def _misbehave_option(*choices: str) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    return click.option(
        "--misbehave",
        type=click.Choice(choices),
        default=None,
        help="Do one thing wrong and show how the gateway takes it.",
    )


def _read_refusals(_: click.Context, __: click.Parameter, entries: tuple[str, ...]) -> dict[str, int]:
    refusals = {}
    for entry in entries:
        uri, _equals, code = entry.rpartition("=")
        if not uri or not code.isdecimal():
            raise click.BadParameter(f"{entry!r} is not URI=CODE; write for example ./3GPP_IMS/Timer_T1=405")
        refusals[uri] = int(code)
    return refusals


@simulate.command("omadm")
@click.option("--wbxml", is_flag=True, help="Speak WBXML instead of XML.")
@click.option(
    "--refuse",
    multiple=True,
    callback=_read_refusals,
    metavar="URI=CODE",
    help="Answer writes of that node with this status code; may be given again.",
)
@_misbehave_option("repeat", "reorder", "truncate", "wrong-nonce")
@_state_option
@_printing
def simulate_omadm(
    wbxml: bool, refuse: dict[str, int], misbehave: str | None, state: Path | None
) -> tuple[object, str]:
    """Run one OMA DM session as the demo phone and print what was said."""
    settings = _settings()
    transcript = asyncio.run(
        run_session(
            datadir.load_demo(settings).omadm,
            _omadm_url(settings),
            state or datadir.simulator_state(settings, "omadm"),
            wbxml_encoded=wbxml,
            refuse=refuse,
            misbehave=misbehave,
        )
    )
    return transcript.as_json(), transcript.text()


@simulate.command("rcc14")
@click.option("--profile", default="UP_2.4", show_default=True, help="rcs_profile; UP_1.0 and older get layout A.")
@_misbehave_option("repeat", "wrong-cookie", "truncate")
@_state_option
@_printing
def simulate_rcc14(profile: str, misbehave: str | None, state: Path | None) -> tuple[object, str]:
    """Ask for a configuration as the demo client, over both legs, and print what came."""
    settings = _settings()
    transcript = asyncio.run(
        run_query(
            datadir.load_demo(settings).rcc14,
            _rcc14_servers(settings),
            state or datadir.simulator_state(settings, "rcc14"),
            profile=profile,
            misbehave=misbehave,
        )
    )
    return transcript.as_json(), transcript.text()


def _omadm_url(settings: Settings) -> str:
    """Where the demo phone posts its messages: the plain listener if it takes them, else the TLS one.

    Raises: ConfigError when no listener serves OMA DM.
    """
    listener = _listener(settings, "omadm")
    scheme = "https" if listener.certificate else "http"
    return f"{scheme}://{listener.address}{settings.omadm.paths[0]}"


def _rcc14_servers(settings: Settings) -> Servers:
    """Where the demo client asks, on both legs.

    Raises: ConfigError when a leg has no listener.
    """
    plain, secure = _listener(settings, "rcc14-http"), _listener(settings, "rcc14-https")
    return Servers(
        f"http://{plain.address}", f"https://{secure.address}", settings.data / "tls" / "ca.pem", datadir.DEMO_HOST
    )


def _listener(settings: Settings, service: ServiceName) -> Listener:
    listener = settings.listener_for(service)
    if listener is None:
        raise ConfigError(f"no listener serves {service}; add one to the settings", key="listeners")
    return listener
