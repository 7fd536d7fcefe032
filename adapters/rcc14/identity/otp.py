"""One-time passwords by SMS: proof that whoever asks can read what is sent to the number.

Pure: the code is kept as a keyed digest that is bound to the client's cookie, so that neither the store nor another
client can tell it.

Spec: RCC.14 2.3 (configuration over non-3GPP access), POLICY characteristic
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from adapters.rcc14.language import choose_language
from adapters.rcc14.messages import Request
from adapters.sms.message import ShortMessage

POLICY_DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<wap-provisioningdoc version="1.1"><characteristic type="POLICY">'
    b'<parm name="SMS_port" value="0"/></characteristic></wap-provisioningdoc>'
)
"""Tells the client that the code comes as text for its user, whatever port it asked for."""


class Waiting(msgspec.Struct, frozen=True):
    """A client that waits for its SMS: what it asked and when, whose number it would be, and the digest of its code.

    ``subscriber_id`` is empty for a number that is nobody's: no code is right then.
    """

    subscriber_id: str
    asked: Request
    digest: bytes
    asked_at: datetime


def name_of(asked: Request) -> str:
    """What the client calls itself, or its make and model; empty when it says neither. It is a claim."""
    said = asked.about.get
    return said("friendly_device_name") or " ".join(filter(None, map(said, ("terminal_vendor", "terminal_model"))))


def make_code(octets: bytes, digits: int) -> str:
    """A code of that many decimal digits out of random octets, which should be far more than the digits need."""
    return str(int.from_bytes(octets) % 10**digits).zfill(digits)


def digest_code(code: str, cookie: str, key: bytes) -> bytes:
    """What is kept in place of the code."""
    return hmac.digest(key, f"{cookie}.{code}".encode(), hashlib.sha256)


def is_code(given: str, cookie: str, waiting: Waiting, key: bytes) -> bool:
    """Whether that is the code this client was sent; compared in constant time."""
    right = hmac.compare_digest(digest_code(given.strip(), cookie, key), waiting.digest)
    return right and waiting.subscriber_id != ""


def write_message(
    code: str, number: str, port: int, texts: Mapping[str, str], accept_language: str, page: str
) -> ShortMessage:
    """The SMS with the code: nothing but the code for an application's port, words around it for people.

    ``texts`` are the operator's, by language; ``{code}`` and ``{page}`` stand for the code and the address of the page
    to enter it on.
    """
    if port:
        return ShortMessage(number, code, port)
    text = texts[choose_language(accept_language, tuple(texts))]
    return ShortMessage(number, text.replace("{code}", code).replace("{page}", page))


def limit_keys(purpose: str, subject: str, count: int) -> list[str]:
    """The places that may be claimed for one subject, of whom there are ``count`` at a time.

    Subjects are claims of unknown callers: their digest stands for them, so that keys are short and tell nothing.
    """
    name = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return [f"rcc14-limit:{purpose}:{name}:{place}" for place in range(count)]
