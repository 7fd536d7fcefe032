"""What goes out by itself: messages that make a device call, and who sends them when; and events to their receivers."""

from __future__ import annotations

import contextlib
import functools
from typing import NamedTuple

from adapters.omacp.documents import CpDocuments
from adapters.omadm.documents import OmaDmPushes
from adapters.rcc14.reconfiguration import Reconfigurations
from gateway.assembly.core import Core
from gateway.assembly.sms import Sms
from gateway.assembly.state import State
from gateway.detections import WORK as DETECTION_WORK
from gateway.files import Configuration
from gateway.outreach.pushes import Pushes, Server
from gateway.outreach.reach import Reachings
from gateway.outreach.webhooks import Webhooks
from gateway.settings import Settings


class Outreach(NamedTuple):
    """The pushes of OMA DM, the documents of OMA CP, and what sends them; ``webhooks`` send events."""

    omadm_pushes: OmaDmPushes
    cp_documents: CpDocuments
    pushes: Pushes
    reachings: Reachings
    webhooks: Webhooks


def open_outreach(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    configuration: Configuration,
    state: State,
    core: Core,
    sms: Sms,
) -> Outreach:
    """What reaches devices over that bearer, at the pace of the settings, and what sends events until the stack closes.

    Detections make a device call from now on.
    """
    omadm_pushes = OmaDmPushes(
        core.service, configuration.catalogue, state.sealer, settings.omadm, settings.omacp, settings.sms
    )
    cp_documents = CpDocuments(
        configuration.mapping,
        configuration.cp_mapping,
        configuration.manual,
        core.service,
        settings.omacp,
        settings.sms,
    )
    pushes = Pushes(
        core.inventory,
        sms.reach,
        omadm_pushes,
        cp_documents,
        Reconfigurations(
            settings.operator.plmns,
            word=settings.rcc14.reconfiguration_word,
            separator=settings.rcc14.reconfiguration_separator,
        ),
        Server(settings.omadm.server_id, settings.omadm.server_name, settings.omadm_address()),
        accounts=core.accounts,
        new_accounts=core.new_accounts,
    )
    reachings = Reachings(state.store, core.service, pushes, settings.reach, state.background, state.clock)
    state.background.add(DETECTION_WORK, functools.partial(core.detections.call, caller=reachings))
    webhooks = Webhooks(state.store, state.sealer, state.background, state.clock)
    stack.push_async_callback(webhooks.close)
    return Outreach(omadm_pushes, cp_documents, pushes, reachings, webhooks)
