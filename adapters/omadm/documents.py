"""What is pushed to OMA DM devices: notifications, and bootstrap messages of the DM profile.

Spec: OMA-TS-DM_Notification-V1_2; OMA-TS-DM_Bootstrap-V1_2
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from adapters.omadm import bootstrap, notification
from adapters.omadm.bootstrap import Method, account_subtree, bootstrap_message, prove, server_rights
from adapters.omadm.notification import RESYNC_NONCES, Notification, UiMode, decode_notification, encode_notification
from adapters.omadm.tnds import Leaf, Subtree
from adapters.omadm.xml import encode_xml
from adapters.sms.pdu import Ports, encode_parts
from adapters.sms.wsp import Push, encode_push
from adapters.wbxml.codec import decode as decode_wbxml
from adapters.wbxml.element import AnyElement
from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.errors import ConfigError
from gateway.fleet.account import Account
from gateway.fleet.device import Device, sim_of
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import OmaCp, OmaDm, Sms
from gateway.tree.format import Format

_ACCESS_POINTS = ("connmo-nap", "connmo-wlan")
"""Keys of access points by bearer, the one that the account goes by first; all have the identifier of the first."""

_SECURITIES = {"netwpin": Method.NETWORKID, "userpin": Method.USERPIN, "usernetwpin": Method.USERPIN_NETWORKID}


class OmaDmPushes:
    """Renders pushes to OMA DM devices. What is secret in them is unsealed for the moment of rendering alone."""

    def __init__(
        self, service: Service, catalogue: Catalogue, sealer: Sealer, omadm: OmaDm, omacp: OmaCp, sms: Sms
    ) -> None:
        self._service = service
        self._catalogue = catalogue
        self._sealer = sealer
        self._settings = omadm
        self._omacp = omacp
        self._sms = sms

    def adopt(self, catalogue: Catalogue) -> None:
        """Render by this catalogue from now on."""
        self._catalogue = catalogue

    def notification(
        self, device: Device, session_id: int, ui_mode: str, reference: int, *, resync: bool
    ) -> PreparedPush:
        """Package 0 for the device, signed with the nonce it is to know the server by.

        ``resync``, or the lack of such a nonce, makes it the one for devices that lost theirs.

        Raises: ConfigError when the device has no account that proves the server.
        """
        server = device.omadm.server if device.omadm else None
        if server is None:
            raise ConfigError(f"device {device.id} has no OMA DM account to be notified by; bootstrap it first")
        resync = resync or not server.nonce
        model = self._service.model(device)
        nonce = RESYNC_NONCES[model.resync_nonce or self._settings.resync_nonce] if resync else server.nonce
        given = Notification(
            session_id=session_id,
            server_id=self._settings.server_id,
            ui_mode=UiMode[ui_mode.upper().replace("-", "_")],
            version=model.notification_version or self._settings.notification_version,
        )
        digest = self._sealer.unseal(server.secret, CREDENTIAL_PURPOSE).decode()
        octets = encode_notification(given, digest, nonce)
        read = decode_notification(octets)
        says = {
            "digest": octets[:16].hex().upper(),
            "version": f"{read.version} ({read.version / 10})",
            "ui mode": f"{read.ui_mode.value} ({read.ui_mode.name.lower().replace('_', ' ')})",
            "initiator": f"{read.initiator.value} ({read.initiator.name.lower()})",
            "future use": str(read.future_use),
            "session id": f"{read.session_id} (SessionID {read.session_id:X})",
            "server id": read.server_id,
            "nonce": "0x00000000, for a device that has none" if resync else "the server's nonce of the device",
        }
        if server.name != self._settings.server_id:
            says["doubt"] = f"the account is called {server.name!r} and not by the server id: some devices refuse that"
        return self._prepared("OMA DM notification", says, "", notification.push(octets), reference)

    def bootstrap(
        self, subscriber: Subscriber, device: Device, account: Account, security: str, pin: str, reference: int
    ) -> PreparedPush:
        """The push that gives the device its account and access point. ``security`` is what the key is made of.

        Raises: ConfigError when the method is not one of the DM profile, or needs an IMSI or a PIN that is not there.
        """
        method = _SECURITIES.get(security)
        if method is None:
            known = ", ".join(_SECURITIES)
            raise ConfigError(f"{security!r} does not secure the DM profile; there are {known}", key="security")
        naps = self._access_points(subscriber, device)
        connection = f"{bootstrap.INBOX}/{naps[0].name}" if naps else ""
        subtrees = [account_subtree(account, connection=connection), *naps]
        loc_uri = device.omadm.loc_uri if device.omadm else ""
        model = self._service.model(device)
        message = bootstrap_message(account, loc_uri, subtrees, model.tnds or self._settings.tnds)
        imsi_form = model.imsi_key or self._omacp.imsi_key
        proof = prove(method, message, imsi=sim_of(subscriber, device), pin=pin, imsi_form=imsi_form)
        says = {"content type": bootstrap.CONTENT_TYPE, "SEC": method.name, "MAC": proof.mac}
        prepared = self._prepared(
            "OMA DM bootstrap", says, _readable(message), bootstrap.push(message, proof), reference
        )
        return prepared._replace(entry="" if method is Method.NETWORKID else pin)

    def _access_points(self, subscriber: Subscriber, device: Device) -> list[Subtree]:
        """The access points of the desired tree, as objects that go along."""
        wanted = self._service.configuration(subscriber, device).values
        moi = self._catalogue.get(_ACCESS_POINTS[0]).moi
        return [self._access_point(key, moi, values) for key in _ACCESS_POINTS if (values := wanted.get(key))]

    def _access_point(self, key: str, moi: str, values: Mapping[str, str]) -> Subtree:
        root = self._catalogue.get(key).root
        leaves = []
        for path, text in values.items():
            segments = tuple(path.split("/"))
            definition = root.find(segments)
            leaves.append(Leaf(segments, definition.format if definition else Format.CHR, text))
        name = values.get("NAPID", "NAP").replace("/", "-")
        return Subtree(name, moi, leaves, acl=server_rights(self._settings.server_id))

    def _prepared(self, kind: str, says: dict[str, str], document: str, push: Push, reference: int) -> PreparedPush:
        octets = encode_push(push)
        ports = Ports(source=self._sms.push_source_port)
        segments = encode_parts(octets, reference=reference, ports=ports, wide=self._sms.wide_references)
        return PreparedPush(kind, says, document, push.body, octets, segments)


def _readable(message: bytes) -> str:
    """One of our own messages as XML, objects in WBXML of their own laid open and octets as base64."""
    return encode_xml(_opened(decode_wbxml(message)[1])).decode()


def _opened(element: AnyElement) -> AnyElement:
    tag, content = element
    if isinstance(content, list):
        return tag, [_opened(child) for child in content]
    if isinstance(content, str):
        return tag, content
    return tag, [_opened(decode_wbxml(content)[1])] if tag == "Data" else base64.b64encode(content).decode()
