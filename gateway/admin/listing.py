"""What the admin API shows in other forms than a page of JSON: all of a list as lines or as CSV, and as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import pydantic_core
from aiohttp import web

from gateway.admin.models.base import Model
from gateway.admin.routes import CSV, MAX_LISTED, PLAIN, Call, Route
from gateway.errors import MogateError
from gateway.fleet.table import format_cell

EVENT_STREAM = "text/event-stream"
_STREAM_HEADERS = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The last one has nginx pass on what there is at once."""
POLL_SECONDS = 1.0
STREAM_SECONDS = 600
ENDING = web.AppKey("ending", asyncio.Event)
"""Set when the process is about to end."""
"""After that a stream ends and the reader comes again, so that nobody reads on whose right to it is gone."""


def asked_form(route: Route, accept: str) -> str:
    """The media type that what it gives is wanted in, or the empty string for a page as JSON."""
    given = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return next((one for one in (*route.forms, EVENT_STREAM) if one in given), "")


def next_link(route: Route, call: Call, answer: Sequence[Model]) -> dict[str, str]:
    """The header that leads to the next page, if there may be one.

    Spec: RFC 8288
    """
    if not route.pages_by or len(answer) < call.limit:
        return {}
    query = {**call.query, "after": str(getattr(answer[-1], route.pages_by))}
    return {"Link": f'<?{urlencode(query)}>; rel="next"'}


async def stream(route: Route, call: Call, request: web.Request, form: str, shown: Any) -> web.StreamResponse:
    """Answer with the whole list, page by page as it is read; ``shown`` makes plain values of a page."""
    assert route.gives is not None
    columns = list(route.gives.model_fields)
    # The first page is read before anything is sent, so that a refusal can be one.
    whole = bool(route.pages_by) and "limit" not in call.query
    if whole:
        call = call._replace(query={**call.query, "limit": str(MAX_LISTED)})
    page = await route.handler(call)
    charset = "; charset=utf-8" if form == PLAIN else ""
    response = web.StreamResponse(headers={"Content-Type": form + charset})
    await response.prepare(request)
    if form == CSV:
        await response.write(_csv_lines([columns]))
    while isinstance(page, Sequence):
        rows = shown(page)
        if form == CSV:
            await response.write(_csv_lines([[_cell(row.get(name)) for name in columns] for row in rows]))
        elif form == PLAIN and route.reads is not None:
            await response.write("".join(route.reads(row) + "\n\n" for row in rows).encode())
        else:
            await response.write(b"".join(pydantic_core.to_json(row) + b"\n" for row in rows))
        if not whole or len(page) < MAX_LISTED:
            break
        call = call._replace(query={**call.query, "after": str(getattr(page[-1], route.pages_by))})
        page = await route.handler(call)
    await response.write_eof()
    return response


async def follow(route: Route, call: Call, request: web.Request, shown: Any) -> web.StreamResponse:
    """Answer with what is new of a list, as it happens; a reader that comes again goes on where it was.

    Spec: HTML, Server-sent events
    """
    assert route.live is not None
    after = request.headers.get("Last-Event-ID", "") or call.query.get("after", "") or await route.live()

    async def news() -> list[bytes]:
        nonlocal after
        page = await route.handler(call._replace(query={**call.query, "after": after}))
        told = []
        for one, row in zip(page, shown(page), strict=True) if isinstance(page, Sequence) else ():
            after = str(getattr(one, route.pages_by))
            told.append(f"id: {after}\ndata: {pydantic_core.to_json(row).decode()}\n\n".encode())
        return told

    return await _tell(request, news, POLL_SECONDS)


async def watch(route: Route, call: Call, request: web.Request, shown: Any) -> web.StreamResponse:
    """Answer with what there is, and with all of it again whenever it has changed.

    Spec: HTML, Server-sent events
    """
    told = b""

    async def changed() -> list[bytes]:
        nonlocal told
        before, told = told, pydantic_core.to_json(shown(await route.handler(call)))
        return [b"data: " + told + b"\n\n"] if told != before else []

    return await _tell(request, changed, route.watch_seconds)


async def end_streams(app: web.Application) -> None:
    """Have all streams end: who reads one comes again, to a process that stays."""
    app[ENDING].set()


async def _tell(request: web.Request, news: Callable[[], Awaitable[list[bytes]]], seconds: float) -> web.StreamResponse:
    """Send events as ``news`` gives them, looking every so often, for a while."""
    # What is first is read before anything is sent, so that a refusal can be one.
    lines = await news()
    response = web.StreamResponse(headers=_STREAM_HEADERS)
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    now = loop.time()
    end, due = now + STREAM_SECONDS, now + seconds
    # A reader whose stream ends because something went wrong comes again and is told so.
    with contextlib.suppress(ConnectionError, MogateError):
        while True:
            # A comment is sent when nothing happens, and finds out that nobody reads any more.
            await response.write(b"".join([b": \n\n", *lines]))
            await asyncio.sleep(POLL_SECONDS)
            now = loop.time()
            if now > end or request.app[ENDING].is_set():
                break
            lines = []
            if now >= due:
                lines, due = await news(), now + seconds
        await response.write_eof()
    return response


def _csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([map(format_cell, row) for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as one cell: text as it is, what has parts as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else pydantic_core.to_json(value).decode().strip('"')
