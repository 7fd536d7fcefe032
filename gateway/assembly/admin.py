"""The admin API and its console: every resource with the routes it has."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence

from adapters.omadm import tracing as omadm_tracing
from adapters.omadm.preview import CommandPreviews
from adapters.omadm.tnds import laid_open
from adapters.rcc14 import tracing as rcc14_tracing
from gateway.admin.api import AdminApi
from gateway.admin.audit import AuditRoutes
from gateway.admin.backups import BackupRoutes
from gateway.admin.campaigns import CampaignRoutes
from gateway.admin.catalogue import CatalogueRoutes
from gateway.admin.codes import CodeRoutes
from gateway.admin.confirmations import ConfirmationRoutes
from gateway.admin.detections import DetectionRoutes
from gateway.admin.devices import DeviceRoutes
from gateway.admin.dispatch import Parts
from gateway.admin.events import EventRoutes
from gateway.admin.exports import ExportRoutes
from gateway.admin.imports import ImportRoutes
from gateway.admin.instructions import InstructionRoutes
from gateway.admin.jobs import JobRoutes
from gateway.admin.learnt import ModelRoutes
from gateway.admin.metrics import MetricsRoutes
from gateway.admin.node_sets import NodeSetRoutes
from gateway.admin.operations import OperationRoutes
from gateway.admin.packages import PackageRoutes
from gateway.admin.people import PeopleRoutes
from gateway.admin.preview import PreviewRoutes
from gateway.admin.publishing import PublishingRoutes
from gateway.admin.pushes import PushRoutes
from gateway.admin.reaching import ReachRoutes
from gateway.admin.registrations import RegistrationRoutes
from gateway.admin.reload import ReloadRoutes
from gateway.admin.search import SearchRoutes
from gateway.admin.server import ServerRoutes
from gateway.admin.sessions import SessionRoutes
from gateway.admin.shadow import ShadowRoutes
from gateway.admin.simulator import Play, SimulatorRoutes
from gateway.admin.subscribers import SubscriberRoutes
from gateway.admin.tacs import TacRoutes
from gateway.admin.trace import TraceRoutes
from gateway.admin.webhooks import WebhookRoutes
from gateway.assembly.core import Core
from gateway.assembly.listeners import Fronts
from gateway.assembly.outreach import Outreach
from gateway.assembly.people import People
from gateway.assembly.publication import Publication
from gateway.assembly.state import State
from gateway.bulk import Bulk
from gateway.fleet.detection import Sighting
from gateway.node_sets import NodeSets
from gateway.outreach.activations import Activations
from gateway.registrations import Registrations
from gateway.settings import Origin, Settings, secret_settings
from gateway.subscriptions import Subscriptions
from gateway.tacs import Tacs
from gateway.trace import Reader

TRACE_READERS: dict[str, Reader] = {
    omadm_tracing.XML: omadm_tracing.read_exchanges,
    omadm_tracing.WBXML: omadm_tracing.read_exchanges,
    rcc14_tracing.PROTOCOL: rcc14_tracing.read_exchanges,
}


def open_admin(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    state: State,
    core: Core,
    outreach: Outreach,
    fronts: Fronts,
    publication: Publication,
    people: People,
    *,
    origins: Sequence[Origin],
    scrape: Callable[[], Awaitable[bytes]],
    play: Play | None,
) -> AdminApi:
    """The API over all that is served, until the stack closes.

    ``origins`` are the settings as they can be looked at, ``scrape`` gives the metrics of all processes, and ``play``
    plays simulated devices from the console.
    """
    store, clock = state.store, state.clock
    rcc14, learnt = fronts.rcc14, fronts.omadm.learnt
    simulator = SimulatorRoutes(store, play, clock)
    stack.push_async_callback(simulator.close)
    return AdminApi(
        SessionRoutes(
            store,
            people.callers,
            settings.data,
            clock,
            passwords=settings.admin.passwords == "accepted",
            provider=settings.admin.openid.name if people.openid else "",
        ).routes(),
        PeopleRoutes(store, clock).routes(),
        SubscriberRoutes(
            store, core.service, core.inventory, Subscriptions(store, core.inventory, clock), rcc14.documents
        ).routes(),
        DeviceRoutes(
            store, core.service, core.inventory, core.new_accounts, core.ims, clock, learnt.lacking, laid_open
        ).routes(),
        OperationRoutes(store, core.inventory, clock).routes(),
        NodeSetRoutes(NodeSets(store), core.inventory).routes(),
        JobRoutes(core.jobs, core.inventory, clock).routes(),
        PackageRoutes(store, core.packages, publication.campaigns, core.models, clock).routes(),
        PushRoutes(store, core.inventory, outreach.pushes).routes(),
        InstructionRoutes(core.inventory, outreach.cp_documents).routes(),
        ReachRoutes(core.inventory, outreach.reachings).routes(),
        WebhookRoutes(outreach.webhooks).routes(),
        CampaignRoutes(publication.campaigns, store, core.inventory).routes(),
        PublishingRoutes(publication.publishing, publication.editions).routes(),
        DetectionRoutes(core.detections, _decode_map).routes(),
        RegistrationRoutes(
            Registrations(store, lambda name: core.service.catalogue.get(name).key, clock),
            Activations(store, core.service, outreach.reachings),
            core.inventory,
        ).routes(),
        TacRoutes(Tacs(store)).routes(),
        ModelRoutes(learnt).routes(),
        PreviewRoutes(
            store, core.service, core.inventory, rcc14.documents, CommandPreviews(settings.omadm.server_id), clock
        ).routes(),
        CatalogueRoutes(core.service).routes(),
        ConfirmationRoutes(rcc14.codes).routes(),
        CodeRoutes(core.inventory, rcc14.codes).routes(),
        EventRoutes(store, core.inventory).routes(),
        MetricsRoutes(scrape).routes(),
        TraceRoutes(store, core.inventory, core.awaiting, TRACE_READERS, clock).routes(),
        ReloadRoutes(publication.reload.reload).routes(),
        AuditRoutes(store, core.inventory).routes(),
        SearchRoutes(store, clock).routes(),
        ServerRoutes(origins, secret_settings(settings, origins), state.nodes, state.census).routes(),
        BackupRoutes(settings.admin.backups, (sys.executable, "-m", "gateway", "backup"), clock).routes(),
        simulator.routes(),
        ShadowRoutes(fronts.shadows.findings).routes(),
        ImportRoutes(Bulk(store, core.inventory, core.new_accounts, clock)).routes(),
        ExportRoutes(store, state.sealer).routes(),
        callers=people.callers,
        parts=Parts(core.inventory, store, state.sealer, clock, settings.admin.reason == "required", settings.data),
        health=state.health,
        scrape=scrape,
        openid=people.openid,
    )


def _decode_map(octets: bytes, operation: str) -> Sequence[Sighting]:
    """What a MAP message tells. The first brings in what reads ASN.1, which few gateways are asked for over HTTP."""
    from adapters.detection.map_add import decode_message

    return decode_message(octets, operation)
