"""Documents for devices: compiled once for each selection of profiles, layout and list of applications, then spliced.

Spec: RCC.14 (frame), RCC.15 (IMS), RCC.07 Annex A (RCS)
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping as Values
from datetime import datetime
from typing import NamedTuple

from adapters.provisioning import template
from adapters.provisioning.document import Characteristic, Parm, format_characteristic
from adapters.provisioning.mapping import Layout, Mapping
from adapters.provisioning.rules import APP_ID
from adapters.provisioning.template import Template
from adapters.rcc14.language import choose_language
from adapters.rcc14.messages import Request
from adapters.rcc14.session import TERMS_OF_USE, Delivery, Terms, validity_for
from gateway.accounts import Accounts
from gateway.fleet.activation import applications_off
from gateway.fleet.device import Device
from gateway.fleet.selection import Selection
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.fleet.variables import ACCOUNT, IMS_CREDENTIAL, slots
from gateway.ims_credentials import ImsCredentials
from gateway.service import Service
from gateway.settings import Notice, Rcc14

MAX_TEMPLATES = 4096

_SAYS_ITSELF = ("rcs", "B")
_DISABLED_STATE = "SERVICES/rcsDisabledState"
_ENTITLEMENTS = ("ap2003", "ap2004", "ap2005")
"""Voice over cellular, voice over Wi-Fi, SMS over IP: a client that is told nothing of one would ask again."""
_RELEASES = "SERVICES/SupportedRCSProfileVersions"
_PASSWORDS = frozenset({"dm_client_secret", "dm_server_secret", "ims_password"})
_NONE: frozenset[str] = frozenset()
_NOT_ENTITLED = (Parm("EntitlementStatus", "0"),)


class _Scope(NamedTuple):
    """What a document is about: the MOs in it, and the entitlements that it refuses.

    ``refused`` were asked for, and no MO here says more of them than that there are none.
    """

    mos: tuple[str, ...]
    refused: tuple[str, ...] = ()
    tells_number: bool = True
    tells_servers: bool = True


class Documents:
    """Renders what a device is due.

    Clients that name no applications get the settings' default ones; the ``always_applications`` go to all that are
    entitled to them, whatever they name.
    """

    def __init__(
        self,
        mapping: Mapping,
        service: Service,
        accounts: Accounts,
        ims: ImsCredentials,
        *,
        settings: Rcc14,
        terms: Terms,
    ) -> None:
        self._service = service
        self._accounts = accounts
        self._ims = ims
        self._always_mos = settings.always_applications
        self._usual = _Scope(tuple(dict.fromkeys((*settings.default_applications, *self._always_mos))))
        self._notices: dict[str, Notice] = dict(settings.notices.items())
        if settings.terms is not None:
            self._notices[TERMS_OF_USE] = settings.terms
        self._app_ids_here = settings.app_ids
        self._servers = settings.servers
        self._additional = settings.additional
        self._elsewhere = f"{settings.app_ids}{settings.servers}" if settings.servers else ""
        self._notice = functools.cache(self._rendered_notice)
        self._access_control = functools.cache(self._rendered_access_control)
        self._terms = terms
        self._refusals = functools.cache(_refusals)
        self.adopt(mapping)

    def adopt(self, mapping: Mapping) -> None:
        """Render by this mapping from now on."""
        self._mapping = mapping
        self._app_ids = functools.cache(mapping.app_ids)
        # Millions of clients wish for the same few things.
        self._scope = functools.lru_cache(MAX_TEMPLATES)(self._found_scope)
        self._wish = functools.lru_cache(MAX_TEMPLATES)(self._named_wish)
        self._compiled = functools.lru_cache(MAX_TEMPLATES)(self._compile)
        self._served = functools.cache(mapping.applications)
        self._supported = functools.lru_cache(MAX_TEMPLATES)(_supported_releases)

    def wish(self, subscriber: Subscriber, device: Device, request: Request, *, additional: bool = False) -> str:
        """What tells the clients of one device apart: their release, the server, and the applications they are due.

        A client that asks for others, or comes in another release, starts afresh.
        """
        selection = self._service.selection(subscriber, device)
        return self._wish(selection, request.layout, request.apps, request.release, additional)

    def _named_wish(
        self, selection: Selection, layout: Layout, apps: tuple[str, ...], release: tuple[str, ...], additional: bool
    ) -> str:
        scope = self._scope(selection, layout, apps, additional)
        name = "|".join((layout, ",".join((*scope.mos, *scope.refused)), "\n".join(release), str(additional)))
        return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()

    def key(self, subscriber: Subscriber, device: Device) -> str:
        """A text that changes whenever the content of some wish could; cheap."""
        configuration = self._service.configuration_key(subscriber, device)
        account = device.omadm.account_serial if device.omadm and device.omadm.account_made_at else 0
        awake = "|awake" if subscriber.application_states and device.rcc14 and device.rcc14.woken else ""
        return f"{configuration}|{self._mapping.digest}|{account}{self._elsewhere}{awake}"

    def is_steady(self, subscriber: Subscriber, device: Device) -> bool:
        """Whether the content this client is due is the same until its records or ``common_key`` change.

        An OMA DM account in it is renewed at times.
        """
        return self._service.selection(subscriber, device).variables.isdisjoint(ACCOUNT)

    def turns_off(self, subscriber: Subscriber, device: Device, request: Request) -> str:
        """The client's RCS profile, when the document is going to say that it is not supported; else the empty text.

        Such a client switches RCS off by itself, without a word.

        Spec: RCC.07 Annex A (SupportedRCSProfileVersions)
        """
        profile = request.about.get("rcs_profile", "")
        if not profile:
            return ""
        supported = self._supported(self._service.selection(subscriber, device))
        return profile if supported and profile not in supported else ""

    @property
    def common_key(self) -> str:
        """A text that changes whenever some device's content could though no record of it does; cheap."""
        return f"{self._service.common_key}|{self._mapping.digest}{self._elsewhere}"

    def needs_account(self, subscriber: Subscriber, device: Device, now: datetime) -> bool:
        """Whether the content this client is due has an OMA DM account in it that is still to be made, or renewed."""
        if not self._accounts.is_due(device, now):
            return False
        return not self._service.selection(subscriber, device).variables.isdisjoint(ACCOUNT)

    def needs_credential(self, subscriber: Subscriber, device: Device) -> bool:
        """Whether the content this client is due has a Digest credential for IMS in it that is still to be made."""
        if device.rcc14 is not None and device.rcc14.ims_serial:
            return False
        return not self._service.selection(subscriber, device).variables.isdisjoint(IMS_CREDENTIAL)

    def content(self, subscriber: Subscriber, device: Device, request: Request, *, additional: bool = False) -> bytes:
        """The content: everything of the document but VERS, TOKEN and MSG.

        It is that of the applications asked for, or of the usual ones. What is not served here is left out.

        Spec: RCC.14 2.2.2 (an additional server gives applications, and as an id-provider the number)
        """
        layout, selection = request.layout, self._service.selection(subscriber, device)
        scope = self._scope(selection, layout, request.apps, additional)
        variables = self._variables(subscriber, device, selection.variables)
        return self._content(subscriber, device, selection, layout, scope, variables)

    def _content(
        self,
        subscriber: Subscriber,
        device: Device,
        selection: Selection,
        layout: Layout,
        scope: _Scope,
        variables: Values[str, str],
    ) -> bytes:
        missing = selection.variables.difference(variables) if len(variables) < len(selection.variables) else _NONE
        user = template.user(subscriber.msisdn) if subscriber.msisdn and scope.tells_number else b""
        elsewhere = self._access_control(subscriber.plan) if scope.tells_servers else b""
        off = applications_off(subscriber, device)
        theirs = self._service.left_out(subscriber, device, "rcc14")
        mos = tuple([mo for mo in scope.mos if mo not in theirs]) if theirs else scope.mos
        applications = self._compiled(selection, layout, mos, missing, off).splice(variables)
        return user + elsewhere + applications + self._refusals(scope.refused)

    def document(self, delivery: Delivery, token: str, content: bytes, accept_language: str = "") -> bytes:
        """The whole document; ``token`` and ``content`` may be empty."""
        parts = [template.vers(delivery.version, delivery.validity_seconds)]
        if token:
            parts.append(template.token(token, delivery.token_seconds))
        notice = self._notices.get(delivery.message)
        if notice is not None:
            parts.append(self._notice(delivery.message, choose_language(accept_language, tuple(notice.title))))
        return template.document(*parts, content)

    def preview(
        self,
        subscriber: Subscriber,
        device: Device,
        layout: Layout,
        *,
        apps: tuple[str, ...] = (),
        additional: bool | None = None,
    ) -> bytes:
        """The document this device would get while its service is active, but for its TOKEN and its passwords.

        It is that for a client that asks for ``apps``, and of the additional server if the gateway is one under every
        name, or as ``additional`` says.
        """
        version = max(device.rcc14.version, 1) if device.rcc14 else 1
        vers = template.vers(version, validity_for(device.id, self._terms))
        if additional is None:
            additional = self._additional is not None and not self._additional.hosts
        selection = self._service.selection(subscriber, device)
        scope = self._scope(selection, layout, apps, additional)
        variables = self._variables(subscriber, device, selection.variables)
        shown = {name: "…" if name in _PASSWORDS else text for name, text in variables.items()}
        return template.document(vers, self._content(subscriber, device, selection, layout, scope, shown))

    def _variables(self, subscriber: Subscriber, device: Device, names: frozenset[str]) -> dict[str, str]:
        """Those of the variables that the device has a text for, its secrets among them."""
        service = self._service
        variables = service.variables(subscriber, device, names)
        if not names.isdisjoint(ACCOUNT):
            variables |= self._accounts.variables(device)
        if not names.isdisjoint(IMS_CREDENTIAL):
            credential = self._ims.credential(device, service.variables(subscriber, device))
            if credential is not None:
                variables |= credential.variables
        return variables

    def _compile(
        self,
        selection: Selection,
        layout: Layout,
        mos: tuple[str, ...],
        missing: frozenset[str],
        off: tuple[tuple[str, ServiceState], ...],
    ) -> Template:
        """The applications as a template, without the leaves that need a variable this subscriber lacks.

        An account without its credentials is no account, so all of it stays out. An application that is off stays out
        too, but for RCS where its document can say so itself.

        Spec: RCC.07 Annex A (rcsDisabledState)
        """
        states = dict(off)
        applications: list[Characteristic] = []
        for mo in mos:
            needs = {path: missing.intersection(slots(text)) for path, text in selection.templates(mo).items()}
            if any(not ACCOUNT.isdisjoint(names) for names in needs.values()):
                continue
            values = {path: text for path, text in selection.templates(mo).items() if not needs[path]}
            if mo in states:
                if (mo, layout) != _SAYS_ITSELF:
                    continue
                values |= {_DISABLED_STATE: str(int(states[mo]))}
            application = self._mapping.render(mo, values, layout)
            if application is not None:
                applications.append(application)
        return template.compile(applications)

    def _rendered_notice(self, name: str, language: str) -> bytes:
        notice = self._notices[name]
        title, message = notice.title[language], notice.message[language]
        return template.msg(title, message, accept=notice.accept, reject=notice.reject)

    def _rendered_access_control(self, plan: str) -> bytes:
        servers = [one for one in self._servers if not one.plans or plan in one.plans]
        if not servers:
            return b""
        named = [(one.fqdn, one.id_provider, one.app_ids) for one in servers]
        return template.access_control(self._app_ids_here, named)

    def _found_scope(self, selection: Selection, layout: Layout, apps: tuple[str, ...], additional: bool) -> _Scope:
        """What goes into the document: the same for the same wish, in whatever order and words it came.

        Spec: RCC.14 2.3 (app parameter), 2.2.2 (additional servers)
        """
        here = self._additional if additional else None
        if here is None and not apps:
            return self._usual
        entitled = selection.leaves
        refused = tuple([app for app in _ENTITLEMENTS if app in apps and app not in self._served(layout)])
        if here is None:
            asked = [mo for mo in entitled if mo in self._always_mos or not self._app_ids(mo, layout).isdisjoint(apps)]
            return _Scope(tuple(asked), refused)
        served = [mo for mo in entitled if not self._app_ids(mo, layout).isdisjoint(here.app_ids)]
        if apps:
            served = [mo for mo in served if not self._app_ids(mo, layout).isdisjoint(apps)]
        refused = tuple([app for app in refused if app in here.app_ids])
        return _Scope(tuple(served), refused, tells_number=here.id_provider, tells_servers=False)


def _supported_releases(selection: Selection) -> frozenset[str]:
    """The releases of RCS that the document names as supported; none where it does not say, or not for all alike."""
    leaf = selection.leaves.get("rcs", {}).get(_RELEASES)
    supported = leaf.winner.template if leaf else None
    if not supported or slots(supported):
        return frozenset()
    return frozenset([one.strip() for one in supported.split(",")])


def _refusals(app_ids: tuple[str, ...]) -> bytes:
    """The applications that say that the device is not entitled to them.

    Spec: GSMA TS.43 (EntitlementStatus: 0 is disabled)
    """
    refused = [Characteristic("APPLICATION", (Parm(APP_ID, app_id), *_NOT_ENTITLED)) for app_id in app_ids]
    return "".join(map(format_characteristic, refused)).encode()
