"""Beside another server: its answers to RCC.14 clients and OMA DM phones are compared with what would be said here."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from adapters.omadm.shadow import OmaDmShadow
from adapters.rcc14.shadow import Rcc14Shadow
from gateway.assembly.core import Core
from gateway.assembly.rcc14 import Rcc14
from gateway.assembly.state import HOUSEKEEPING_SECONDS, State
from gateway.assembly.tasks import go_on
from gateway.serving.upstream import Upstream
from gateway.settings import Settings
from gateway.shadow import Findings


class Shadows(NamedTuple):
    """Who stands before another server of each protocol, where there is one, and what differed."""

    findings: Findings
    rcc14: Rcc14Shadow | None
    omadm: OmaDmShadow | None


def open_shadows(
    stack: contextlib.AsyncExitStack, settings: Settings, state: State, core: Core, rcc14: Rcc14
) -> Shadows:
    """Who stands before the servers that the settings name, until the stack closes.

    Raises: ConfigError when the certificate of one is not fit for use.
    """
    findings = Findings(state.store, settings.shadow, state.clock)
    state.background.every(HOUSEKEEPING_SECONDS, "shadow", findings.expire)
    rcc14_shadow = None
    if rcc14.upstreams:
        rcc14_shadow = Rcc14Shadow(
            state.store, rcc14.documents, settings.rcc14, findings, upstreams=rcc14.upstreams, clock=state.clock
        )
        go_on(stack, rcc14_shadow.watch())
    omadm_shadow = None
    if settings.omadm.old_server is not None:
        beside = Upstream(
            settings.omadm.old_server.url, settings.omadm.old_server, backend="old_dm", key="omadm.old_server"
        )
        stack.push_async_callback(beside.close)
        omadm_shadow = OmaDmShadow(
            state.store,
            core.service,
            findings,
            upstream=beside,
            max_bytes=settings.omadm.max_message_bytes,
            clock=state.clock,
        )
        go_on(stack, omadm_shadow.watch())
    return Shadows(findings, rcc14_shadow, omadm_shadow)
