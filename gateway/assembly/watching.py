"""What goes on for as long as the gateway serves, beside requests."""

from __future__ import annotations

import contextlib

from gateway.assembly.core import Core
from gateway.assembly.publication import Publication
from gateway.assembly.state import State
from gateway.assembly.tasks import go_on
from gateway.settings import Settings


def start_watching(
    stack: contextlib.AsyncExitStack, settings: Settings, state: State, core: Core, publication: Publication
) -> None:
    """Watch the load, the other processes, rollouts and the spool, and do what is due, until the stack closes."""
    go_on(stack, core.load.watch())
    go_on(stack, state.census.watch())
    stack.push_async_callback(state.nodes.leave)
    go_on(stack, state.nodes.watch())
    go_on(stack, publication.rollouts.watch())
    go_on(stack, core.awaiting.watch())
    if settings.detection.spool is not None:
        from adapters.detection.spool import Spool

        spool = Spool(settings.detection, core.detections, state.store, state.clock)
        go_on(stack, spool.watch())
    state.background.start()
    stack.push_async_callback(state.background.close)
