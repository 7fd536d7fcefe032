"""OMA CP documents of devices: the objects of their desired tree, and the account that lets them call.

Spec: OMA-WAP-TS-ProvCont-V1_1 4
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Values

from adapters.omacp.account import application
from adapters.omacp.manual import ManualWords
from adapters.omacp.mapping import CpMapping
from adapters.omacp.push import push
from adapters.omacp.security import Method, prove
from adapters.provisioning.document import ROOT, Characteristic, Parm, format_characteristic
from adapters.provisioning.mapping import Mapping
from adapters.provisioning.wbxml import encode_document
from adapters.sms.pdu import Ports, encode_parts
from adapters.sms.wsp import encode_push
from gateway.errors import ConfigError
from gateway.fleet.account import Account
from gateway.fleet.device import Device, sim_of
from gateway.fleet.instructions import Instructions
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.service import Service
from gateway.settings import OmaCp, Sms

_ROOT_ORDER = ("PXLOGICAL", "NAPDEF", "APPLICATION")
_CONNECTED = ("w2", "w4", "w5", "25", "110", "143")
"""Applications that a phone connects by what the document says; IMS and RCS clients go by their own parameters."""


class CpDocuments:
    """Renders what a phone of OMA CP is due."""

    def __init__(
        self, mapping: Mapping, own: CpMapping, words: ManualWords, service: Service, settings: OmaCp, sms: Sms
    ) -> None:
        """``own`` are the places of MOs with characteristics of their own; ``mapping`` has all others.

        ``words`` are for those who type documents in.
        """
        self.adopt(mapping, own, words)
        self._service = service
        self._settings = settings
        self._sms = sms

    def adopt(self, mapping: Mapping, own: CpMapping, words: ManualWords) -> None:
        """Render by these mappings and words from now on."""
        self._mapping = mapping
        self._own = own
        self._words = words

    def preview(self, subscriber: Subscriber, device: Device) -> tuple[str, bytes]:
        """The document this device would get, without any account, as XML and as WBXML."""
        document = self._document(subscriber, device)
        return format_document(document), encode_document(document)

    def instructions(self, subscriber: Subscriber, device: Device, language: str) -> Instructions:
        """What to type into this device for it to hold what its document has, whoever else could bring that.

        Raises: ConfigError for a language without words, and when there is nothing to type.
        """
        document = self._document(subscriber, device, everything=True)
        made = self._words.instructions(document, language, f"{device.manufacturer} {device.model}")
        if not made.parts:
            objects = ", ".join(self._settings.objects)
            raise ConfigError(
                f"there is nothing to type into device {device.id}: set values of {objects}, name more in "
                "omacp.objects, or give what it has words in the directory manual of the mapping"
            )
        return made

    def bootstrap(
        self, subscriber: Subscriber, device: Device, account: Account, security: str, pin: str, reference: int
    ) -> PreparedPush:
        """The push that gives the device its account and access points. ``security`` is a name of SEC in any case.

        Raises: ConfigError when the method is unknown, or needs an IMSI or a PIN that is not there.
        """
        return self._pushed("OMA CP bootstrap", subscriber, device, account, security, pin, reference)

    def configure(
        self, subscriber: Subscriber, device: Device, security: str, pin: str, reference: int
    ) -> PreparedPush:
        """The push with the device's document, without an account, for a phone that takes settings by OMA CP alone.

        Raises: ConfigError as with ``bootstrap``, and when the document would be empty.
        """
        if not self._document(subscriber, device).characteristics:
            objects = ", ".join(self._settings.objects)
            raise ConfigError(
                f"nothing of device {device.id} goes into an OMA CP document: set values of {objects}, or name more in "
                "omacp.objects"
            )
        return self._pushed("OMA CP document", subscriber, device, None, security, pin, reference)

    def _pushed(
        self,
        kind: str,
        subscriber: Subscriber,
        device: Device,
        account: Account | None,
        security: str,
        pin: str,
        reference: int,
    ) -> PreparedPush:
        try:
            method = Method[security.upper()]
        except KeyError:
            known = ", ".join(one.name.lower() for one in Method)
            raise ConfigError(f"{security!r} does not secure OMA CP; there are {known}", key="security") from None
        document = self._document(subscriber, device, account)
        body = encode_document(document)
        imsi_form = self._service.model(device).imsi_key or self._settings.imsi_key
        proof = prove(method, body, imsi=sim_of(subscriber, device), pin=pin, imsi_form=imsi_form)
        octets = encode_push(push(body, proof))
        ports = Ports(source=self._sms.push_source_port)
        says = {"content type": push(body, proof).content_type, "SEC": method.name}
        if proof.mac:
            says["MAC"] = proof.mac
        return PreparedPush(
            kind=kind,
            says=says,
            document=format_document(document),
            body=body,
            octets=octets,
            segments=encode_parts(octets, reference=reference, ports=ports, wide=self._sms.wide_references),
            entry=proof.entry,
        )

    def _document(
        self, subscriber: Subscriber, device: Device, account: Account | None = None, *, everything: bool = False
    ) -> Characteristic:
        values = self._service.configuration(subscriber, device).values
        # An account is of no use without an access point, whoever sees to that later.
        owned = account is None and not everything
        theirs = self._service.left_out(subscriber, device, "omacp") if owned else frozenset()
        found: list[Characteristic] = []
        for mo in self._settings.objects:
            if mo in values and mo not in theirs:
                given = values[mo]
                found += self._own.render(mo, given) if mo in self._own else _legacy(self._mapping, mo, given)
        nap_ids = _ids(found, "NAPDEF", "NAPID")
        proxy_ids = _ids(found, "PXLOGICAL", "PROXY-ID")
        found = [_connected(one, proxy_ids, nap_ids) for one in found]
        if account is not None:
            found.append(application(self._mapping, account, nap_ids=() if proxy_ids else nap_ids, proxy_ids=proxy_ids))
        return Characteristic(ROOT, (), tuple(sorted(found, key=lambda one: _ROOT_ORDER.index(one.type))))


def format_document(document: Characteristic) -> str:
    """The document as XML."""
    inner = "".join(format_characteristic(one) for one in document.characteristics)
    return f'<{ROOT} version="1.0">{inner}</{ROOT}>'


def _legacy(mapping: Mapping, mo: str, values: Values[str, str]) -> tuple[Characteristic, ...]:
    """An MO without a table of its own: its APPLICATION as in the older RCC.14 layout, with the name OMA CP has."""
    rendered = mapping.render(mo, values, "A")
    if rendered is None:
        return ()
    parms = tuple(Parm("APPID" if name == "AppID" else name, value) for name, value in rendered.parms)
    return (rendered._replace(parms=parms),)


def _ids(characteristics: Iterable[Characteristic], type_: str, name: str) -> list[str]:
    return [parm.value for one in characteristics if one.type == type_ for parm in one.parms if parm.name == name]


def _connected(one: Characteristic, proxy_ids: Sequence[str], nap_ids: Sequence[str]) -> Characteristic:
    """A proxy or an application with what it is reached by; anything else as it is.

    Spec: OMA-WAP-TS-ProvCont-V1_1 (TO-PROXY, TO-NAPID)
    """
    if one.type == "PXLOGICAL":
        return _reached(one, nap_ids)
    if one.type != "APPLICATION" or not any(parm.name == "APPID" and parm.value in _CONNECTED for parm in one.parms):
        return one
    if any(parm.name in ("TO-PROXY", "TO-NAPID") for parm in one.parms):
        return one
    ways = [Parm("TO-PROXY", known) for known in proxy_ids] or [Parm("TO-NAPID", known) for known in nap_ids]
    return one._replace(parms=(*one.parms, *ways))


def _reached(proxy: Characteristic, nap_ids: Iterable[str]) -> Characteristic:
    """The proxy whose physical side has its identifier and the access points it is reached by.

    Spec: OMA-WAP-TS-ProvCont-V1_1 (PXPHYSICAL: PHYSICAL-PROXY-ID, TO-NAPID)
    """
    reached = tuple(Parm("TO-NAPID", one) for one in nap_ids) or (Parm("TO-NAPID", "INTERNET"),)
    known = tuple(Parm("PHYSICAL-PROXY-ID", one) for one in _ids([proxy], "PXLOGICAL", "PROXY-ID"))
    return proxy._replace(
        characteristics=tuple(
            one._replace(parms=(*known, *one.parms, *reached)) if one.type == "PXPHYSICAL" else one
            for one in proxy.characteristics
        )
    )
