"""The ways of proving an identity that this operator has set up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adapters.rcc14.proving.auc import EmbeddedAuc
from adapters.rcc14.proving.authenticator import Authenticator
from adapters.rcc14.proving.confirmation import Confirmations
from adapters.rcc14.proving.eap import EapRelay
from adapters.rcc14.proving.otp import OneTimePasswords
from adapters.rcc14.proving.page import CodePage
from adapters.rcc14.proving.proof import Method
from gateway.errors import ConfigError
from gateway.outreach.deliveries import Bearer
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.protocol import Store

if TYPE_CHECKING:
    from adapters.rcc14.proving.radius import RadiusAaa
    from gateway.openid.provider import OpenidProvider

MIN_SECRET_BYTES = 8


class Methods(NamedTuple):
    """The methods; the page for entering a code and the codes themselves where there are any."""

    methods: tuple[Method, ...]
    page: CodePage | None
    codes: OneTimePasswords | None


@contextlib.asynccontextmanager
async def open_methods(
    store: Store, sealer: Sealer, settings: Settings, bearer: Bearer | None, clock: Callable[[], datetime]
) -> AsyncIterator[Methods]:
    """The methods that the settings name, for as long as the context is open; codes by SMS where there is a bearer.

    Raises: ConfigError when one lacks what it needs.
    """
    async with contextlib.AsyncExitStack() as stack:
        methods: list[Method] = []
        page = codes = None
        if bearer is not None:
            key = sealer.derive("rcc14-otp")
            confirmations = None
            if settings.confirmation.url:
                confirmations = Confirmations(settings.confirmation)
                stack.push_async_callback(confirmations.close)
            codes = OneTimePasswords(
                store,
                bearer,
                settings.otp,
                key=key,
                clock=clock,
                page=settings.page.url,
                confirmations=confirmations,
                receipts=settings.sms.receipts,
            )
            stack.push_async_callback(codes.close)
            methods.append(codes)
            if settings.page.path:
                page = CodePage(codes, settings.page.texts, clock, settings.page.path)
        if settings.openid.issuer:
            from adapters.rcc14.identity.openid import Claims
            from adapters.rcc14.proving.openid import OpenidLogin

            provider = _open_provider(settings)
            stack.push_async_callback(provider.close)
            names = Claims(settings.openid.number_claim, settings.openid.imsi_claim)
            seconds, with_userinfo = settings.openid.seconds, settings.openid.userinfo
            methods.append(OpenidLogin(store, provider, names, sealer, seconds=seconds, with_userinfo=with_userinfo))
        if settings.gba.bsf:
            from adapters.rcc14.proving.bsf import HttpBsf
            from adapters.rcc14.proving.gba import GbaDigest

            chosen = settings.gba
            bsf = HttpBsf(chosen.bsf, authority=chosen.authority, certificate=chosen.certificate, key=chosen.key)
            stack.push_async_callback(bsf.close)
            methods.append(
                GbaDigest(
                    store, bsf, naf=chosen.naf, ciphersuite=int(chosen.ciphersuite, 16), seconds=chosen.nonce_seconds
                )
            )
        if settings.eap_aka.server != "none":
            authenticator: Authenticator = EmbeddedAuc(store, sealer, settings.eap_aka)
            if settings.eap_aka.server == "radius":
                authenticator = aaa = _open_aaa(settings)
                stack.push_async_callback(aaa.close)
            seconds, has_other = settings.eap_aka.seconds, bool(methods)
            methods.append(EapRelay(store, authenticator, sealer, seconds=seconds, has_other=has_other))
        yield Methods(tuple(methods), page, codes)


def _open_aaa(settings: Settings) -> RadiusAaa:
    from adapters.rcc14.proving.radius import RadiusAaa, Server

    if not settings.aaa:
        raise ConfigError('server = "radius" needs at least one [[aaa]]', key="eap_aka.server")
    servers = [Server(server.address.host, server.address.port, _read_secret(server.secret)) for server in settings.aaa]
    chosen = settings.eap_aka
    return RadiusAaa(servers, nas_identifier=chosen.nas_identifier, tries=chosen.tries, seconds=chosen.retry_seconds)


def _open_provider(settings: Settings) -> OpenidProvider:
    from gateway.openid.flow import Client
    from gateway.openid.provider import OpenidProvider

    chosen = settings.openid
    if not chosen.client_id or not chosen.redirect_uri or chosen.secret is None:
        raise ConfigError("an issuer needs client_id, redirect_uri and secret too", key="openid")
    client = Client(chosen.client_id, chosen.redirect_uri, chosen.scope, chosen.algorithms, chosen.acr_values)
    secret = _read_secret(chosen.secret).decode()
    return OpenidProvider(chosen.issuer, client, secret=secret, authority=chosen.authority, key="openid")


def _read_secret(file: Path) -> bytes:
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the secret: {error.strerror}", file=file) from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigError(f"a secret of {len(secret)} octets can be guessed; it takes {MIN_SECRET_BYTES}", file=file)
    return secret
