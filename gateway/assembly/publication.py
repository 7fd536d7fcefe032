"""How the operator's files come to be served: taken up by every worker, rolled out in campaigns, published."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

from gateway.assembly.core import Core
from gateway.assembly.outreach import Outreach
from gateway.assembly.rcc14 import Rcc14
from gateway.assembly.state import State
from gateway.editions import Editions
from gateway.files import Configuration, load_configuration
from gateway.observe.siblings import Siblings
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.publishing import Draft, Publishing
from gateway.outreach.rollouts import Read, Rollouts
from gateway.reload import Reload
from gateway.serving.tls import Certificates
from gateway.settings import Settings


class Publication(NamedTuple):
    """What takes files up; ``certificates`` are those of the listeners, which are read anew with them."""

    rollouts: Rollouts
    certificates: Certificates
    reload: Reload
    campaigns: Campaigns
    editions: Editions
    publishing: Publishing


async def open_publication(
    settings: Settings,
    configuration: Configuration,
    editions: Editions,
    siblings: Siblings | None,
    state: State,
    core: Core,
    rcc14: Rcc14,
    outreach: Outreach,
) -> Publication:
    """What takes files up from now on; ``configuration`` is what they said at the start.

    Raises: ConfigError when the store and the files have no edition in common, Unavailable.
    """
    rollouts = Rollouts(state.store, core.service, _profiles_of(configuration))
    await rollouts.refresh()

    def adopt(read: Configuration) -> None:
        rollouts.adopt(_profiles_of(read))
        core.inventory.adopt(read.catalogue)
        rcc14.documents.adopt(read.mapping)
        outreach.omadm_pushes.adopt(read.catalogue)
        outreach.cp_documents.adopt(read.mapping, read.cp_mapping, read.manual)
        core.detections.adopt(read.detection_rules)
        if rcc14.elsewhere is not None and read.cutover is not None:
            rcc14.elsewhere.adopt(read.cutover)

    certificates = Certificates()
    reload = Reload(
        settings, configuration, certificates, adopt, state.store, state.clock, siblings,
        permit=lambda read: rollouts.check(_profiles_of(read)),
    )  # fmt: skip
    campaigns = Campaigns(
        state.store, core.service, core.inventory, core.jobs, outreach.reachings, state.background, state.clock,
        rollouts, served=lambda: reload.digest, needs_approval=settings.admin.campaign_approval == "required",
    )  # fmt: skip
    publishing = Publishing(
        state.store,
        core.service,
        campaigns,
        rollouts,
        editions=editions,
        read=functools.partial(_read_draft, settings),
        reload=reload.reload,
        served=lambda: reload.digest,
        frame=lambda: reload.frame,
        clock=state.clock,
    )
    return Publication(rollouts, certificates, reload, campaigns, editions, publishing)


def _read_draft(settings: Settings, profiles: Mapping[str, str] | None) -> Draft:
    read = load_configuration(settings, profiles)
    return Draft(read.profiles, read.digest, read.edition, read.frame)


def _profiles_of(read: Configuration) -> Read:
    return Read(read.catalogue, read.rules, read.profiles, read.edition)
