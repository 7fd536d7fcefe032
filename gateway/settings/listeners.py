"""Settings of where to listen, and of how much to take."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic import Field

from gateway.peers import Network
from gateway.settings.base import ServiceName, Table, TcpAddress


class Listener(Table):
    """One address with what it serves.

    ``trusted_gateways`` are the peers whose enrichment headers are believed. ``trusted_proxies`` are peers that pass
    clients' requests on: they end TLS where there is no certificate here, and say in X-Forwarded-For whom they heard.
    Clients may show a certificate that an authority in ``client_ca`` issued. The admin API carries passwords and
    tokens: in clear it is served on the loopback address, to ``trusted_proxies``, or where ``tls_outside`` says that
    something else sees to TLS before a request leaves the host or the cluster.
    """

    name: str
    address: TcpAddress
    serves: tuple[ServiceName, ...]
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    trusted_gateways: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    tls_outside: bool = False

    @property
    def url(self) -> str:
        """How it is reached from here, without a path."""
        return f"{'https' if self.certificate else 'http'}://{self.address}"

    @pydantic.model_validator(mode="after")
    def _check(self) -> Listener:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or neither")
        secure = {"rcc14-https", "rcc14-shadow-https"} & set(self.serves)
        if secure and self.certificate is None and not self.trusted_proxies:
            raise ValueError(
                f"{secure.pop()} hands out configurations: it needs certificate and key, or trusted_proxies that"
                " end TLS"
            )
        if "admin" in self.serves and not (
            self.certificate or self.trusted_proxies or self.tls_outside or _is_loopback(self.address.host)
        ):
            raise ValueError(
                f"{self.name} at {self.address} would carry passwords and tokens in clear: give it certificate and key,"
                " or an address on loopback, or name in trusted_proxies the proxies that end TLS;"
                " tls_outside = true says that something else does"
            )
        if self.trusted_gateways and not {"rcc14-http", "rcc14-shadow-http"} & set(self.serves):
            raise ValueError("trusted_gateways only means something where rcc14-http or rcc14-shadow-http is served")
        if any("-shadow" in service for service in self.serves) and len(self.serves) > 1:
            raise ValueError(f"{self.name} passes on whatever is asked: serve nothing else there")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Load(Table):
    """When front ends of devices turn requests away with 503: so many under way at once, or the process so late.

    For ``drain_seconds`` after SIGTERM everything is still answered, with the word to come elsewhere next time, and
    ``/readyz`` says that the process ends: set it to what load balancers in front need to notice.
    """

    max_in_flight: Annotated[int, Field(ge=1)] = 2000
    max_lag_seconds: Annotated[float, Field(gt=0)] = 1.0
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
