"""Settings of how clients prove who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from gateway.settings.base import Seconds, Table, TcpAddress


class Otp(Table):
    """One-time passwords by SMS, for RCC.14 clients that nothing else vouches for; needs a bearer in ``[sms]``.

    ``attempts`` is how often one code may be tried. In each ``window_seconds``, ``per_msisdn``, ``per_imsi`` and
    ``per_address`` codes are sent for one number, SIM and client address (0: no limit). ``ports`` "text" sends every
    code as text for the user, whatever port a client asks for. ``unknown_numbers`` "silent" answers a number that is
    nobody's as if a code were on its way, "refuse" answers 403. ``texts`` are by language, the first for clients that
    like none of them; ``{code}`` stands for the code and ``{page}`` for the address of the page to enter it on.
    """

    digits: Annotated[int, Field(ge=6, le=10)] = 6
    seconds: Seconds = 600
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    window_seconds: Seconds = 3600
    per_msisdn: Annotated[int, Field(ge=1, le=100)] = 5
    per_imsi: Annotated[int, Field(ge=0, le=100)] = 5
    per_address: Annotated[int, Field(ge=0, le=100)] = 30
    ports: Literal["client", "text"] = "client"
    unknown_numbers: Literal["silent", "refuse"] = "silent"
    texts: Annotated[dict[str, str], Field(min_length=1)] = {
        "en": "{code} is your code to set up messaging. Never pass it on.",
        "de": "{code} ist Ihr Code zum Einrichten der Nachrichten. Geben Sie ihn nie weiter.",
    }

    @pydantic.field_validator("texts")
    @classmethod
    def _check_texts(cls, texts: dict[str, str]) -> dict[str, str]:
        for language, text in texts.items():
            if "{code}" not in text:
                raise ValueError(f"the text for {language} does not say {{code}}")
        return texts


CONFIRMATION_TEXTS = ("subject", "text", "accept", "reject")
PAGE_TEXTS = (
    *("title", "intro", "number", "code", "button"),
    *("sure", "unnamed", "yes", "no"),
    *("done", "denied", "wrong", "wait"),
)


class Page(Table):
    """The web page for entering a code, next to RCC.14 on its TLS listeners; an empty ``path`` leaves it out.

    ``url`` is what ``{page}`` stands for in the SMS. ``texts`` are by language and name, the first language for
    browsers that like none of them. In ``sure``, ``{device}``, ``{number}`` and ``{time}`` stand for the
    client that waits.
    """

    path: Annotated[str, Field(pattern="^(/[A-Za-z0-9._~/-]+)?$")] = "/verify"
    url: str = ""
    texts: Annotated[dict[str, dict[str, str]], Field(min_length=1)] = {
        "en": {
            "title": "Set up messaging",
            "intro": "Enter your number with its country code, and the code that we sent to it.",
            "number": "Mobile number",
            "code": "Code",
            "button": "Confirm",
            "sure": "{device} asked on {time} to be set up for {number}. Is that your device?",
            "unnamed": "A device without a name",
            "yes": "Yes, set it up",
            "no": "No, it is not mine",
            "denied": "It will not be set up. If you did not ask for a code yourself, give yours to nobody.",
            "done": "Thank you. Your phone will finish setting up by itself.",
            "wrong": "This number and code do not fit together, or the code is too old. Try again.",
            "wait": "That was too often. Wait an hour and try again.",
        },
        "de": {
            "title": "Nachrichten einrichten",
            "intro": "Geben Sie Ihre Nummer mit Landesvorwahl und den Code ein, den wir an sie gesandt haben.",
            "number": "Mobilnummer",
            "code": "Code",
            "button": "Bestätigen",
            "sure": "{device} wollte am {time} für {number} eingerichtet werden. Ist das Ihr Gerät?",
            "unnamed": "Ein Gerät ohne Namen",
            "yes": "Ja, einrichten",
            "no": "Nein, das ist nicht meines",
            "denied": "Es wird nicht eingerichtet. Wenn Sie keinen Code angefordert haben, geben Sie Ihren niemandem.",
            "done": "Vielen Dank. Ihr Telefon richtet sich nun selbst fertig ein.",
            "wrong": "Nummer und Code passen nicht zueinander, oder der Code ist zu alt. Versuchen Sie es noch einmal.",
            "wait": "Das war zu oft. Versuchen Sie es in einer Stunde noch einmal.",
        },
    }

    @pydantic.field_validator("texts")
    @classmethod
    def _check_texts(cls, texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for language, named in texts.items():
            if set(named) != set(PAGE_TEXTS):
                raise ValueError(f"the texts for {language} are to be {', '.join(PAGE_TEXTS)}, no more and no fewer")
        return texts


class Confirmation(Table):
    """End User Confirmation Requests for additional devices, next to codes by SMS; off without ``url``.

    Where a device without the subscriber's SIM asks for a code as text, and the subscriber has a phone whose RCS is
    active, the request is posted to ``url``, the operator's server that speaks SIP with phones; the code goes by SMS
    where that does not take it. ``sender`` is the identity that phones have as endUserConfReqId. ``texts`` are by
    language and name; ``{code}`` and ``{device}`` stand in ``text`` for the code and what the device calls itself.
    ``authority``, ``certificate`` and ``key`` are files in the data directory for TLS with that server.
    """

    url: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    sender: Annotated[str, Field(pattern="^(sips?:[^\\s]+)?$")] = ""
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    texts: Annotated[dict[str, dict[str, str]], Field(min_length=1)] = {
        "en": {
            "subject": "Another device",
            "text": "{device} wants to use your number. Is it yours? Then enter {code} on it.",
            "accept": "OK",
            "reject": "It is not mine",
        },
        "de": {
            "subject": "Ein weiteres Gerät",
            "text": "{device} möchte Ihre Nummer nutzen. Ist es Ihres? Dann geben Sie {code} auf ihm ein.",
            "accept": "OK",
            "reject": "Das ist nicht meines",
        },
    }

    @pydantic.model_validator(mode="after")
    def _check(self) -> Confirmation:
        if self.url and not self.sender:
            raise ValueError("phones take requests from the identity that they know alone: set sender to it")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or neither")
        for language, named in self.texts.items():
            if set(named) != set(CONFIRMATION_TEXTS) or "{code}" not in named["text"]:
                raise ValueError(f"the texts for {language} are to be subject, text with {{code}}, accept and reject")
        return self


class EapAka(Table):
    """SIM authentication by EAP-AKA and EAP-AKA', for RCC.14 clients that send EAP_ID.

    ``server`` "embedded" makes the gateway itself the authentication centre for SIMs whose keys it was given, "radius"
    asks the servers of ``[[aaa]]``, in their order, each ``tries`` times ``retry_seconds`` apart. ``aka_prime`` says
    whether the embedded server offers AKA', with ``network_name`` as the name of the access network. ``seconds`` is how
    long a client may take to answer. The embedded server gives clients names to come by instead of the IMSI, which are
    good for ``names_seconds`` (0: none), and lets them prove themselves by the keys of before ``reauthentications``
    times in a row (0: never) until it challenges the SIM again.
    """

    server: Literal["none", "embedded", "radius"] = "none"
    aka_prime: bool = True
    network_name: Annotated[str, Field(min_length=1, max_length=200)] = "WLAN"
    seconds: Seconds = 60
    names_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 604_800
    reauthentications: Annotated[int, Field(ge=0, le=1000)] = 20
    nas_identifier: Annotated[str, Field(min_length=1, max_length=200)] = "mogate"
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    retry_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0


class Aaa(Table):
    """One AAA server that speaks RADIUS. ``secret`` is the file, in the data directory, with the secret it shares."""

    address: TcpAddress
    secret: Path


class Openid(Table):
    """Log-in at the operator's OpenID provider, for RCC.14 clients that nothing else vouches for; off without
    ``issuer``.

    ``secret`` is the file, in the data directory, with the client's secret; ``authority`` the one of the provider's
    certificate authority, where it is none of the usual ones. ``redirect_uri`` is this gateway's own address, exactly
    as the provider has it. ``number_claim`` and ``imsi_claim`` name the claims to know the subscriber by (empty: not
    looked for), in the id_token or, with ``userinfo``, in what the provider says besides.
    """

    issuer: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    client_id: str = ""
    secret: Path | None = None
    redirect_uri: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    scope: str = "openid phone"
    acr_values: str = ""
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"], ...] = ("RS256", "ES256")
    number_claim: str = "phone_number"
    imsi_claim: str = ""
    userinfo: bool = False
    seconds: Seconds = 600
    authority: Path | None = None


class Gba(Table):
    """GBA for RCC.14 clients that announce ``3gpp-gba``; off without ``bsf``, the address that keys are asked for at.

    ``naf`` is this gateway's own name as phones contact it. ``ciphersuite`` is that of its TLS in four hexadecimal
    digits: phones bind their keys to the one they negotiated, so the listener should leave them no choice.
    ``authority``, ``certificate`` and ``key`` are files in the data directory for TLS with the BSF.
    """

    bsf: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    naf: Annotated[str, Field(pattern="^[A-Za-z0-9.-]*$")] = ""
    ciphersuite: Annotated[str, Field(pattern="^[0-9A-Fa-f]{4}$")] = "c02f"
    nonce_seconds: Seconds = 120
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> Gba:
        if self.bsf and not self.naf:
            raise ValueError("a NAF needs a name: set naf to this gateway's own")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or neither")
        return self
