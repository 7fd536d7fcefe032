"""Where the simulated devices of a data directory with the demo find the gateway, and playing them from the console."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable

from adapters.simulator.ddf import Ddf
from adapters.simulator.omadm_device import run_session
from adapters.simulator.rcc14_client import run_query
from adapters.simulator.rcc14_wire import Servers
from adapters.simulator.transcript import Transcript
from adapters.sms.bearer.file import SMS_FILE
from gateway import datadir
from gateway.admin.models.simulator import NewRun
from gateway.errors import ConfigError
from gateway.files import load_catalogue
from gateway.settings import Listener, ServiceName, Settings


def play(settings: Settings, wish: NewRun) -> tuple[Transcript, Awaitable[object]]:
    """A run of the demo's phone or client, and what it says and hears, as far as it has come.

    Raises: ConfigError when the data directory has no demo, or no listener is for it.
    """
    transcript, state = Transcript(), datadir.simulator_state(settings, wish.device)
    demo = datadir.load_demo(settings)
    if wish.device == "omadm":
        url = omadm_url(settings)
        tls = ssl.create_default_context(cafile=settings.data / "tls" / "ca.pem") if url.startswith("https:") else None
        return transcript, run_session(
            demo.omadm,
            url,
            state,
            wbxml_encoded=wish.wbxml,
            refuse=wish.refuse,
            tls=tls,
            ddf=Ddf(load_catalogue(settings), settings.omadm.roots),
            transcript=transcript,
        )
    return transcript, run_query(
        demo.rcc14, rcc14_servers(settings), state, inbox=settings.data / SMS_FILE, transcript=transcript
    )


def omadm_url(settings: Settings) -> str:
    """Where the demo phone posts its messages: the plain listener if it takes them, else the TLS one.

    Raises: ConfigError when no listener serves OMA DM.
    """
    return _listener(settings, "omadm").url + settings.omadm.paths[0]


def rcc14_servers(settings: Settings) -> Servers:
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
