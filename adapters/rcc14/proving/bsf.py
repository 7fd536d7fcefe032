"""The operator's BSF, which knows the keys that phones have bootstrapped: the reference point Zn.

Spec: 3GPP TS 33.220 4.4.6 (requirements on Zn). What is spoken over HTTPS here is JSON of our own; an operator whose
BSF speaks Diameter (TS 29.109) puts a translator between.
"""

from __future__ import annotations

import base64
import ssl
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import aiohttp
import msgspec

from gateway.errors import ConfigError, Unavailable
from gateway.observe import metrics

TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 65_536
UNKNOWN = 404


class Bootstrapped(NamedTuple):
    """The key of one phone for this NAF, and whose it is: the private identity of its SIM."""

    ks_naf: bytes
    impi: str
    expires_at: datetime


class Bsf(Protocol):
    """Somebody who knows keys by B-TID."""

    async def load_key(self, btid: str, naf_id: bytes, *, uicc: bool) -> Bootstrapped | None:
        """The key for that NAF_Id; None when the B-TID is unknown or has ended.

        Raises: Unavailable.
        """
        ...


class _Key(msgspec.Struct):
    ks_naf: bytes
    impi: str
    expires_at: datetime


_decode = msgspec.json.Decoder(_Key).decode


class HttpBsf:
    """A BSF at an address: it is posted ``btid``, ``naf_id`` (base64) and ``uicc``, and answers 200 with ``ks_naf``
    (base64), ``impi`` and ``expires_at`` (RFC 3339), or 404.

    ``certificate`` and ``key`` show the gateway to it, ``authority`` shows it to the gateway.
    """

    def __init__(self, url: str, *, authority: Path | None, certificate: Path | None, key: Path | None) -> None:
        self._url = url
        try:
            self._tls = ssl.create_default_context(cafile=str(authority) if authority else None)
            if certificate is not None:
                self._tls.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use these certificates: {error}", key="gba") from None
        self._http: aiohttp.ClientSession | None = None

    async def load_key(self, btid: str, naf_id: bytes, *, uicc: bool) -> Bootstrapped | None:
        """Ask for one key."""
        with metrics.asking("bsf"):
            return await self._ask(btid, naf_id, uicc=uicc)

    async def _ask(self, btid: str, naf_id: bytes, *, uicc: bool) -> Bootstrapped | None:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        body = {"btid": btid, "naf_id": base64.b64encode(naf_id).decode(), "uicc": uicc}
        try:
            async with self._http.post(self._url, json=body, ssl=self._tls, allow_redirects=False) as response:
                octets, status = await response.content.read(MAX_ANSWER_BYTES), response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the BSF does not answer: {type(error).__name__}") from None
        if status == UNKNOWN:
            return None
        try:
            key = _decode(octets)
        except msgspec.MsgspecError:
            raise Unavailable(f"the BSF's answer cannot be read (HTTP {status})") from None
        if status != 200 or key.expires_at.tzinfo is None or not key.ks_naf:
            raise Unavailable(f"the BSF's answer is no key (HTTP {status})")
        return Bootstrapped(key.ks_naf, key.impi, key.expires_at)

    async def close(self) -> None:
        """Release the connections."""
        if self._http is not None:
            await self._http.close()
