"""From a request to a route's handler and back: who may, what was asked, once or again, and what is written of it.

All that is the same for every route is done here, from what its table says, so that no route can go without.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import pydantic
import pydantic_core
from aiohttp import web

from gateway.access.audit import AuditLog, Entry, changes
from gateway.access.roles import DOCUMENTS, EVERYTHING, SECRETS
from gateway.admin.caller import SAFE_METHODS, Caller
from gateway.admin.listing import EVENT_STREAM, asked_form, follow, next_link, stream, watch
from gateway.admin.masking import masked, plain
from gateway.admin.models.base import Model
from gateway.admin.routes import PUBLIC, SIGNED_IN, Call, Reply, Route, Upload
from gateway.admin.uploads import uploaded
from gateway.errors import ConfigError, Conflict, Forbidden, MogateError, Outdated, Unavailable
from gateway.fleet.secret import COVER, covered
from gateway.inventory import Inventory
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.sealing import Sealer
from gateway.store.protocol import ClaimEphemeral, PutEphemeral, Record, Store, TakeEphemeral

CALLER = web.RequestKey("caller", Caller)
REASON_HEADER, KEY_HEADER, REPLAYED_HEADER = "X-Reason", "Idempotency-Key", "Idempotency-Replayed"
MAX_REASON = 500
_KEPT_SECONDS = 86_400
_UNDER_WAY_SECONDS = 60
_LOCK_SECONDS = 10
_PURPOSE = "admin-answer"
_SEEN = frozenset({"last_seen_at", "last_session_at", "last_used_at"})
_AUDITOR = Caller("", EVERYTHING)

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Answer(msgspec.Struct, frozen=True):
    """An answer that is kept for whoever asks the same again. Without a status it is still being worked out."""

    fingerprint: bytes
    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode_answer = msgspec.msgpack.Decoder(_Answer).decode


class Parts(NamedTuple):
    """What dispatching needs; ``needs_reason``: every change has to give one. Uploads come to ``data`` first."""

    inventory: Inventory
    store: Store
    sealer: Sealer
    clock: Callable[[], datetime]
    needs_reason: bool
    data: Path


class Dispatcher:
    """Makes aiohttp handlers of routes."""

    def __init__(self, routes: Sequence[Route], parts: Parts) -> None:
        self._views = {
            route.path: route
            for route in routes
            if route.method == "GET" and not route.many and "{" in route.path and route.gives is not None
        }
        self._parts = parts
        self._audit = AuditLog(parts.store)

    def handler(self, route: Route) -> Handler:
        """What serves the route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            caller = request[CALLER]
            if route.method in SAFE_METHODS:
                await self._admit(caller, route, request)
                return await self._show(route, _call(route, request, caller, None), request)
            return await self._change(route, request, caller)

        return handle

    async def _show(self, route: Route, call: Call, request: web.Request) -> web.StreamResponse:
        form = asked_form(route, request.headers.get("Accept", ""))
        if form == EVENT_STREAM:
            if route.streams:
                tell = watch if route.live is None else follow
                return await tell(route, call, request, lambda shown: _shown(route, call.caller, shown))
        elif form:
            return await stream(route, call, request, form, lambda page: _shown(route, call.caller, page))
        given = await route.handler(call)
        answer, headers = given if isinstance(given, Reply) else (given, {})
        if isinstance(answer, Model):
            tag = _tag(plain(answer))
            headers = {**headers, "ETag": tag}
            if tag in _tags(request.headers.get("If-None-Match", "")):
                return web.Response(status=304, headers=headers)
        elif isinstance(answer, Sequence):
            headers = {**headers, **next_link(route, call, answer)}
        return _response(route, call.caller, answer, headers)

    async def _change(self, route: Route, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Carry a change out, or give the answer that it had before; whatever comes of it is written down."""
        entry = Entry(
            at=self._parts.clock(),
            who=caller.name,
            role=caller.role,
            tenant=caller.tenant,
            address=caller.address,
            action=route.handler.__name__,
            path=request.path,
            subject=next(iter(request.match_info.values()), ""),
            reason=_reason(request),
        )
        try:
            await self._admit(caller, route, request)
            if self._parts.needs_reason and not entry.reason and route.permission not in (PUBLIC, SIGNED_IN):
                raise ConfigError("every change needs a reason here: say why", key=REASON_HEADER)
            if not route.uploads:
                octets = await request.read()
                body = _checked(route.takes, octets) if route.takes is not None else None
                return await self._asked_for(route, request, _call(route, request, caller, body), entry, octets)
            call = _call(route, request, caller, None)
            async with uploaded(request, self._parts.data) as upload:
                call = call._replace(body=upload)
                return await self._asked_for(route, request, call, entry, upload.sha256.encode())
        except Forbidden:
            await self._counted(self._audit.add(_answered(entry, 403), secrets.token_hex(4)))
            raise

    async def _asked_for(
        self, route: Route, request: web.Request, call: Call, entry: Entry, octets: bytes
    ) -> web.Response:
        """The answer to a call; ``octets`` tell its body from another's."""
        entry = msgspec.structs.replace(entry, asked=_asked(call))
        if key := request.headers.get(KEY_HEADER, ""):
            return await self._once(route, request, call, entry, key, octets)
        return await self._carry_out(route, request, call, entry)

    async def _carry_out(self, route: Route, request: web.Request, call: Call, entry: Entry) -> web.Response:
        view = self._view_of(route.path)
        before = await self._view(view, request)
        note = await self._note(entry)
        try:
            async with _Unchanged(self._parts, request.headers.get("If-Match", ""), before):
                given = await route.handler(call)
        except MogateError as error:
            await self._end(note, None if not isinstance(error, Unavailable) else _answered(entry, 503))
            raise
        except Exception:
            await self._end(note, _answered(entry, 500))
            raise
        answer, headers = given if isinstance(given, Reply) else (given, {})
        after = await self._view(view, request) if view else _without_secrets(answer)
        if isinstance(after, list):
            after = {"rows": len(after)}
        shown = {**(after or {}), **(before or {})}
        subject = str(shown.get("id") or entry.subject or shown.get("name", ""))
        was, now = covered(changes(before or {}, after or {}))
        who = entry.who or f"user:{(entry.asked or {}).get('name', '')}"
        entry = msgspec.structs.replace(entry, who=who, subject=subject, before=was, after=now, status=route.status)
        await self._end(note, entry)
        return _response(route, call.caller, answer, headers)

    async def _once(
        self, route: Route, request: web.Request, call: Call, entry: Entry, key: str, octets: bytes
    ) -> web.Response:
        """Carry it out unless it was asked for with this key before; then the answer is that of the first time.

        Spec: draft-ietf-httpapi-idempotency-key-header-07
        """
        store, sealer, now = self._parts.store, self._parts.sealer, self._parts.clock()
        # Tokens of two tenants may have one name.
        whose = "\n".join(filter(None, (call.caller.name, key, call.caller.tenant)))
        name = "once/" + hashlib.sha256(whose.encode()).hexdigest()
        asked = f"{request.method} {request.raw_path}\n".encode() + octets
        mine = _Answer(hashlib.sha256(asked).digest())
        try:
            place = sealer.seal(_encode(mine), _PURPOSE)
            await store.commit(ClaimEphemeral(name, place, now + timedelta(seconds=_UNDER_WAY_SECONDS), now))
        except Conflict:
            kept = await store.load_ephemeral(name, now)
            known = _decode_answer(sealer.unseal(kept, _PURPOSE)) if kept else mine
            if known.fingerprint != mine.fingerprint:
                raise ConfigError("this key was used for another request", key=KEY_HEADER) from None
            if not known.status:
                raise Conflict("the same request is under way; ask again in a moment") from None
            headers = {**known.headers, REPLAYED_HEADER: "true"}
            return web.Response(status=known.status, headers=headers, body=known.body or None)
        try:
            response = await self._carry_out(route, request, call, entry)
        except BaseException:
            with suppress(Conflict):
                await store.commit(TakeEphemeral(name, now))
            raise
        headers = {name: response.headers[name] for name in ("Content-Type",) if response.body is not None}
        body = response.body if isinstance(response.body, bytes) else b""
        answer = _Answer(mine.fingerprint, response.status, headers, body)
        sealed = sealer.seal(_encode(answer), _PURPOSE)
        await store.commit(PutEphemeral(name, sealed, now + timedelta(seconds=_KEPT_SECONDS)))
        return response

    async def _admit(self, caller: Caller, route: Route, request: web.Request) -> None:
        """Let the caller to the route, or raise Forbidden; what is another tenant's is not there at all: NotFound.

        What a caller of one tenant calls by its own name, the handler gets by the name that it has.
        """
        needed = route.permission
        if needed not in (PUBLIC, SIGNED_IN) and not caller.may(needed):
            raise Forbidden(f"this needs the permission {needed}, which {caller.name} does not have")
        if not caller.tenant or route.confined or needed in (PUBLIC, SIGNED_IN):
            return
        reference = request.match_info.get("ref", "")
        if not reference or not route.path.startswith(("/api/v1/subscribers/", "/api/v1/devices/")):
            raise Forbidden(f"this is not for callers of one tenant, as {caller.name} is of {caller.tenant}")
        _, request.match_info["ref"] = await self._parts.inventory.named(reference, caller.tenant)

    def _view_of(self, path: str) -> Route | None:
        """The route that shows what is changed at this path."""
        while "{" in path:
            if path in self._views:
                return self._views[path]
            path = path.rpartition("/")[0]
        return None

    async def _view(self, view: Route | None, request: web.Request) -> dict[str, Any] | None:
        if view is not None:
            with suppress(MogateError):
                shown = await view.handler(Call(request.match_info, {}, None, _AUDITOR))
                if isinstance(shown, Model):
                    found: dict[str, Any] = plain(shown)
                    return found
        return None

    async def _note(self, entry: Entry) -> Record:
        """Put it on record that this is about to be done: without that nothing is."""
        return await self._counted(self._audit.begin(entry, secrets.token_hex(4)))

    async def _end(self, note: Record, entry: Entry | None) -> None:
        """Write down what came of it; nothing where it was refused. If that fails, the note is there to be settled."""
        with suppress(MogateError):
            if entry is None:
                await self._counted(self._audit.refused(note))
            else:
                await self._counted(self._audit.end(note, entry, secrets.token_hex(4)))

    async def _counted(self, writing: Awaitable[T]) -> T:
        try:
            return await writing
        except MogateError as error:
            metrics.count(metrics.audit_write_failures)
            logger().error("audit_not_written", why=str(error))
            raise


class _Unchanged:
    """Lets a change through only if the thing is as the caller knows it, and nobody else changes it so meanwhile.

    Spec: RFC 9110 13.1.1
    """

    def __init__(self, parts: Parts, if_match: str, before: Mapping[str, Any] | None) -> None:
        self._parts = parts
        self._if_match = if_match
        self._before = before
        self._lock = f"change/{(before or {}).get('id', '')}"

    async def __aenter__(self) -> None:
        if not self._if_match:
            return
        tags = _tags(self._if_match)
        if self._before is None or not ({_tag(self._before), "*"} & tags):
            raise Outdated("it was changed since you read it: read it again")
        now = self._parts.clock()
        await self._parts.store.commit(ClaimEphemeral(self._lock, b"", now + timedelta(seconds=_LOCK_SECONDS), now))

    async def __aexit__(self, *_: object) -> None:
        if self._if_match:
            with suppress(Conflict):
                await self._parts.store.commit(TakeEphemeral(self._lock, self._parts.clock()))


def _answered(entry: Entry, status: int) -> Entry:
    return msgspec.structs.replace(entry, status=status)


def _call(route: Route, request: web.Request, caller: Caller, body: Model | bytes | None) -> Call:
    unknown = set(request.query) - route.query.keys()
    if unknown:
        known = ", ".join(route.query) or "none"
        raise ConfigError(f"there is no query parameter {', '.join(sorted(unknown))}; known: {known}")
    return Call(request.match_info, request.query, body, caller, _reason(request))


def _reason(request: web.Request) -> str:
    return request.headers.get(REASON_HEADER, "")[:MAX_REASON]


def _checked(model: type[Model] | str, octets: bytes) -> Model | bytes:
    """The body. Raises: ConfigError naming the field."""
    if isinstance(model, str):
        return octets
    try:
        return model.model_validate_json(octets)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise ConfigError(first["msg"].removeprefix("Value error, "), key=place) from None


def _shown(route: Route, caller: Caller, answer: Model | Sequence[Model]) -> Any:
    """The answer as this caller may see it. What only tells what was just made is told in full."""
    if route.permission in (PUBLIC, SIGNED_IN):
        return plain(answer)
    shown = plain(answer) if caller.may("identities:read") else masked(answer)
    reads = route.permission.endswith(":read") and route.permission != DOCUMENTS
    return covered(shown) if reads and not caller.may(SECRETS) else shown


def _response(
    route: Route, caller: Caller, answer: Model | Sequence[Model] | None, headers: Mapping[str, str]
) -> web.Response:
    if answer is None:
        return web.Response(status=route.status, headers=headers)
    octets = pydantic_core.to_json(_shown(route, caller, answer))
    return web.Response(status=route.status, body=octets, content_type="application/json", headers=headers)


def _asked(call: Call) -> Any:
    """What was asked for, as it is written down; what octets were sent for is in the query alone."""
    body = call.body
    if isinstance(body, Upload):
        return {**call.query, "bytes": body.size_bytes, "sha256": body.sha256}
    if isinstance(body, bytes):
        return {**call.query, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return covered(_without_secrets(body))


def _without_secrets(value: Any) -> Any:
    """Plain values of models in which what is declared a secret (``repr=False``) is starred."""
    if isinstance(value, Model):
        fields = type(value).model_fields
        return {
            name: _without_secrets(one) if fields[name].repr or not one else COVER
            for name, one in value
        }  # fmt: skip
    if isinstance(value, list | tuple):
        return [_without_secrets(one) for one in value]
    return pydantic_core.to_jsonable_python(value)


def _tag(shown: Mapping[str, Any]) -> str:
    """The entity tag of what is shown of a thing; that it was seen again is no change."""
    octets = msgspec.json.encode(_without_seen(shown), order="sorted")
    return f'"{hashlib.sha256(octets).hexdigest()[:24]}"'


def _without_seen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_seen(one) for name, one in value.items() if name not in _SEEN}
    return [_without_seen(one) for one in value] if isinstance(value, list) else value


def _tags(header: str) -> set[str]:
    """The entity tags in a header; weak ones count as strong."""
    return {one.strip().removeprefix("W/") for one in header.split(",") if one.strip()}
