"""The command that serves as an Equipment Identity Register."""

from __future__ import annotations

import signal
import threading

import click
from prometheus_client import start_http_server

from adapters.detection.eir import open_eir
from adapters.detection.journal import Journal
from gateway.cli.common import settings
from gateway.errors import ConfigError
from gateway.observe import logs, metrics

TURN_SECONDS = 0.5


@click.command("serve-eir")
def serve_eir() -> None:
    """Answer ME-Identity-Check over S13 until Ctrl-C, and tell the gateway which SIM is in which phone by its spool."""
    chosen = settings()
    logs.configure(identities=chosen.logging.identities, form=chosen.logging.format)
    if chosen.detection.spool is None:
        raise ConfigError("an EIR tells what it sees by way of the spool: set its directory", key="detection.spool")
    if not chosen.eir.peers:
        raise ConfigError("name the MMEs and SGSNs, or agents, that may ask", key="eir.peers")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    journal = Journal(chosen.detection.spool)
    close = open_eir(chosen.eir, journal)
    try:
        if chosen.eir.metrics is not None:
            start_http_server(chosen.eir.metrics.port, chosen.eir.metrics.host, registry=metrics.registry)
        click.echo(f"MOGate serves as EIR {chosen.eir.host} on {chosen.eir.address}")
        while not stop.wait(TURN_SECONDS):
            journal.turn()
    finally:
        close()
