"""Who may ask: people and programs of the admin API, known here or at an identity provider."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from gateway.admin.caller import Callers
from gateway.assembly.state import State
from gateway.settings import Settings, read_password

if TYPE_CHECKING:
    from gateway.admin.openid import OpenidFront


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
        from gateway.admin.openid import OpenidFront
        from gateway.openid.flow import Client
        from gateway.openid.provider import OpenidProvider

        chosen = settings.admin.openid
        client = Client(chosen.client_id, chosen.redirect_uri, chosen.scope, chosen.algorithms)
        secret = read_password(chosen.secret, chosen.secret_file, "admin.openid.secret_file")
        provider = OpenidProvider(chosen.issuer, client, secret=secret, authority=chosen.authority, key="admin.openid")
        stack.push_async_callback(provider.close)
        at_provider = OpenidFront(state.store, callers, provider, chosen, state.sealer, state.clock)
    return People(callers, at_provider)
