"""The operator's messaging server, which speaks SIP with the RCS clients of phones, and takes requests for them.

RCC.07 sends End User Confirmation Requests by SIP MESSAGE. The gateway has no SIP: it posts the XML of one over HTTPS
to the server that has.

Spec: RCC.07 (End User Confirmation Request), RCC.15 2.1.2
"""

from __future__ import annotations

import ssl

import aiohttp

from adapters.rcc14.identity.confirmation import REQUEST_TYPE, Question, format_request
from gateway.errors import ConfigError, Unavailable
from gateway.observe import metrics
from gateway.settings import Confirmation

TIMEOUT_SECONDS = 10


class Confirmations:
    """Hands requests over. The server is told in ``To`` whose phone is meant, and in ``From`` who asks.

    It answers 2xx to what it has taken, and tells the admin API when the user declines.
    """

    def __init__(self, settings: Confirmation) -> None:
        self._settings = settings
        self._questions = {language: Question(**texts) for language, texts in settings.texts.items()}
        try:
            self._tls = ssl.create_default_context(cafile=str(settings.authority) if settings.authority else None)
            if settings.certificate is not None:
                self._tls.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use these certificates: {error}", key="confirmation") from None
        self._http: aiohttp.ClientSession | None = None

    async def ask(self, id_: str, number: str, *, code: str, device: str, seconds: int) -> None:
        """Have the phone with that number show the code for that device.

        Raises: Unavailable when the server does not take it.
        """
        body = format_request(id_, self._questions, code=code, device=device, seconds=seconds)
        headers = {"Content-Type": REQUEST_TYPE, "To": f"tel:{number}", "From": self._settings.sender}
        with metrics.asking("confirmation"):
            if self._http is None:
                self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
            try:
                async with self._http.post(
                    self._settings.url, data=body, headers=headers, ssl=self._tls, allow_redirects=False
                ) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unavailable(f"the messaging server does not answer: {type(error).__name__}") from None
            if status // 100 != 2:
                raise Unavailable(f"the messaging server does not take it (HTTP {status})")

    async def close(self) -> None:
        """End the connections."""
        if self._http is not None:
            await self._http.close()
