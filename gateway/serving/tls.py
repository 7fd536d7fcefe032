"""TLS of the listeners: their certificates, which can be renewed while the gateway serves."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

from gateway.errors import ConfigError
from gateway.observe import metrics
from gateway.settings import Listener


class Certificates:
    """The TLS contexts of all listeners that have a certificate."""

    def __init__(self) -> None:
        self._contexts: list[tuple[Listener, ssl.SSLContext]] = []

    def open(self, listener: Listener) -> ssl.SSLContext | None:
        """The context to serve this listener with; None when it is a plain one.

        Raises: ConfigError.
        """
        if listener.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if listener.client_ca is not None:
            # Who shows a certificate must have its key; whether one is needed is a matter of the device.
            context.verify_mode = ssl.CERT_OPTIONAL
        _fill(context, listener)
        self._contexts.append((listener, context))
        return context

    def check(self) -> None:
        """The files that the listeners name are fit for use now.

        Raises: ConfigError.
        """
        for listener, _ in self._contexts:
            _fill(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), listener)

    def renew(self) -> None:
        """Serve new connections with the files as they are now. Client CAs are added; one that is gone goes at restart.

        Raises: ConfigError.
        """
        for listener, context in self._contexts:
            _fill(context, listener)


def _fill(context: ssl.SSLContext, listener: Listener) -> None:
    assert listener.certificate is not None
    try:
        context.load_cert_chain(listener.certificate, listener.key)
        ends = x509.load_pem_x509_certificate(listener.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ssl.SSLError, ValueError) as error:
        raise _unfit("certificate and key", listener.certificate, listener, error) from None
    if listener.client_ca is not None:
        try:
            context.load_verify_locations(listener.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise _unfit("client CA", listener.client_ca, listener, error) from None
    metrics.tls_expires_at.labels(listener.name).set(ends.timestamp())


def _unfit(what: str, file: Path, listener: Listener, error: Exception) -> ConfigError:
    return ConfigError(f"cannot use this {what}: {error}", file=file, key=f"listeners.{listener.name}")
