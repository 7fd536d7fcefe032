"""Commands that act as a device against a running gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import click

from adapters.simulator.omadm_device import run_session
from adapters.simulator.rcc14_client import Servers, run_query
from gateway import datadir
from gateway.cli.common import printing, settings
from gateway.errors import ConfigError
from gateway.settings import Listener, ServiceName, Settings

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
@printing
def simulate_omadm(
    wbxml: bool, refuse: dict[str, int], misbehave: str | None, state: Path | None
) -> tuple[object, str]:
    """Run one OMA DM session as the demo phone and print what was said."""
    chosen = settings()
    transcript = asyncio.run(
        run_session(
            datadir.load_demo(chosen).omadm,
            _omadm_url(chosen),
            state or datadir.simulator_state(chosen, "omadm"),
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
@printing
def simulate_rcc14(profile: str, misbehave: str | None, state: Path | None) -> tuple[object, str]:
    """Ask for a configuration as the demo client, over both legs, and print what came."""
    chosen = settings()
    transcript = asyncio.run(
        run_query(
            datadir.load_demo(chosen).rcc14,
            _rcc14_servers(chosen),
            state or datadir.simulator_state(chosen, "rcc14"),
            profile=profile,
            misbehave=misbehave,
        )
    )
    return transcript.as_json(), transcript.text()


def _omadm_url(settings: Settings) -> str:
    """Where the demo phone posts its messages: the plain listener if it takes them, else the TLS one.

    Raises: ConfigError when no listener serves OMA DM.
    """
    return _listener(settings, "omadm").url + settings.omadm.paths[0]


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


COMMANDS = (simulate,)
