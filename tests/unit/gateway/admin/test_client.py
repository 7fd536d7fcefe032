"""The command line's way to the API: answers as values, and every failure with a word on what to do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from gateway.admin import client
from gateway.admin.auth import create_token, load_token
from gateway.admin.client import Refused, call, segment
from gateway.errors import ConfigError, Unavailable
from gateway.settings import Listener, Settings

Answer = tuple[int, bytes]


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """Answers what the path says: /api/v1/<status>/<body>, or what it was asked with."""

    async def answer(request: web.Request) -> web.Response:
        if request.match_info["status"] == "asked":
            return web.json_response(
                {
                    "method": request.method,
                    "query": dict(request.query),
                    "body": await request.text(),
                    "token": request.headers["Authorization"],
                    "path": request.raw_path,
                }
            )
        return web.Response(status=int(request.match_info["status"]), text=request.match_info["body"])

    app = web.Application()
    app.router.add_route("*", "/api/v1/{status}/{body:.*}", answer)
    async with TestServer(app) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[int], Settings]:
    """Settings whose admin listener has that port."""
    create_token(tmp_path)

    def made(port: int) -> Settings:
        listener = Listener.model_validate({"name": "admin", "address": f"127.0.0.1:{port}", "serves": ["admin"]})
        return Settings(data=tmp_path, listeners=(listener,))

    return made


async def test_a_call_carries_token_query_and_body(
    server: TestServer, settings: Callable[[int], Settings], tmp_path: Path
) -> None:
    """A name with a slash or a plus stays one segment."""
    assert server.port is not None
    path = f"/asked/{segment('+1/2 ü')}"
    asked = await asyncio.to_thread(call, settings(server.port), "PATCH", path, body={"a": 1}, query={"b": "c d"})
    assert asked == {
        "method": "PATCH",
        "query": {"b": "c d"},
        "body": '{"a": 1}',
        "token": f"Bearer {load_token(tmp_path)}",
        "path": "/api/v1/asked/%2B1%2F2%20%C3%BC?b=c+d",
    }


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        ((200, b"[1]"), None, ""),
        ((204, b""), None, ""),
        ((404, b'{"detail": "no such thing", "id": ""}'), Refused, "^no such thing$"),
        ((404, b"<html>"), Unavailable, "not the admin API"),
        ((404, b""), Unavailable, "not the admin API"),
        ((502, b'"busy"'), Unavailable, "not the admin API"),
        ((200, b"<html>"), Unavailable, "not the admin API"),
    ],
)
async def test_an_answer_is_a_value_or_a_reason(
    server: TestServer,
    settings: Callable[[int], Settings],
    answer: Answer,
    outcome: type[Exception] | None,
    says: str,
) -> None:
    """A Problem is told in its own words; what is not the API at all is said to be that."""
    assert server.port is not None
    status, body = answer
    path = f"/{status}/{segment(body.decode())}"
    if outcome is None:
        assert await asyncio.to_thread(call, settings(server.port), "GET", path) == ([1] if body else None)
    else:
        with pytest.raises(outcome, match=says):
            await asyncio.to_thread(call, settings(server.port), "GET", path)


def test_nobody_there_is_said_with_the_mend(settings: Callable[[int], Settings]) -> None:
    """No gateway, no listener or no token: each has its own message."""
    with pytest.raises(Unavailable, match="mogate serve"):
        call(settings(unused_port()), "GET", "/subscribers")
    with pytest.raises(ConfigError, match="no listener serves admin"):
        call(Settings(), "GET", "/subscribers")
    (settings(1).data / "admin.token").unlink()
    with pytest.raises(ConfigError, match="mogate init"):
        call(settings(1), "GET", "/subscribers")


def test_silence_is_not_waited_for_for_ever(
    settings: Callable[[int], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something that takes the connection and says nothing is given up with a message."""
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable, match="no gateway answers"):
        call(settings(silent.getsockname()[1]), "GET", "/subscribers")
