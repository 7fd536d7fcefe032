"""The listeners: each serves at its address what its settings say, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web, web_response

from adapters.rcc14.handlers import Leg
from adapters.sms.bearer.receipts import PATH as RECEIPT_PATH
from adapters.sms.bearer.receipts import ReceiptFront
from gateway.admin.api import AdminApi
from gateway.assembly.omadm import OmaDm
from gateway.assembly.rcc14 import Rcc14
from gateway.assembly.shadows import Shadows
from gateway.assembly.state import State
from gateway.errors import ConfigError
from gateway.serving import front
from gateway.serving.tls import Certificates
from gateway.settings import Listener, Settings

SHUTDOWN_SECONDS = 5


class Fronts(NamedTuple):
    """Who answers devices, the SMSC that tells of short messages to them, and those beside another server."""

    rcc14: Rcc14
    omadm: OmaDm
    receipts: ReceiptFront | None
    shadows: Shadows


async def open_listeners(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    state: State,
    fronts: Fronts,
    admin: AdminApi,
    certificates: Certificates,
    *,
    shared: bool,
) -> Sequence[tuple[Listener, int]]:
    """Serve on every listener until the stack closes; gives each with the port it got. Processes can share the ports.

    Raises: ConfigError when a listener cannot serve what it is to, or its address is taken.
    """
    # What aiohttp answers by itself would tell its version and Python's, and it has no setting for that.
    web_response.SERVER_SOFTWARE = front.SERVER  # type: ignore[attr-defined]
    bound = []
    for listener in settings.listeners:
        runner = _runner(listener, settings, state, fronts, admin)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        address = listener.address
        tls = certificates.open(listener)
        site = web.TCPSite(runner, address.host, address.port, ssl_context=tls, reuse_port=shared)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address}: {error.strerror}", key=f"listeners.{listener.name}"
            ) from None
        bound.append((listener, runner.addresses[0][1]))
    return bound


def _runner(listener: Listener, settings: Settings, state: State, fronts: Fronts, admin: AdminApi) -> web.BaseRunner:
    if "admin" in listener.serves:
        if len(listener.serves) > 1:
            raise ConfigError("admin has a listener of its own: serve nothing else there", key=listener.name)
        return web.AppRunner(
            admin.application(listener.trusted_proxies, [state.spans.middleware] if state.spans else []),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
    routes: list[front.Route] = []
    if "sms-receipts" in listener.serves and fronts.receipts is not None:
        routes.append(("GET", RECEIPT_PATH, fronts.receipts.handle))
    if "omadm" in listener.serves:
        routes += [("POST", path, fronts.omadm.front.handle) for path in settings.omadm.paths]
        routes += [(method, settings.omadm.package_path, fronts.omadm.packages.handle) for method in ("GET", "HEAD")]
    clients = fronts.rcc14.elsewhere or fronts.rcc14.front
    if "rcc14-http" in listener.serves:
        plain = Leg(secure=False, gateways=listener.trusted_gateways, proxies=listener.trusted_proxies)
        routes += [("GET", path, clients.handler(plain, path)) for path in settings.rcc14.paths]
    elif "rcc14-https" in listener.serves:
        ends_tls = listener.certificate is not None
        secure = Leg(secure=True, proxies=listener.trusted_proxies, ends_tls=ends_tls)
        for path in settings.rcc14.paths:
            routes += [(method, path, clients.handler(secure, path)) for method in ("GET", "POST")]
        if fronts.rcc14.page is not None:
            routes += [
                ("GET", settings.page.path, fronts.rcc14.page.handle_get),
                ("POST", settings.page.path, fronts.rcc14.page.handle_post(listener.trusted_proxies)),
            ]
    otherwise = _passing_on(listener, fronts.shadows)
    if state.spans is not None:
        name, proxies = listener.name, listener.trusted_proxies
        routes = [(m, path, state.spans.request(handler, m, path, name, proxies)) for m, path, handler in routes]
    server = front.server(routes, settings.omadm.max_message_bytes, state.health, otherwise)
    return web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)


def _passing_on(listener: Listener, shadows: Shadows) -> front.Handler | None:
    """What answers on a listener that stands beside another server; None for any other."""
    if "omadm-shadow" in listener.serves:
        if shadows.omadm is None:
            raise ConfigError(
                "omadm-shadow passes requests on to another server: set omadm.old_server.url",
                key=f"listeners.{listener.name}",
            )
        return shadows.omadm.handler(listener.trusted_proxies, secure=listener.certificate is not None)
    secure = {"rcc14-shadow-http": False, "rcc14-shadow-https": True}.get(listener.serves[0])
    if secure is None:
        return None
    if shadows.rcc14 is None or secure not in shadows.rcc14.legs:
        leg = "https" if secure else "http"
        raise ConfigError(
            f"{listener.serves[0]} passes requests on to another server: set rcc14.old_server.{leg}",
            key=f"listeners.{listener.name}",
        )
    ends_tls = listener.certificate is not None
    return shadows.rcc14.handler(Leg(secure, listener.trusted_gateways, listener.trusted_proxies, ends_tls))
