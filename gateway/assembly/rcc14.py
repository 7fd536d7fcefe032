"""The RCC.14 front end: documents, the ways to prove who a client is, and the server it takes over from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from adapters.rcc14.access import default_hosts
from adapters.rcc14.documents import Documents
from adapters.rcc14.elsewhere import Rcc14Elsewhere
from adapters.rcc14.handlers import Rcc14Front
from adapters.rcc14.provider import Provider
from adapters.rcc14.proving.methods import open_methods
from adapters.rcc14.proving.otp import OneTimePasswords
from adapters.rcc14.proving.page import CodePage
from adapters.rcc14.proving.token import Tokens
from adapters.rcc14.session import Terms
from gateway.assembly.core import Core
from gateway.assembly.sms import Sms
from gateway.assembly.state import State
from gateway.files import Configuration
from gateway.observe.around import bare
from gateway.serving.upstream import Upstream
from gateway.settings import Settings


class Rcc14(NamedTuple):
    """Who answers clients; ``elsewhere`` stands before ``front`` where ranges of numbers are another server's.

    ``upstreams`` are that server's legs, True for the secure one; ``page`` and ``codes`` are there with codes by SMS.
    """

    documents: Documents
    front: Rcc14Front
    elsewhere: Rcc14Elsewhere | None
    page: CodePage | None
    codes: OneTimePasswords | None
    upstreams: Mapping[bool, Upstream]


async def open_rcc14(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    configuration: Configuration,
    state: State,
    core: Core,
    sms: Sms,
) -> Rcc14:
    """The front end until the stack closes.

    Raises: ConfigError when a way to prove an identity, or the other server, lacks what it needs.
    """
    store, sealer, clock = state.store, state.sealer, state.clock
    terms = Terms(
        settings.rcc14.validity_seconds,
        settings.rcc14.validity_jitter_percent,
        settings.rcc14.token_seconds,
        settings.rcc14.terms.edition if settings.rcc14.terms else "",
    )
    documents = Documents(
        configuration.mapping, core.service, core.accounts, core.ims, settings=settings.rcc14, terms=terms
    )
    tokens = Tokens(store, key=sealer.derive("rcc14-token"), life_seconds=terms.token_seconds)
    methods, page, codes = await stack.enter_async_context(open_methods(store, sealer, settings, sms.bearer, clock))
    old = settings.rcc14.old_server
    legs = ((False, old.http), (True, old.https)) if old else ()
    upstreams = {secure: Upstream(to, old) for secure, to in legs if to and old}
    for upstream in upstreams.values():
        stack.push_async_callback(upstream.close)
    front = Rcc14Front(
        store,
        Provider(store, documents, core.accounts, tokens, settings.rcc14, terms=terms, detections=core.detections),
        tokens,
        settings.rcc14,
        tracer=core.tracer,
        clock=clock,
        load=core.load,
        hosts=default_hosts(settings.operator.plmns)
        | {host.lower() for host in settings.rcc14.hosts}
        | set(settings.rcc14.additional.hosts if settings.rcc14.additional else ()),
        methods=methods,
        around=state.spans.around if state.spans else bare,
    )
    elsewhere = None
    if configuration.cutover is not None:
        elsewhere = Rcc14Elsewhere(
            front.handler, store, settings.rcc14, configuration.cutover, upstreams=upstreams, clock=clock
        )
    return Rcc14(documents, front, elsewhere, page, codes, upstreams)
