"""Commands for subscribers and devices."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from gateway import report
from gateway.admin.client import segment
from gateway.cli import node_sets, objects
from gateway.cli.common import api, printing, removal
from gateway.cli.exporting import export_devices, export_subscribers
from gateway.errors import ConfigError


@click.group()
def subscriber() -> None:
    """Subscribers."""


subscriber.add_command(export_subscribers)


@subscriber.command("list")
@click.option("--after", default="", help="List those after this id.")
@click.option("--limit", default=100, show_default=True, help="How many.")
@printing
def subscriber_list(after: str, limit: int) -> tuple[object, str]:
    """List subscribers by id."""
    found = api("GET", "/subscribers", query={"after": after, "limit": str(limit)})
    rows = [
        [one["id"], one["msisdn"], ", ".join(one["imsis"]), one["tenant"], one["plan"], str(len(one["devices"]))]
        for one in found
    ]
    return found, report.table(["id", "MSISDN", "IMSI", "tenant", "plan", "devices"], rows)


@subscriber.command("show")
@click.argument("ref")
@printing
def subscriber_show(ref: str) -> tuple[object, str]:
    """Show the subscriber that an id, IMSI, MSISDN or IMEI names, and how far each service of theirs has come."""
    found = api("GET", f"/subscribers/{segment(ref)}")
    found["services"] = api("GET", f"/subscribers/{segment(ref)}/services")
    return found, report.subscriber(found)


@subscriber.command("add")
@click.option("--imsi", "imsis", multiple=True, help="An IMSI; may be given again.")
@click.option("--msisdn", default="", help="In international form: +15550100001.")
@click.option("--tenant", default="", help="The tenant (MVNO) whose layer applies.")
@click.option("--plan", default="", help="The plan whose layer applies.")
@click.option("--group", "groups", multiple=True, help="A group whose layer applies; may be given again.")
@printing
def subscriber_add(**fields: Any) -> tuple[object, str]:
    """Add a subscriber."""
    made = api(
        "POST", "/subscribers", body={**fields, "imsis": list(fields["imsis"]), "groups": list(fields["groups"])}
    )
    return made, f"subscriber {made['id']}"


@subscriber.command("change")
@click.argument("ref")
@click.option("--imsi", "imsis", multiple=True, help="An IMSI, in place of those before; may be given again.")
@click.option("--msisdn", help="In international form: +15550100001.")
@click.option("--tenant", help="The tenant (MVNO) whose layer applies.")
@click.option("--plan", help="The plan whose layer applies.")
@click.option("--group", "groups", multiple=True, help="A group, in place of those before; may be given again.")
@click.option("--attribute", "attributes", multiple=True, help="NAME=VALUE; without =VALUE it is taken back.")
@printing
def subscriber_change(ref: str, **fields: Any) -> tuple[object, str]:
    """Change a subscriber's plan, groups, number or SIMs; the devices and what is set for them stay.

    An empty text leaves none: --plan '' takes the plan back, --group '' all groups.
    """
    body: dict[str, Any] = {name: fields[name] for name in ("msisdn", "tenant", "plan") if fields[name] is not None}
    body |= {name: list(filter(None, fields[name])) for name in ("imsis", "groups") if fields[name]}
    named = (one.partition("=") for one in fields["attributes"])
    body["attributes"] = {name: text if given else None for name, given, text in named}
    made = api("PATCH", f"/subscribers/{segment(ref)}", body=body)
    return made, f"subscriber {made['id']} changed"


subscriber.add_command(removal("delete", "/subscribers", "Remove a subscriber with all devices."))


@subscriber.command("sim")
@click.argument("ref")
@click.option("--imsi", required=True, help="Which of the subscriber's SIMs.")
@click.option("--sqn", default=0, help="The last sequence number that a challenge to it was made with.")
@click.option("--forget", is_flag=True, help="Forget its keys.")
@printing
def subscriber_sim(ref: str, imsi: str, sqn: int, forget: bool) -> tuple[object, str]:
    """Keep the keys of a SIM, for EAP-AKA.

    K and OPc are asked for, or read as two lines from standard input; 32 hexadecimal digits each. Nobody can read them
    back.
    """
    path = f"/subscribers/{segment(ref)}/sims/{segment(imsi)}"
    if forget:
        api("DELETE", path)
        return {"forgotten": imsi}, f"forgot the keys of {imsi}"
    asked = sys.stdin.isatty()
    k, opc = (click.prompt(name, hide_input=True) if asked else sys.stdin.readline().strip() for name in ("K", "OPc"))
    api("PUT", path, body={"k": k, "opc": opc, "sqn": sqn})
    return {"kept": imsi}, f"kept the keys of {imsi}"


_STATES = ("active", "dormant", "disabled", "disabled_until_user", "disabled_permanently")


@subscriber.command("state")
@click.argument("ref")
@click.argument("state", type=click.Choice(_STATES))
@click.option("--app", "application", default="", help="Only this application, by the key of its MO: rcs, ims.")
@printing
def subscriber_state(ref: str, state: str, application: str) -> tuple[object, str]:
    """Say what the network wants for a subscriber's RCC.14 service."""
    api("PUT", f"/subscribers/{segment(ref)}/state", body={"state": state, "application": application})
    whose = f"{application} of {ref}" if application else ref
    return {"ref": ref, "state": state, "application": application}, f"{whose} is {state} from its next query on"


@click.group()
def device() -> None:
    """Devices."""


device.add_command(export_devices)


@device.command("list")
@click.option(
    "--match", "matches", multiple=True, metavar="FACET=VALUE",
    help="As profiles match: model=B7, plan=basic; and state, software, version, package; seen>30d is long ago.",
)  # fmt: skip
@click.option("--after", default="", help="List those after this device id.")
@click.option("--limit", default=100, show_default=True, help="How many.")
@printing
def device_list(matches: tuple[str, ...], after: str, limit: int) -> tuple[object, str]:
    """List devices by subscriber: all, or those that match."""
    found = api("GET", "/devices", query={"match": ";".join(matches), "after": after, "limit": str(limit)})
    rows = [
        [one["id"], one["imei"], one["manufacturer"], one["model"], one["software"], ", ".join(one["protocols"]),
         one["last_seen_at"] or "never"]
        for one in found
    ]  # fmt: skip
    return found, report.table(["id", "IMEI", "made by", "model", "software", "protocols", "last seen"], rows)


@device.command("show")
@click.argument("ref")
@printing
def device_show(ref: str) -> tuple[object, str]:
    """Show a device: every leaf wanted, sent, answered (with the code) and read back. REF is a device id or an IMEI."""
    found = api("GET", f"/devices/{segment(ref)}")
    return found, report.device(found)


@device.command("campaigns")
@click.argument("ref")
@printing
def device_campaigns(ref: str) -> tuple[object, str]:
    """List the campaigns that a device is of, and where it stands in each. REF is a device id or an IMEI."""
    found = api("GET", f"/devices/{segment(ref)}/campaigns")
    rows = [
        [one["campaign"], one["name"], one["campaign_state"], one["state"], one["at"] or "",
         " ".join(filter(None, (one["code"], one["meaning"], one["why"])))]
        for one in found
    ]  # fmt: skip
    return found, report.table(["id", "name", "campaign", "device", "since", "why"], rows)


@device.command("add")
@click.argument("subscriber_ref")
@click.option("--loc-uri", required=True, help="What the device sends as Source/LocURI, such as IMEI:001015000000015.")
@click.option("--imei", default="", help="14 to 16 digits.")
@click.option("--model", default="", help="What ./DevInfo/Mod will say, for the layer of the model.")
@click.option("--manufacturer", default="", help="What ./DevInfo/Man will say.")
@click.option(
    "--auth",
    type=click.Choice(["md5", "basic", "mac"]),
    help="How the device proves itself; without it as its model does, or by md5.",
)
@click.option("--certificate", default="", metavar="SHA256", help="Fingerprint of its TLS certificate.")
@click.option(
    "--certificate-subject",
    default="",
    metavar="NAME",
    help="Subject of its TLS certificates, such as CN=phone,O=Acme.",
)
@click.option("--certificate-required", is_flag=True, help="Let nothing but such a certificate prove it.")
@printing
def device_add(subscriber_ref: str, **fields: str | bool | None) -> tuple[object, str]:
    """Add a device with an OMA DM account; its passwords are shown this once."""
    made = api("POST", f"/subscribers/{segment(subscriber_ref)}/devices", body=fields)
    return made, "\n".join(f"{name}: {value}" for name, value in made.items())


device.add_command(removal("delete", "/devices", "Remove a device."))


@device.command("state")
@click.argument("ref")
@click.argument("state", type=click.Choice((*_STATES, "inherit")))
@printing
def device_state(ref: str, state: str) -> tuple[object, str]:
    """Say what the network wants for one device; "inherit" is what it wants for the subscriber."""
    api("PUT", f"/devices/{segment(ref)}/state", body={"state": None if state == "inherit" else state})
    return {"ref": ref, "state": state}, f"{ref} is {state} from its next query on"


@device.command("revoke")
@click.argument("ref")
@click.option("--token-only", is_flag=True, help="Leave it its service, once it has proven anew who it is.")
@printing
def device_revoke(ref: str, token_only: bool) -> tuple[object, str]:
    """Take a device's RCC.14 token away, and its service with it."""
    api("POST", f"/devices/{segment(ref)}/revocation", body={"token_only": token_only})
    lost = "token" if token_only else "token and its service"
    return {"revoked": ref, "token_only": token_only}, f"{ref} has lost its {lost}"


@device.command("credential")
@click.argument("ref")
@click.option("--rotate", is_flag=True, help="Make another password first; the device gets it with its next document.")
@click.option("--with-password", is_flag=True, help="Show the password too, not only its digest.")
@printing
def device_credential(ref: str, rotate: bool, with_password: bool) -> tuple[object, str]:
    """Read the Digest credential for IMS of a device without a SIM, for the HSS. An event tells that it was read."""
    found = api(
        "POST", f"/devices/{segment(ref)}/ims-credential", body={"rotate": rotate, "with_password": with_password}
    )
    return found, "\n".join(f"{name}: {value}" for name, value in found.items() if value != "")


@device.command("send")
@click.argument("ref")
@click.argument("verb", type=click.Choice(["Get", "Add", "Replace", "Delete", "Copy", "Exec"], case_sensitive=False))
@click.argument("uri")
@click.argument("value", required=False)
@click.option("--format", "fmt", default="", help="Format of the value, such as int or b64; text without one.")
@click.option("--type", "type_", default="", help="Type of the value, such as text/plain.")
@click.option("--source", default="", help="The node whose value a Copy takes.")
@printing
def device_send(
    ref: str, verb: str, uri: str, value: str | None, fmt: str, type_: str, source: str
) -> tuple[object, str]:
    """Queue one OMA DM command for the device's next session."""
    body = {"verb": verb, "uri": uri, "value": value, "format": fmt, "type": type_, "source": source}
    return _queue(ref, body)


@device.command("queue")
@click.argument("ref")
@click.argument("file", type=click.File())
@printing
def device_queue(ref: str, file: TextIO) -> tuple[object, str]:
    """Queue the operation in a JSON file, which may be a group or a prompt; - reads it from standard input."""
    try:
        body = json.load(file)
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}", file=Path(file.name)) from None
    return _queue(ref, body)


@device.command("unqueue")
@click.argument("ref")
@click.argument("operation")
@printing
def device_unqueue(ref: str, operation: str) -> tuple[object, str]:
    """Take a queued operation back. What was sent of it the device may still carry out."""
    ended = api("DELETE", f"/devices/{segment(ref)}/operations/{segment(operation)}")
    return ended, f"operation {ended['id']}: {ended['status']} {ended['meaning']}"


@device.command("retry")
@click.argument("ref")
@click.argument("operation")
@printing
def device_retry(ref: str, operation: str) -> tuple[object, str]:
    """Queue an operation that has ended once more, as it was asked for."""
    made = api("POST", f"/devices/{segment(ref)}/operations/{segment(operation)}/retry")
    return made, f"operation {made['id']} waits for the next session"


@device.command("ask")
@click.argument("ref")
@click.argument("kind", type=click.Choice(["display", "confirm", "input", "choice", "choices"]))
@click.argument("text")
@click.option("--choice", "choices", multiple=True, help="One choice of a list; give it once for each.")
@click.option("--max-seconds", type=click.IntRange(min=1), default=None, help="How long to wait for the user.")
@printing
def device_ask(ref: str, kind: str, text: str, choices: tuple[str, ...], max_seconds: int | None) -> tuple[object, str]:
    """Show the user of the device a text, or ask for an answer, in the next session."""
    prompt = {"kind": kind, "text": text, "choices": list(choices), "max_seconds": max_seconds}
    return _queue(ref, {"verb": "Alert", "prompt": prompt})


def _queue(ref: str, body: object) -> tuple[object, str]:
    made = api("POST", f"/devices/{segment(ref)}/operations", body=body)
    return made, f"operation {made['id']} waits for the next session"


for _command in (*objects.COMMANDS, node_sets.device_get):
    device.add_command(_command)
