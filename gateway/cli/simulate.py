"""Commands that act as a device against a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, ParamSpec, TextIO

import click

from adapters.simulator.confirming_phone import Phone, switched_on
from adapters.simulator.cp_phone import installed_account, receive_push
from adapters.simulator.ddf import EVERY_PHONE, Ddf
from adapters.simulator.fleet import Clients, Outcome, Phones, run_fleet
from adapters.simulator.latency import Latencies
from adapters.simulator.objects import UNDEFINED
from adapters.simulator.omadm_device import MAX_MESSAGE_BYTES, run_session
from adapters.simulator.package0 import receive_notification
from adapters.simulator.prompts import User
from adapters.simulator.rcc14_client import Wifi, run_query
from adapters.simulator.rcc14_document import Reader
from adapters.simulator.rcc14_wire import Servers
from adapters.simulator.rcscfg import receive_reconfiguration
from adapters.simulator.syncml_markup import LATEST, VERSIONS
from adapters.simulator.transcript import Transcript
from adapters.sms.bearer.file import SMS_FILE
from gateway import datadir, report
from gateway.admin import client
from gateway.cli.common import printing, settings
from gateway.errors import ConfigError
from gateway.files import load_catalogue
from gateway.playing import omadm_url, rcc14_servers
from gateway.settings import Settings

P = ParamSpec("P")


@click.group()
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


def _read_acls(_: click.Context, __: click.Parameter, entries: tuple[str, ...]) -> dict[str, str]:
    lists = {}
    for entry in entries:
        uri, sign, acl = entry.partition("=")
        if not uri.startswith(".") or not sign:
            raise click.BadParameter(f"{entry!r} is no ACL; write URI=ACL, for example ./A/B=Get=*&Replace=other")
        lists[uri] = acl
    return lists


def _read_servers(_: click.Context, __: click.Parameter, entries: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    servers = {}
    for entry in entries:
        name, _equals, legs = entry.partition("=")
        plain, _comma, tls = legs.partition(",")
        if not (name and plain and tls):
            raise click.BadParameter(
                f"{entry!r} is not NAME=PLAIN,TLS; write for example hub.example=127.0.0.1:8080,127.0.0.1:8443"
            )
        servers[name] = (plain, tls)
    return servers


def _read_limits(_: click.Context, __: click.Parameter, entry: str | None) -> tuple[int, int, int] | None:
    numbers = entry.split(",") if entry else []
    if entry and (len(numbers) != 3 or not all(number.isdecimal() for number in numbers)):
        raise click.BadParameter(
            f"{entry!r} is not DEPTH,TOTAL,SEGMENT; write for example 8,127,32, and 0 for no limit"
        )
    return (int(numbers[0]), int(numbers[1]), int(numbers[2])) if numbers else None


@simulate.command("omadm")
@click.option("--wbxml", is_flag=True, help="Speak WBXML instead of XML.")
@click.option(
    "--refuse",
    multiple=True,
    callback=_read_refusals,
    metavar="URI=CODE",
    help="Answer writes of that node with this status code; may be given again.",
)
@click.option(
    "--lacks",
    multiple=True,
    type=click.Choice(["list", "TNDS", "Atomic", "Sequence", "Copy", "Exec"]),
    help="Answer that command with 406, a Get (list) or Add or Replace (TNDS) of a whole subtree; may be given again.",
)
@click.option(
    "--acl",
    "acls",
    multiple=True,
    callback=_read_acls,
    metavar="URI=ACL",
    help="Give that node an ACL, such as ./A/B=Get=*&Replace=other; may be given again.",
)
@click.option(
    "--carries",
    multiple=True,
    metavar="MO",
    help="Be a phone that has that object of the catalogue (or dcmo, diagmon) and no others than every phone has; "
    "may be given again.",
)
@click.option(
    "--ddf/--no-ddf",
    "described",
    default=True,
    show_default=True,
    help="Refuse what the DDF of an object does not allow, or take whatever is written.",
)
@click.option("--ask", "asks", multiple=True, metavar="URI", help="Ask the gateway for that node; may be given again.")
@click.option(
    "--uri-limits",
    default=None,
    callback=_read_limits,
    metavar="DEPTH,TOTAL,SEGMENT",
    help="Take no URIs of more segments, characters, or characters in a segment (0: no limit).",
)
@click.option(
    "--version",
    type=click.Choice(list(VERSIONS)),
    default=LATEST.dtd,
    show_default=True,
    help="Of OMA DM: 1.1 is a phone of 1.1.2, with its own state and its account where they were then.",
)
@click.option(
    "--auth",
    type=click.Choice(["md5", "mac"]),
    default="md5",
    show_default=True,
    help="How the phone proves itself, and the gateway to it.",
)
@click.option(
    "--max-message",
    type=click.IntRange(min=1000),
    default=MAX_MESSAGE_BYTES,
    show_default=True,
    metavar="OCTETS",
    help="Largest message in either direction; larger values go in parts.",
)
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="TEXT",
    help="What the user says to the next prompt: accept, reject, a text, numbers such as 1,3, or cancel.",
)
@_misbehave_option("repeat", "reorder", "truncate", "wrong-nonce", "restart-in-atomic", "restart-after-atomic")
@click.option(
    "--notification",
    type=click.File(),
    default=None,
    help="Short messages with package 0 (see `push notify --json`): call only if it is believed.",
)
@_state_option
@printing
def simulate_omadm(
    wbxml: bool,
    refuse: dict[str, int],
    lacks: tuple[str, ...],
    acls: dict[str, str],
    carries: tuple[str, ...],
    described: bool,
    asks: tuple[str, ...],
    uri_limits: tuple[int, int, int] | None,
    version: str,
    auth: Literal["md5", "mac"],
    max_message: int,
    answers: tuple[str, ...],
    misbehave: str | None,
    notification: TextIO | None,
    state: Path | None,
) -> tuple[object, str]:
    """Run one OMA DM session as the demo phone, or as the one that was bootstrapped into STATE, and print it."""
    if carries and not described:
        raise click.UsageError("--carries is for a phone with a DDF: leave --no-ddf out")
    chosen = settings()
    older = version != LATEST.dtd
    file = state or datadir.simulator_state(chosen, f"omadm-{version}" if older else "omadm")
    installed = installed_account(file)
    account = installed or datadir.load_demo(chosen).omadm
    called_for = ""
    if notification is not None:
        heard = receive_notification(_read_segments(notification), account, file)
        if heard.result != "ok":
            return heard.as_json(), heard.text()
        called_for = heard.facts["session_id"]
    transcript = asyncio.run(
        run_session(
            account,
            installed.address if installed else omadm_url(chosen),
            file,
            wbxml_encoded=wbxml,
            refuse=refuse,
            lacks=lacks,
            uri_limits=uri_limits,
            asks=asks,
            acls=acls,
            ddf=_ddf(chosen, carries) if described else None,
            version=version,
            misbehave=misbehave,
            called_for=called_for,
            auth=auth,
            max_message_bytes=max_message,
            user=User(answers, _ask if sys.stdin.isatty() else None),
        )
    )
    if notification is not None:
        transcript.steps[:0] = heard.steps
        transcript.facts |= heard.facts
    return transcript.as_json(), transcript.text()


def _ddf(chosen: Settings, carries: tuple[str, ...]) -> Ddf:
    """What the phone is said to hold: the catalogue, with the objects it names if it names some.

    Raises: ConfigError when a DDF is wrong, NotFound for an object that nobody knows.
    """
    catalogue = load_catalogue(chosen)
    named = {name if name in UNDEFINED else catalogue.get(name).key for name in carries}
    return Ddf(catalogue, chosen.omadm.roots, named | EVERY_PHONE if named else None)


def _ask(shown: str) -> str:
    """What the user at the terminal says; "" for nothing."""
    return str(click.prompt(shown, default="", show_default=False, err=True))


@simulate.command("cp")
@click.argument("file", type=click.File(), default="-")
@click.option("--imsi", default="", help="Of the SIM in the phone; the demo's without it.")
@click.option("--entry", default="", help="What the user types: a PIN, or PIN and check digits.")
@_state_option
@printing
def simulate_cp(file: TextIO, imsi: str, entry: str, state: Path | None) -> tuple[object, str]:
    """Take a bootstrap message as an OMA CP phone, and print what it installs.

    FILE has the short messages: what `bootstrap --json` prints, or a line of hexadecimal user data for each.
    """
    chosen = settings()
    demo = datadir.load_demo(chosen)
    transcript = receive_push(
        _read_segments(file),
        state or datadir.simulator_state(chosen, "cp"),
        imsi=imsi or demo.rcc14.imsi,
        entry=entry,
        manufacturer=demo.omadm.manufacturer,
        model=demo.omadm.model,
    )
    shown = "\n".join(f"      {name} = {value}" for name, value in transcript.values.items())
    return transcript.as_json(), f"{transcript.text()}\n{shown}"


def _read_segments(file: TextIO) -> list[bytes]:
    """The user data of short messages. Raises: ConfigError when the file has none."""
    text = file.read()
    try:
        lines = json.loads(text)["segments"] if text.lstrip().startswith("{") else text.split()
        return [bytes.fromhex(line) for line in lines]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            "holds no short messages: what --json of the command printed, or hexadecimal lines", file=file.name
        ) from None


@simulate.command("rcc14")
@click.option("--profile", default="UP_2.4", show_default=True, help="rcs_profile; UP_1.0 and older get layout A.")
@click.option(
    "--access",
    type=click.Choice(["cellular", "wifi"]),
    default="cellular",
    show_default=True,
    help="Whether the operator's gateway vouches for the client.",
)
@click.option(
    "--by",
    type=click.Choice(["otp", "eap", "eap-prime", "oidc"]),
    default="otp",
    show_default=True,
    help="How it proves itself on Wi-Fi: a code by SMS, its SIM, or where it is redirected to.",
)
@click.option(
    "--additional",
    is_flag=True,
    help="Be another device of the user's, without a SIM; the code comes to the user's phone.",
)
@click.option(
    "--confirming",
    is_flag=True,
    help="With --additional: be the phone with the SIM and its messaging server too; it shows the code in a question.",
)
@click.option(
    "--accept/--reject",
    default=None,
    help="What the user does with a dialog, or where RCS waits. Rejecting lasts until accepted.",
)
@click.option(
    "--reader",
    type=click.Choice(["strict", "sloppy"]),
    default="strict",
    show_default=True,
    help="How it reads documents: to the letter, or by the first thing that looks right.",
)
@click.option("--app", "apps", multiple=True, metavar="APPID", help="Ask for this application; may be given again.")
@click.option(
    "--server",
    "elsewhere",
    multiple=True,
    callback=_read_servers,
    metavar="NAME=PLAIN,TLS",
    help="Where an additional server of that name is: host and port of both legs; may be given again.",
)
@click.option(
    "--reconfiguration",
    type=click.File(),
    default=None,
    help="A reconfiguration message (see `push rcscfg --json`): ask only if it is for this client.",
)
@_misbehave_option("repeat", "wrong-cookie", "truncate")
@_state_option
@printing
def simulate_rcc14(
    profile: str,
    access: str,
    by: Literal["otp", "eap", "eap-prime", "oidc"],
    additional: bool,
    confirming: bool,
    accept: bool | None,
    reader: Reader,
    apps: tuple[str, ...],
    elsewhere: dict[str, tuple[str, str]],
    reconfiguration: TextIO | None,
    misbehave: str | None,
    state: Path | None,
) -> tuple[object, str]:
    """Ask for a configuration as the demo client, and print what came."""
    if confirming and not additional:
        raise click.UsageError("--confirming is for --additional: only another device's code comes as a question")
    chosen = settings()
    here = rcc14_servers(chosen)
    demo = datadir.load_demo(chosen).rcc14
    file = state or datadir.simulator_state(chosen, "rcc14-additional" if additional else "rcc14")
    told = []
    if reconfiguration is not None:
        heard = receive_reconfiguration(_read_segments(reconfiguration), demo.imsi, file)
        if heard.result != "ok":
            return heard.as_json(), heard.text()
        told = heard.steps
    inbox = chosen.data / SMS_FILE
    wifi = Wifi("otp" if additional else by, inbox) if additional or access == "wifi" else None

    async def ask() -> Transcript:
        async with contextlib.AsyncExitStack() as stack:
            phone = None
            if confirming:
                phone = await stack.enter_async_context(_confirming_phone(chosen, demo.msisdn))
            return await run_query(
                demo,
                here,
                file,
                profile=profile,
                misbehave=misbehave,
                wifi=wifi._replace(phone=phone) if wifi else None,
                additional=additional,
                accept=accept,
                reader=reader,
                apps=apps,
                elsewhere={
                    name: Servers(f"http://{plain}", f"https://{tls}", here.ca_file, name)
                    for name, (plain, tls) in elsewhere.items()
                },
                inbox=inbox,
            )

    transcript = asyncio.run(ask())
    transcript.steps[:0] = told
    return transcript.as_json(), transcript.text()


@contextlib.asynccontextmanager
async def _confirming_phone(chosen: Settings, number: str) -> AsyncIterator[Phone]:
    """The phone with that number, switched on; its user's answers go to the admin API.

    Raises: ConfigError when nothing says where the messaging server is, or one cannot be there.
    """

    async def tell(id_: str, value: str) -> None:
        path = f"/confirmations/{client.segment(id_)}"
        await asyncio.to_thread(functools.partial(client.call, chosen, "POST", path, body={"value": value}))

    url = chosen.confirmation.url
    if not url:
        reason = "nothing says where the messaging server is; set for example https://localhost:8444/"
        raise ConfigError(reason, key="confirmation.url")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with contextlib.AsyncExitStack() as stack:
        try:
            tls.load_cert_chain(chosen.data / "tls" / "server.pem", chosen.data / "tls" / "server.key")
            phone = await stack.enter_async_context(switched_on(Phone(number, tell), url, tls))
        except OSError as error:
            raise ConfigError(f"no messaging server can be at {url}: {error}", key="confirmation.url") from None
        yield phone


@simulate.group("fleet")
def simulate_fleet() -> None:
    """Be many devices at once, that come at a given rate however slow the answers are."""


def _fleet_options(command: Callable[P, Any]) -> Callable[P, Any]:
    for option in (
        click.option("--rate", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Devices a second."),
        click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="For how long."),
        click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="They come from."),
    ):
        command = option(command)
    return command


@simulate_fleet.command("rcc14")
@click.option("--msisdn", required=True, help="The first client's number; the others' follow it.")
@click.option("--count", type=click.IntRange(1, 10_000_000), required=True, help="How many clients there are.")
@_fleet_options
@printing
def simulate_fleet_rcc14(msisdn: str, count: int, rate: float, seconds: float, processes: int) -> tuple[object, str]:
    """Be RCC.14 clients with numbers in a row: each proves itself at first, and checks in with its token from then on.

    Their subscribers have to be there (`mogate import subscribers`).
    """
    chosen = settings()
    servers, path = rcc14_servers(chosen), chosen.rcc14.paths[0]
    fleet = Clients(
        servers._replace(plain_url=servers.plain_url + path, secure_url=servers.secure_url + path), msisdn, count
    )
    return _told(run_fleet(fleet, rate=rate, seconds=seconds, processes=processes))


@simulate_fleet.command("omadm")
@click.option(
    "--accounts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The phones: lines of JSON as in demo.json of the data directory, under omadm.",
)
@_fleet_options
@printing
def simulate_fleet_omadm(accounts: Path, rate: float, seconds: float, processes: int) -> tuple[object, str]:
    """Be OMA DM phones with accounts of their own: each comes for a whole session, and keeps its tree."""
    chosen = settings()
    fleet = Phones(omadm_url(chosen), chosen.data / "tls" / "ca.pem", datadir.read_phones(accounts))
    return _told(run_fleet(fleet, rate=rate, seconds=seconds, processes=processes))


_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _told(outcome: Outcome) -> tuple[object, str]:
    """What became of a fleet, for machines and for people."""
    minutes = [_milliseconds(kinds) for _, kinds in sorted(outcome.minutes.items())]
    value = {
        "done": outcome.done,
        "per_second": round(outcome.done / outcome.seconds, 2),
        "statuses": dict(outcome.statuses),
        "retries_after": {str(seconds): count for seconds, count in sorted(outcome.retries_after.items())},
        "not_begun": outcome.not_begun,
        "milliseconds": (whole := _milliseconds(outcome.latencies)),
        "minutes": minutes,
    }
    parts = [("", whole), *((f"minute {n}, ", of) for n, of in enumerate(minutes, 1) if len(minutes) > 1)]
    rows = [[said + kind, *(str(took[name]) for name in _QUANTILES)] for said, of in parts for kind, took in of.items()]
    said = ", ".join(f"{count} x {status}" for status, count in sorted(outcome.statuses.items()))
    text = [f"{outcome.done} done, {value['per_second']} a second: {said}"]
    if outcome.not_begun:
        text.append(f"{outcome.not_begun} not begun: too many were waiting for answers; use more processes")
    return value, "\n".join([*text, report.table(("milliseconds", *_QUANTILES), rows)])


def _milliseconds(latencies: Mapping[str, Latencies]) -> dict[str, dict[str, float]]:
    return {
        kind: {name: round(counted.quantile(share) * 1000, 1) for name, share in _QUANTILES.items()}
        for kind, counted in sorted(latencies.items())
    }
