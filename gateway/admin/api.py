"""The admin API: what operators, the command line and the console can do, as HTTP on the admin listener.

One place finds out who calls and whether they may: every route has a permission, whether it says so or not, and only
the probes and the console's files are for anybody. The routes stand in tables, one for each topic: their handlers take
a checked ``Call`` and give a model; errors of the gateway become answers in one place.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pydantic_core
from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.admin import openapi
from gateway.admin.assets import add_console, load_assets
from gateway.admin.caller import PROXIES, Asked, Caller, Callers, origin
from gateway.admin.dispatch import CALLER, Dispatcher, Parts
from gateway.admin.listing import ENDING, end_streams
from gateway.admin.models.base import Problem
from gateway.admin.routes import PUBLIC, Route
from gateway.errors import (
    AuthError,
    ConfigError,
    Conflict,
    Forbidden,
    MogateError,
    NotFound,
    Outdated,
    TooMany,
    Unavailable,
)
from gateway.observe import metrics
from gateway.observe.health import Health
from gateway.observe.logs import logger
from gateway.observe.requests import OTHER, http_route
from gateway.peers import Network

if TYPE_CHECKING:
    from gateway.admin.openid import OpenidFront

MAX_BODY_BYTES = 1 << 20

_STATUS_OF: tuple[tuple[type[MogateError], HTTPStatus], ...] = (
    (AuthError, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Outdated, HTTPStatus.PRECONDITION_FAILED),
    (Conflict, HTTPStatus.CONFLICT),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


class AdminApi:
    """The admin API over tables of routes, for those that ``callers`` knows.

    ``parts`` are what dispatching needs; ``health`` tells whether it is ready, ``scrape`` gives the metrics; ``openid``
    is how people log in elsewhere.
    """

    def __init__(
        self,
        *tables: Sequence[Route],
        callers: Callers,
        parts: Parts,
        health: Health,
        scrape: Callable[[], Awaitable[bytes]] = metrics.scrape,
        openid: OpenidFront | None = None,
    ) -> None:
        self._routes = tuple(route._replace(path="/api/v1" + route.path) for table in tables for route in table)
        self._public = {(route.method, route.path): route for route in self._routes if route.permission == PUBLIC}
        self._callers = callers
        self._parts = parts
        self._health = health
        self._scrape = scrape
        self._openid = openid
        self._document: bytes | None = None

    def application(self, proxies: tuple[Network, ...] = (), watching: Sequence[Middleware] = ()) -> web.Application:
        """The aiohttp application to serve on an admin listener, which has these proxies in front of it.

        ``watching`` is what sees each request and its answer.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[*watching, self._guard])
        app[PROXIES] = proxies
        app[ENDING] = asyncio.Event()
        app.on_shutdown.append(end_streams)
        dispatcher = Dispatcher(self._routes, self._parts)
        for route in self._routes:
            app.router.add_route(route.method, route.path, dispatcher.handler(route))
        app.router.add_get("/openapi.json", self._handle_openapi)
        app.router.add_get("/metrics", self._handle_metrics)
        app.router.add_get("/livez", _handle_livez)
        app.router.add_get("/readyz", self._handle_readyz)
        add_console(app.router, load_assets())
        if self._openid is not None:
            self._openid.add_routes(app.router)
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The one gate: checks the token, and turns errors of the gateway into answers."""
        started = time.perf_counter()
        response = await self._guarded(request, handler)
        seconds = time.perf_counter() - started
        size = len(request.raw_path) + (request.content_length or 0)
        http_route("admin", _route(request) or OTHER).observe(request.method, response.status, size, seconds)
        if request.path.startswith("/api/"):
            logger().info(
                "request_answered",
                frontend="admin",
                method=request.method,
                route=_route(request),
                status=response.status,
                ms=round(seconds * 1000, 2),
            )
        return response

    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            if request.path.startswith("/api/"):
                request[CALLER] = await self._identified(request)
            return await handler(request)
        except MogateError as error:
            status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
            return _problem(status, str(error), headers=_retry_after(error), **_place(error))
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return _problem(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}", headers=allow)
        except (web.RequestPayloadError, ConnectionError):
            return _problem(HTTPStatus.BAD_REQUEST, "the body did not arrive as its headers say")
        except Exception:
            fault = secrets.token_hex(6)
            logger().exception("request_failed", frontend="admin", route=_route(request), fault=fault)
            return _problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed; its log has the traceback", fault=fault
            )

    async def _identified(self, request: web.Request) -> Caller:
        """Who calls. Raises: AuthError, unless anybody may call what is asked for."""
        asked = Asked(request.method, request.headers, request.cookies, *origin(request))
        route = self._public.get((request.method, _route(request)))
        if route is not None:
            return Caller("", frozenset(), "", asked.address, secure=asked.secure)
        return await self._callers.identify(asked)

    async def _handle_openapi(self, _: web.Request) -> web.Response:
        if self._document is None:
            # Few ask for it, and it takes memory and time. The models are built here, one by one, for pydantic cannot
            # build one in two threads at once; describing them is long and changes nothing.
            for model in openapi.models(self._routes):
                model.model_rebuild()
                await asyncio.sleep(0)
            self._document = pydantic_core.to_json(await asyncio.to_thread(openapi.describe, self._routes))
        return web.Response(body=self._document, content_type="application/json")

    async def _handle_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._scrape(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _handle_readyz(self, _: web.Request) -> web.Response:
        reasons = await self._health.reasons()
        if reasons:
            return web.Response(status=503, text="".join(f"not ready: {reason}\n" for reason in reasons))
        return web.Response(text="ready\n")


async def _handle_livez(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def _problem(
    status: HTTPStatus, error: str, *, fault: str = "", headers: Mapping[str, str] | None = None, **place: Any
) -> web.Response:
    """An answer that refuses. Spec: RFC 9457"""
    body = pydantic_core.to_json(Problem(title=status.phrase, status=status, detail=error, id=fault, **place))
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)


def _place(error: MogateError) -> dict[str, Any]:
    """Where something is wrong in what was sent."""
    if not isinstance(error, ConfigError):
        return {}
    return {"file": str(error.file or ""), "line": error.line, "key": error.key or ""}


def _retry_after(error: MogateError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, Unavailable) else {}


def _route(request: web.Request) -> str:
    """The route without the names in it: whom a request is about is for the event log, not for the process's."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
