"""What every protocol asks: the use cases of subscribers and their devices, which know no wire format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from gateway.accounts import Accounts
from gateway.assembly.state import State
from gateway.awaited import Awaiting
from gateway.detections import Detections
from gateway.files import Configuration
from gateway.fleet.model import Diagnostics as DiagnosticsNames
from gateway.fleet.model import Model, ReadBack
from gateway.fleet.owners import Ownership
from gateway.fleet.queue import Patience
from gateway.ims_credentials import ImsCredentials
from gateway.inventory import Inventory
from gateway.jobs import Jobs
from gateway.new_accounts import NewAccounts
from gateway.observe.load import Load
from gateway.packages import PACKAGES_FOLDER, Packages
from gateway.service import Service
from gateway.settings import Settings
from gateway.trace import Tracer


class Core(NamedTuple):
    """The use cases; ``load`` tells the front ends when there is too much, ``package_key`` signs links to packages."""

    models: Sequence[Model]
    service: Service
    tracer: Tracer
    awaiting: Awaiting
    inventory: Inventory
    new_accounts: NewAccounts
    accounts: Accounts
    ims: ImsCredentials
    load: Load
    detections: Detections
    packages: Packages
    package_key: bytes
    jobs: Jobs


def make_core(settings: Settings, configuration: Configuration, state: State) -> Core:
    """The use cases over that state."""
    store, sealer, clock = state.store, state.sealer, state.clock
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
    awaiting = Awaiting(store, tracer, clock)
    inventory = Inventory(store, configuration.catalogue, sealer, clock, service.breaches)
    new_accounts = NewAccounts(store, inventory, sealer, clock, service.model)
    accounts = Accounts(
        sealer, server_id=settings.omadm.server_id, life_seconds=settings.omadm.account_seconds, models=models
    )
    load = Load(max_in_flight=settings.load.max_in_flight, max_lag_seconds=settings.load.max_lag_seconds)
    detections = Detections(store, settings.detection, clock, configuration.detection_rules)
    packages = Packages(settings.data / PACKAGES_FOLDER)
    package_key = sealer.derive("package-link")
    jobs = Jobs(
        store,
        inventory,
        packages,
        accounts,
        sealer,
        key=package_key,
        roots=settings.omadm.roots,
        package_url=settings.package_url(),
        clock=clock,
        models=models,
        diagnostics=msgspec.convert(settings.omadm.diagnostics.model_dump(), DiagnosticsNames),
    )
    return Core(
        models,
        service,
        tracer,
        awaiting,
        inventory,
        new_accounts,
        accounts,
        ImsCredentials(sealer),
        load,
        detections,
        packages,
        package_key,
        jobs,
    )


def _ownership(settings: Settings, models: Sequence[Model]) -> Ownership:
    roots = [settings.omadm.roots, *(model.roots for model in models)]
    applications = (*settings.rcc14.default_applications, *settings.rcc14.always_applications)
    carried = {"omadm": frozenset(mo for one in roots for mo in one), "rcc14": frozenset(applications)}
    return Ownership(settings.owners.order, carried, settings.owners.documents)
