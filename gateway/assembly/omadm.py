"""The OMA DM front end: sessions with phones, what is learnt of their models, and the packages they download."""

from __future__ import annotations

from typing import NamedTuple

from adapters.omadm.handlers import OmaDmFront
from gateway.assembly.core import Core
from gateway.assembly.outreach import Outreach
from gateway.assembly.state import State
from gateway.learnt import REFRESH_SECONDS as LEARNT_SECONDS
from gateway.learnt import LearntModels
from gateway.observe.around import bare
from gateway.serving.download import PackageFront
from gateway.settings import Settings


class OmaDm(NamedTuple):
    """Who answers phones, and what they taught."""

    front: OmaDmFront
    packages: PackageFront
    learnt: LearntModels


async def open_omadm(settings: Settings, state: State, core: Core, outreach: Outreach) -> OmaDm:
    """The front end, with what is known of models read from the store.

    Raises: Unavailable when the store cannot be read.
    """
    learnt = LearntModels(state.store, settings.omadm.model_refusals)
    await learnt.refresh()
    state.background.every(LEARNT_SECONDS, "models", learnt.refresh)
    front = OmaDmFront(
        state.store,
        core.service,
        state.sealer,
        core.tracer,
        settings.omadm,
        state.clock,
        secrets_of=core.jobs.secrets,
        detections=core.detections,
        models=learnt,
        contents=core.packages.content,
        requested=core.jobs.requested,
        after_reset=outreach.reachings.after_reset,
        load=core.load,
        around=state.spans.around if state.spans else bare,
    )
    return OmaDm(front, PackageFront(core.packages, core.package_key, state.clock), learnt)
