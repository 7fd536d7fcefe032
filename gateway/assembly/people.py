"""Who may ask: people and programs of the admin API, known here or at an identity provider."""

from __future__ import annotations

import contextlib
import hashlib
from typing import NamedTuple

from gateway.admin.caller import Callers
from gateway.admin.openid import OpenidFront
from gateway.assembly.state import State
from gateway.openid.flow import Client
from gateway.openid.provider import OpenidProvider
from gateway.settings import PeopleOpenid, Settings, read_password


class People(NamedTuple):
    """Who is known; ``openid`` lets people sign in at their provider where there is one."""

    callers: Callers
    openid: OpenidFront | None


def open_people(stack: contextlib.AsyncExitStack, settings: Settings, token: str, state: State) -> People:
    """Who is known until the stack closes, ``token`` being the administrator's.

    Raises: ConfigError when the provider's secret cannot be read.
    """
    callers = Callers(
        state.store,
        token_digest=hashlib.sha256(token.encode()).digest(),
        clock=state.clock,
        session_seconds=settings.admin.session_seconds,
    )
    at_provider = None
    if settings.admin.openid.issuer:
        provider = _open_provider(settings.admin.openid)
        stack.push_async_callback(provider.close)
        at_provider = OpenidFront(state.store, callers, provider, settings.admin.openid, state.sealer, state.clock)
    return People(callers, at_provider)


def _open_provider(chosen: PeopleOpenid) -> OpenidProvider:
    client = Client(chosen.client_id, chosen.redirect_uri, chosen.scope, chosen.algorithms)
    secret = read_password(chosen.secret, chosen.secret_file, "admin.openid.secret_file")
    return OpenidProvider(chosen.issuer, client, secret=secret, authority=chosen.authority, key="admin.openid")
