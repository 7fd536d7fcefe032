"""The two ends of a session for one device: its account unsealed, and the nonces it may be challenged with.

A challenge to somebody who has proved nothing is on no record: its nonce follows from the gateway's key, the session,
the device's stored nonce and the hour, so any worker can check the answer, nobody can use it twice, and whoever claims
to be a device changes nothing of that device's.

Spec: OMA-TS-DM_Security-V1_2 5.3, 5.4; OMA-TS-DM_Notification-V1_2 6.2 (resynchronisation)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from cryptography import x509
from msgspec.structs import replace

from adapters.omadm.auth import Account, verify
from adapters.omadm.codec import Encoding
from adapters.omadm.messages import SyncHdr
from adapters.omadm.notification import RESYNC_NONCES
from adapters.omadm.session import Arrival, Peer
from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.fleet.account import NONCE_BYTES
from gateway.fleet.device import Credential, OmaDmState
from gateway.sealing import Sealer
from gateway.settings import OmaDm
from gateway.tree.uri import NO_LIMITS

CHALLENGE_SECONDS = 600
"""A challenge can be answered for this long, and for as long again."""


class Accounts:
    """The accounts of devices under this gateway's key and settings."""

    def __init__(self, sealer: Sealer, settings: OmaDm) -> None:
        self._sealer = sealer
        self._settings = settings
        self._challenge_key = sealer.derive("omadm-challenge")
        self._continuation_key = sealer.derive("omadm-continuation")
        # A device that nobody knows is challenged like one that is known, against credentials nobody has.
        unknown = sealer.derive("omadm-stranger")
        self._stranger = Account(name="", digest=unknown[:16].hex(), nonce=unknown[16:])

    def peer(
        self,
        header: SyncHdr,
        state: OmaDmState | None,
        encoding: Encoding,
        nonce: bytes,
        now: datetime,
        legacy: bool | None = None,
    ) -> Peer:
        """The two ends for the sender of that header, of which ``state`` is on record: None for one nobody knows.

        ``nonce`` is fresh; what a new session's messages have to bring along is made of it. ``legacy`` is what is known
        of the device's model.
        """
        settings = self._settings
        called_at = state.resync_at if state else None
        is_called = called_at is not None and now - called_at < timedelta(seconds=settings.resync_seconds)
        # However the device understands that nonce: it is as well known in either way.
        further = tuple(RESYNC_NONCES.values()) if is_called else ()
        challenges = self._challenges(header, state.client.nonce if state else b"", now, further)
        client = self._account(state.client, challenges) if state else replace(self._stranger, challenges=challenges)
        continuation = ""
        if settings.resp_uri:
            continuation = hmac.digest(self._continuation_key, nonce, hashlib.sha256)[:16].hex()
        mark = "&" if "?" in settings.resp_uri else "?"
        return Peer(
            server_uri=settings.server_id,
            client=client,
            server=self._account(state.server) if state and state.server else None,
            auth=state.auth if state else settings.auth,
            server_auth=state.server_auth if state else "md5",
            every_message=settings.credentials == "message",
            certificate_required=bool(state and state.certificate_required),
            legacy=settings.legacy if legacy is None else legacy,
            resp_uri=f"{settings.resp_uri}{mark}s={continuation}" if continuation else "",
            continuation=continuation,
            max_failures=settings.max_failed_attempts,
            max_msg_size=settings.max_message_bytes,
            max_obj_size=settings.max_object_bytes,
            large_objects=bool(state and state.large_objects),
            octets=encoding.wbxml,
            uri_limits=(state and state.uri_limits) or NO_LIMITS,
            lacks=state.refused_verbs if state else (),
        )

    def pair(self, state: OmaDmState) -> tuple[Account, Account | None]:
        """Both directions of the device's account, with the nonces on record and no others."""
        return self._account(state.client), self._account(state.server) if state.server else None

    @staticmethod
    def informed(peer: Peer, state: OmaDmState) -> Peer:
        """The two ends after the device said something of what it takes."""
        return replace(
            peer,
            large_objects=bool(state.large_objects),
            uri_limits=state.uri_limits or NO_LIMITS,
            lacks=state.refused_verbs,
        )

    def in_force(self, state: OmaDmState, header: SyncHdr, arrival: Arrival, now: datetime) -> OmaDmState:
        """The state with the newest account in force as soon as the device shows that it has it."""
        if state.pending is None or (header.cred is None and arrival.proof.mac is None):
            return state
        # It answers the challenge that it got, whichever account it has.
        client = replace(state.pending.client, nonce=state.client.nonce, previous_nonce=state.client.previous_nonce)
        account = self._account(client, self._challenges(header, state.client.nonce, now))
        if not verify(header.cred, account, state.auth, arrival.proof).is_accepted:
            return state
        return replace(state, client=client, server=state.pending.server, pending=None)

    def _challenges(
        self, header: SyncHdr, stored: bytes, now: datetime, further: Iterable[bytes] = ()
    ) -> Callable[[], tuple[bytes, ...]]:
        """What a device may have been challenged with, and the ``further`` nonces; worked out when it matters."""

        def challenges() -> tuple[bytes, ...]:
            period = int(now.timestamp()) // CHALLENGE_SECONDS
            session = f"{header.source}\0{header.session_id}\0".encode("utf-8", "replace")
            content = session + stored + b"\0"
            offered = [
                hmac.digest(self._challenge_key, content + str(number).encode(), hashlib.sha256)[:NONCE_BYTES]
                for number in (period, period - 1)
            ]
            return (*offered, *further)

        return challenges

    def _account(self, credential: Credential, challenges: Callable[[], tuple[bytes, ...]] = tuple) -> Account:
        digest = self._sealer.unseal(credential.secret, CREDENTIAL_PURPOSE).decode()
        password = self._sealer.unseal(credential.password, CREDENTIAL_PURPOSE).decode() if credential.password else ""
        return Account(credential.name, digest, credential.nonce, credential.previous_nonce, challenges, password)


def certifies(certificate: bytes, state: OmaDmState) -> bool:
    """Whether a certificate that TLS accepted is bound to the device, by its fingerprint or by its subject.

    Spec: OMA-TS-DM_Security-V1_2 5.2
    """
    if state.certificate and hashlib.sha256(certificate).hexdigest() == state.certificate:
        return True
    if not state.certificate_subject:
        return False
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string() == state.certificate_subject
    except ValueError:
        return False
