"""The composition root: builds the gateway's parts from the settings and serves them on their listeners."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from adapters.detection.map_add import decode_message
from adapters.detection.spool import Spool
from adapters.omacp.documents import CpDocuments
from adapters.omadm import tracing as omadm_tracing
from adapters.omadm.documents import OmaDmPushes
from adapters.omadm.handlers import OmaDmFront
from adapters.omadm.preview import CommandPreviews
from adapters.omadm.shadow import OmaDmShadow
from adapters.omadm.tnds import laid_open
from adapters.rcc14 import tracing as rcc14_tracing
from adapters.rcc14.access import default_hosts
from adapters.rcc14.documents import Documents
from adapters.rcc14.elsewhere import Rcc14Elsewhere
from adapters.rcc14.handlers import Leg, Rcc14Front
from adapters.rcc14.provider import Provider
from adapters.rcc14.proving.methods import open_methods
from adapters.rcc14.proving.page import CodePage
from adapters.rcc14.proving.token import Tokens
from adapters.rcc14.reconfiguration import Reconfigurations
from adapters.rcc14.session import Terms
from adapters.rcc14.shadow import Rcc14Shadow
from adapters.sms.bearer.opening import open_bearer, open_reach
from adapters.sms.bearer.receipts import PATH as RECEIPT_PATH
from adapters.sms.bearer.receipts import ReceiptAddress, ReceiptFront
from gateway.access.audit import AuditLog
from gateway.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.audit import AuditRoutes
from gateway.admin.auth import load_token
from gateway.admin.backups import BackupRoutes
from gateway.admin.caller import Callers
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
from gateway.admin.openid import OpenidFront
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
from gateway.awaited import Awaiting
from gateway.bulk import Bulk
from gateway.detections import WORK as DETECTION_WORK
from gateway.detections import Detections
from gateway.editions import EDITIONS_FOLDER, Editions
from gateway.errors import ConfigError
from gateway.files import Configuration, load_configuration
from gateway.fleet.model import Diagnostics as DiagnosticsNames
from gateway.fleet.model import Model, ReadBack
from gateway.fleet.owners import Ownership
from gateway.fleet.queue import Patience
from gateway.ims_credentials import ImsCredentials
from gateway.inventory import Inventory
from gateway.jobs import Jobs
from gateway.learnt import REFRESH_SECONDS as LEARNT_SECONDS
from gateway.learnt import LearntModels
from gateway.new_accounts import NewAccounts
from gateway.node_sets import NodeSets
from gateway.nodes import Nodes, this_process
from gateway.observe import metrics
from gateway.observe.around import bare
from gateway.observe.health import Health
from gateway.observe.load import Load
from gateway.observe.logs import logger
from gateway.observe.siblings import METRICS, Siblings
from gateway.openid.flow import Client
from gateway.openid.provider import OpenidProvider
from gateway.outreach.activations import Activations
from gateway.outreach.background import Background
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.census import COUNT_SECONDS, Census
from gateway.outreach.gauges import Gauges
from gateway.outreach.publishing import Draft, Publishing
from gateway.outreach.pushes import Pushes, Server
from gateway.outreach.reach import Reachings
from gateway.outreach.rollouts import Read, Rollouts
from gateway.outreach.webhooks import Webhooks
from gateway.packages import PACKAGES_FOLDER, Packages
from gateway.registrations import Registrations
from gateway.reload import Reload
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.serving import front, memory
from gateway.serving.download import PackageFront
from gateway.serving.tls import Certificates
from gateway.serving.upstream import Upstream
from gateway.settings import Listener, Origin, PeopleOpenid, Settings, read_password, secret_settings
from gateway.shadow import Findings
from gateway.store.opening import open_store, served_alone
from gateway.store.protocol import Store
from gateway.store.sealed import SealedStore
from gateway.subscriptions import Subscriptions
from gateway.tacs import Tacs
from gateway.trace import Reader, Tracer

if TYPE_CHECKING:
    from gateway.observe.spans import Spans

HOUSEKEEPING_SECONDS = 60
SHUTDOWN_SECONDS = 5
TRACE_READERS: dict[str, Reader] = {
    omadm_tracing.XML: omadm_tracing.read_exchanges,
    omadm_tracing.WBXML: omadm_tracing.read_exchanges,
    rcc14_tracing.PROTOCOL: rcc14_tracing.read_exchanges,
}


def now() -> datetime:
    """The clock of the process."""
    return datetime.now(UTC)


class Running(NamedTuple):
    """A gateway that serves: each listener with the port it got, and what can be done to it."""

    bound: Sequence[tuple[Listener, int]]
    reload: Reload
    health: Health


@contextlib.asynccontextmanager
async def running(
    settings: Settings, siblings: Siblings | None = None, origins: Sequence[Origin] = (), play: Play | None = None
) -> AsyncIterator[Running]:
    """Serve while the context is open. Siblings share the ports; ``origins`` are the settings as they can be looked at.

    ``play`` plays simulated devices from the console.

    Raises: ConfigError when the settings, a file they name or the data directory is not fit for use.
    """
    editions = Editions(settings.profiles, settings.data / EDITIONS_FOLDER)
    editions.recover()
    configuration = load_configuration(settings)
    sealer = Sealer.load(settings.seal_key)
    token = load_token(settings.data)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(served_alone(settings.store, settings.data))
        store, doubts = await open_store(settings.store, settings.data)
        for doubt in doubts:
            logger().warning("store_doubtful", why=doubt)
        stack.push_async_callback(store.close)
        store = SealedStore(store, sealer)
        spans = _open_spans(settings)
        if spans is not None:
            stack.push_async_callback(spans.close)
            store = spans.store(store)
        background = Background(store, now)
        background.every(HOUSEKEEPING_SECONDS, "housekeeping", functools.partial(_keep_house, store, settings))
        nodes = Nodes(store, this_process(siblings.number if siblings else None, now()), now)
        census = Census(store, now)
        background.every(COUNT_SECONDS, "census", census.take)
        models = msgspec.convert([model.model_dump() for model in settings.omadm.models], list[Model])
        service = Service(
            configuration.catalogue,
            configuration.profiles,
            plmns=settings.operator.plmns,
            roots=settings.omadm.roots,
            models=models,
            read_back=msgspec.convert(settings.omadm.read_back.model_dump(), ReadBack),
            tnds=settings.omadm.tnds,
            patience=Patience(settings.omadm.max_tries, timedelta(seconds=settings.omadm.quarantine_seconds)),
            ownership=_ownership(settings, models),
        )
        proxies = tuple(dict.fromkeys(one for listener in settings.listeners for one in listener.trusted_proxies))
        tracer = Tracer(store, settings.trace, proxies)
        awaiting = Awaiting(store, tracer, now)
        inventory = Inventory(store, configuration.catalogue, sealer, now, service.breaches)
        new_accounts = NewAccounts(store, inventory, sealer, now, service.model)
        terms = Terms(
            settings.rcc14.validity_seconds,
            settings.rcc14.validity_jitter_percent,
            settings.rcc14.token_seconds,
            settings.rcc14.terms.edition if settings.rcc14.terms else "",
        )
        accounts = Accounts(
            sealer, server_id=settings.omadm.server_id, life_seconds=settings.omadm.account_seconds, models=models
        )
        ims = ImsCredentials(sealer)
        documents = Documents(configuration.mapping, service, accounts, ims, settings=settings.rcc14, terms=terms)
        load = Load(max_in_flight=settings.load.max_in_flight, max_lag_seconds=settings.load.max_lag_seconds)
        tokens = Tokens(store, key=sealer.derive("rcc14-token"), life_seconds=terms.token_seconds)
        detections = Detections(store, settings.detection, now, configuration.detection_rules)
        packages = Packages(settings.data / PACKAGES_FOLDER)
        link_key = sealer.derive("package-link")
        jobs = Jobs(
            store,
            inventory,
            packages,
            accounts,
            sealer,
            key=link_key,
            roots=settings.omadm.roots,
            package_url=settings.package_url(),
            clock=now,
            models=models,
            diagnostics=msgspec.convert(settings.omadm.diagnostics.model_dump(), DiagnosticsNames),
        )
        receipt_url = settings.sms.http.receipt_url
        receipts = ReceiptAddress(receipt_url, sealer.derive("sms-receipt")) if receipt_url else None
        bearer = await stack.enter_async_context(open_bearer(settings, now, receipts))
        sender = spans.bearer(bearer) if spans and bearer else bearer
        reach = await stack.enter_async_context(open_reach(store, bearer, sealer, settings, background, now, sender))
        brought = ReceiptFront(receipts, reach.hear) if receipts is not None and reach is not None else None
        methods, page, codes = await stack.enter_async_context(open_methods(store, sealer, settings, sender, now))
        old = settings.rcc14.old_server
        legs = ((False, old.http), (True, old.https)) if old else ()
        upstreams = {secure: Upstream(to, old) for secure, to in legs if to and old}
        for upstream in upstreams.values():
            stack.push_async_callback(upstream.close)
        rcc14 = Rcc14Front(
            store,
            Provider(store, documents, accounts, tokens, settings.rcc14, terms=terms, detections=detections),
            tokens,
            settings.rcc14,
            tracer=tracer,
            clock=now,
            load=load,
            hosts=default_hosts(settings.operator.plmns)
            | {host.lower() for host in settings.rcc14.hosts}
            | set(settings.rcc14.additional.hosts if settings.rcc14.additional else ()),
            methods=methods,
            around=spans.around if spans else bare,
        )
        elsewhere = None
        if configuration.cutover is not None:
            elsewhere = Rcc14Elsewhere(
                rcc14.handler, store, settings.rcc14, configuration.cutover, upstreams=upstreams, clock=now
            )
        findings = Findings(store, settings.shadow, now)
        background.every(HOUSEKEEPING_SECONDS, "shadow", findings.expire)
        shadow = None
        if upstreams:
            shadow = Rcc14Shadow(store, documents, settings.rcc14, findings, upstreams=upstreams, clock=now)
            stack.push_async_callback(_stop, asyncio.create_task(shadow.watch()))
        dm_shadow = None
        if settings.omadm.old_server is not None:
            beside = Upstream(
                settings.omadm.old_server.url, settings.omadm.old_server, backend="old_dm", key="omadm.old_server"
            )
            stack.push_async_callback(beside.close)
            dm_shadow = OmaDmShadow(
                store, service, findings, upstream=beside, max_bytes=settings.omadm.max_message_bytes, clock=now
            )
            stack.push_async_callback(_stop, asyncio.create_task(dm_shadow.watch()))
        dm_pushes = OmaDmPushes(service, configuration.catalogue, sealer, settings.omadm, settings.omacp, settings.sms)
        cp_documents = CpDocuments(
            configuration.mapping,
            configuration.cp_mapping,
            configuration.manual,
            service,
            settings.omacp,
            settings.sms,
        )
        pushes = Pushes(
            inventory,
            reach,
            dm_pushes,
            cp_documents,
            Reconfigurations(
                settings.operator.plmns,
                word=settings.rcc14.reconfiguration_word,
                separator=settings.rcc14.reconfiguration_separator,
            ),
            Server(settings.omadm.server_id, settings.omadm.server_name, settings.omadm_address()),
            accounts=accounts,
            new_accounts=new_accounts,
        )
        reachings = Reachings(store, service, pushes, settings.reach, background, now)
        learnt = LearntModels(store, settings.omadm.model_refusals)
        await learnt.refresh()
        background.every(LEARNT_SECONDS, "models", learnt.refresh)
        omadm = OmaDmFront(
            store,
            service,
            sealer,
            tracer,
            settings.omadm,
            now,
            secrets_of=jobs.secrets,
            detections=detections,
            models=learnt,
            contents=packages.content,
            requested=jobs.requested,
            after_reset=reachings.after_reset,
            load=load,
            around=spans.around if spans else bare,
        )
        background.add(DETECTION_WORK, functools.partial(detections.call, caller=reachings))
        webhooks = Webhooks(store, sealer, background, now)
        stack.push_async_callback(webhooks.close)
        fetch = PackageFront(packages, link_key, now)
        callers = Callers(
            store,
            token_digest=hashlib.sha256(token.encode()).digest(),
            clock=now,
            session_seconds=settings.admin.session_seconds,
        )
        at_provider = None
        if settings.admin.openid.issuer:
            provider = _open_provider(settings.admin.openid)
            stack.push_async_callback(provider.close)
            at_provider = OpenidFront(store, callers, provider, settings.admin.openid, sealer, now)

        rollouts = Rollouts(store, service, _profiles_of(configuration))
        await rollouts.refresh()

        def adopt(read: Configuration) -> None:
            rollouts.adopt(_profiles_of(read))
            inventory.adopt(read.catalogue)
            documents.adopt(read.mapping)
            dm_pushes.adopt(read.catalogue)
            cp_documents.adopt(read.mapping, read.cp_mapping, read.manual)
            detections.adopt(read.detection_rules)
            if elsewhere is not None and read.cutover is not None:
                elsewhere.adopt(read.cutover)

        certificates, health = Certificates(), Health(store)
        reload = Reload(
            settings, configuration, certificates, adopt, store, now, siblings,
            permit=lambda read: rollouts.check(_profiles_of(read)),
        )  # fmt: skip
        campaigns = Campaigns(
            store, service, inventory, jobs, reachings, background, now, rollouts, served=lambda: reload.digest,
            needs_approval=settings.admin.campaign_approval == "required",
        )  # fmt: skip
        publishing = Publishing(
            store,
            service,
            campaigns,
            rollouts,
            editions=editions,
            read=functools.partial(_read_draft, settings),
            reload=reload.reload,
            served=lambda: reload.digest,
            frame=lambda: reload.frame,
            clock=now,
        )
        simulator = SimulatorRoutes(store, play, now)
        stack.push_async_callback(simulator.close)
        scrape = functools.partial(metrics.scrape, Gauges(store, campaigns, webhooks).refresh)
        exposition = scrape if siblings is None else siblings.render
        admin = AdminApi(
            SessionRoutes(
                store,
                callers,
                settings.data,
                now,
                passwords=settings.admin.passwords == "accepted",
                provider=settings.admin.openid.name if at_provider else "",
            ).routes(),
            PeopleRoutes(store, now).routes(),
            SubscriberRoutes(store, service, inventory, Subscriptions(store, inventory, now), documents).routes(),
            DeviceRoutes(store, service, inventory, new_accounts, ims, now, learnt.lacking, laid_open).routes(),
            OperationRoutes(store, inventory, now).routes(),
            NodeSetRoutes(NodeSets(store), inventory).routes(),
            JobRoutes(jobs, inventory, now).routes(),
            PackageRoutes(store, packages, campaigns, models, now).routes(),
            PushRoutes(store, inventory, pushes).routes(),
            InstructionRoutes(inventory, cp_documents).routes(),
            ReachRoutes(inventory, reachings).routes(),
            WebhookRoutes(webhooks).routes(),
            CampaignRoutes(campaigns, store, inventory).routes(),
            PublishingRoutes(publishing, editions).routes(),
            DetectionRoutes(detections, decode_message).routes(),
            RegistrationRoutes(
                Registrations(store, lambda name: service.catalogue.get(name).key, now),
                Activations(store, service, reachings),
                inventory,
            ).routes(),
            TacRoutes(Tacs(store)).routes(),
            ModelRoutes(learnt).routes(),
            PreviewRoutes(
                store, service, inventory, documents, CommandPreviews(settings.omadm.server_id), now
            ).routes(),
            CatalogueRoutes(service).routes(),
            ConfirmationRoutes(codes).routes(),
            CodeRoutes(inventory, codes).routes(),
            EventRoutes(store, inventory).routes(),
            MetricsRoutes(exposition).routes(),
            TraceRoutes(store, inventory, awaiting, TRACE_READERS, now).routes(),
            ReloadRoutes(reload.reload).routes(),
            AuditRoutes(store, inventory).routes(),
            SearchRoutes(store, now).routes(),
            ServerRoutes(origins, secret_settings(settings, origins), nodes, census).routes(),
            BackupRoutes(settings.admin.backups, (sys.executable, "-m", "gateway", "backup"), now).routes(),
            simulator.routes(),
            ShadowRoutes(findings).routes(),
            ImportRoutes(Bulk(store, inventory, new_accounts, now)).routes(),
            ExportRoutes(store, sealer).routes(),
            callers=callers,
            parts=Parts(inventory, store, sealer, now, settings.admin.reason == "required", settings.data),
            health=health,
            scrape=exposition,
            openid=at_provider,
        )
        if siblings is not None:
            siblings.answers[METRICS] = scrape
            await siblings.start()
            stack.push_async_callback(siblings.close)
        bound = []
        for listener in settings.listeners:
            runner = _runner(
                listener,
                settings,
                omadm,
                elsewhere or rcc14,
                page,
                fetch,
                admin,
                health,
                brought,
                (shadow, dm_shadow),
                spans,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            address = listener.address
            tls, shared = certificates.open(listener), siblings is not None
            site = web.TCPSite(runner, address.host, address.port, ssl_context=tls, reuse_port=shared)
            try:
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"cannot listen on {address}: {error.strerror}", key=f"listeners.{listener.name}"
                ) from None
            bound.append((listener, runner.addresses[0][1]))
        stack.push_async_callback(_stop, asyncio.create_task(load.watch()))
        stack.push_async_callback(_stop, asyncio.create_task(census.watch()))
        stack.push_async_callback(nodes.leave)
        stack.push_async_callback(_stop, asyncio.create_task(nodes.watch()))
        stack.push_async_callback(_stop, asyncio.create_task(rollouts.watch()))
        stack.push_async_callback(_stop, asyncio.create_task(awaiting.watch()))
        if settings.detection.spool is not None:
            spool = Spool(settings.detection, detections, store, now)
            stack.push_async_callback(_stop, asyncio.create_task(spool.watch()))
        background.start()
        stack.push_async_callback(background.close)
        yield Running(bound, reload, health)


async def serve(
    settings: Settings,
    announce: Callable[[Sequence[tuple[Listener, int]]], None],
    siblings: Siblings | None = None,
    origins: Sequence[Origin] = (),
    play: Play | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is called once everything listens.

    SIGTERM lets devices and load balancers know for ``drain_seconds`` before it ends anything; SIGINT, or a second
    signal, does not wait. SIGHUP has the operator's files read anew. One of several siblings also ends with its
    supervisor, which is at the other end of its standard input.
    """
    stop, drain = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, lambda: (stop if drain.is_set() else drain).set())
    logging.getLogger("aiohttp.server").addFilter(_is_fault)
    if siblings is not None:
        loop.add_reader(sys.stdin, stop.set)
    async with running(settings, siblings, origins, play) as gateway:
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            reloads.add(task := loop.create_task(gateway.reload.on_signal()))
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        memory.settle()
        logger().info("serving", listeners={listener.name: port for listener, port in gateway.bound})
        announce(gateway.bound)
        ends = [loop.create_task(event.wait()) for event in (stop, drain)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set() and settings.load.drain_seconds:
            logger().info("draining", seconds=settings.load.drain_seconds)
            gateway.health.draining = True
            await asyncio.wait(ends[:1], timeout=settings.load.drain_seconds)
        logger().info("stopping")
        for end in ends:
            end.cancel()


def _is_fault(record: logging.LogRecord) -> bool:
    """False for aiohttp's word on a request that is no HTTP: it quotes secrets, and is no fault of the gateway's."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        logger().info("request_refused", why=type(error).__name__)
        return False
    return True


def _runner(
    listener: Listener,
    settings: Settings,
    omadm: OmaDmFront,
    rcc14: Rcc14Front | Rcc14Elsewhere,
    page: CodePage | None,
    fetch: PackageFront,
    admin: AdminApi,
    health: Health,
    brought: ReceiptFront | None,
    shadows: tuple[Rcc14Shadow | None, OmaDmShadow | None],
    spans: Spans | None,
) -> web.BaseRunner:
    if "admin" in listener.serves:
        if len(listener.serves) > 1:
            raise ConfigError("admin has a listener of its own: serve nothing else there", key=listener.name)
        return web.AppRunner(
            admin.application(listener.trusted_proxies, [spans.middleware] if spans else []),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
    routes: list[front.Route] = []
    if "sms-receipts" in listener.serves and brought is not None:
        routes.append(("GET", RECEIPT_PATH, brought.handle))
    if "omadm" in listener.serves:
        routes += [("POST", path, omadm.handle) for path in settings.omadm.paths]
        routes += [(method, settings.omadm.package_path, fetch.handle) for method in ("GET", "HEAD")]
    if "rcc14-http" in listener.serves:
        plain = Leg(secure=False, gateways=listener.trusted_gateways, proxies=listener.trusted_proxies)
        routes += [("GET", path, rcc14.handler(plain, path)) for path in settings.rcc14.paths]
    elif "rcc14-https" in listener.serves:
        ends_tls = listener.certificate is not None
        secure = Leg(secure=True, proxies=listener.trusted_proxies, ends_tls=ends_tls)
        for path in settings.rcc14.paths:
            routes += [(method, path, rcc14.handler(secure, path)) for method in ("GET", "POST")]
        if page is not None:
            routes += [
                ("GET", settings.page.path, page.handle_get),
                ("POST", settings.page.path, page.handle_post(listener.trusted_proxies)),
            ]
    otherwise = _passing_on(listener, *shadows)
    if spans is not None:
        name, proxies = listener.name, listener.trusted_proxies
        routes = [(m, path, spans.request(handler, m, path, name, proxies)) for m, path, handler in routes]
    server = front.server(routes, settings.omadm.max_message_bytes, health, otherwise)
    return web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)


def _passing_on(listener: Listener, shadow: Rcc14Shadow | None, dm_shadow: OmaDmShadow | None) -> front.Handler | None:
    """What answers on a listener that stands beside another server; None for any other."""
    if "omadm-shadow" in listener.serves:
        if dm_shadow is None:
            raise ConfigError(
                "omadm-shadow passes requests on to another server: set omadm.old_server.url",
                key=f"listeners.{listener.name}",
            )
        return dm_shadow.handler(listener.trusted_proxies, secure=listener.certificate is not None)
    secure = {"rcc14-shadow-http": False, "rcc14-shadow-https": True}.get(listener.serves[0])
    if secure is None:
        return None
    if shadow is None or secure not in shadow.legs:
        leg = "https" if secure else "http"
        raise ConfigError(
            f"{listener.serves[0]} passes requests on to another server: set rcc14.old_server.{leg}",
            key=f"listeners.{listener.name}",
        )
    ends_tls = listener.certificate is not None
    return shadow.handler(Leg(secure, listener.trusted_gateways, listener.trusted_proxies, ends_tls))


def _open_spans(settings: Settings) -> Spans | None:
    """What watches, or None without a collector; only then are the libraries for it needed."""
    if not settings.opentelemetry.endpoint:
        return None
    try:
        from gateway.observe.spans import Spans
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed: pip install 'mogate[otel]', or leave the endpoint out",
            key="opentelemetry.endpoint",
        ) from None
    return Spans(settings.opentelemetry, sqlite=settings.store.url == "sqlite")


def _open_provider(chosen: PeopleOpenid) -> OpenidProvider:
    client = Client(chosen.client_id, chosen.redirect_uri, chosen.scope, chosen.algorithms)
    secret = read_password(chosen.secret, chosen.secret_file, "admin.openid.secret_file")
    return OpenidProvider(chosen.issuer, client, secret=secret, authority=chosen.authority, key="admin.openid")


def _ownership(settings: Settings, models: Sequence[Model]) -> Ownership:
    roots = [settings.omadm.roots, *(model.roots for model in models)]
    applications = (*settings.rcc14.default_applications, *settings.rcc14.always_applications)
    carried = {"omadm": frozenset(mo for one in roots for mo in one), "rcc14": frozenset(applications)}
    return Ownership(settings.owners.order, carried, settings.owners.documents)


def _read_draft(settings: Settings, profiles: Mapping[str, str] | None) -> Draft:
    read = load_configuration(settings, profiles)
    return Draft(read.profiles, read.digest, read.edition, read.frame)


def _profiles_of(read: Configuration) -> Read:
    return Read(read.catalogue, read.rules, read.profiles, read.edition)


async def _keep_house(store: Store, settings: Settings) -> None:
    """Drop what ended."""
    expired = await store.expire(now())
    forgotten = await store.forget_events(now() - timedelta(days=settings.events.keep_days))
    audit = AuditLog(store)
    if settled := await audit.settle(now()):
        logger().warning("audit_settled", count=settled)
    await audit.index()
    if days := settings.admin.audit_keep_days:
        await audit.forget(now() - timedelta(days=days), now(), secrets.token_hex(4))
    metrics.housekeeping_at.set_to_current_time()
    metrics.expired.inc(expired)
    if expired or forgotten:
        logger().info("expired", count=expired, events=forgotten)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
