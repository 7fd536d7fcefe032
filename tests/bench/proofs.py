"""Clients that prove who they are on their way to a document: by a code sent to their number, by their SIM."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from bench.client import UnexpectedAnswer, request
from bench.fleet import HOST, Client, parameters_of

from adapters.simulator.soft_sim import SoftSim

EAP_TYPE = "application/vnd.gsma.eap-relay.v1.0+json"
LOOKS = 200_000
"""How often the inbox is looked at for one code: the message leaves after the answer."""

_COOKIE = b"set-cookie: "


class Inbox:
    """The short messages that the gateway's bearer for labs writes, by number."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._codes: dict[str, str] = {}

    def take(self, number: str) -> str:
        """The code sent to the number last. Raises: UnexpectedAnswer when none comes."""
        for _ in range(LOOKS):
            if code := self._codes.pop(number, ""):
                return code
            if self._file.exists() and self._file.stat().st_size > self._read:
                with self._file.open("rb") as file:
                    file.seek(self._read)
                    for line in iter(file.readline, b""):
                        if not line.endswith(b"\n"):
                            break
                        self._read += len(line)
                        message = json.loads(line)
                        self._codes[message["to"]] = message["text"]
        raise UnexpectedAnswer(f"no code came for {number}")


class SmsCode:
    """A client that nobody vouches for: asks with its number, and comes back with the code it was sent."""

    inbox: ClassVar[Inbox]
    """Where the codes come in: one for all clients."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = False

    def first(self) -> bytes:
        parameters = parameters_of(self._client, 0) | {"msisdn": self._client.msisdn, "SMS_port": "37273"}
        return request("GET", f"/?{urlencode(parameters)}", {"Host": HOST})

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        if not self._asked:
            self._asked = True
            code = self.inbox.take(self._client.msisdn)
            return request("GET", f"/?OTP={code}", {"Host": HOST, "Cookie": cookie_of(head)})
        return _take_document(body)


class SimChallenge:
    """A client that lets its SIM answer the gateway's challenge."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sim = SoftSim(client.imsi, client.k, client.opc, client.sim_memory)

    def first(self) -> bytes:
        parameters = parameters_of(self._client, 0) | {"EAP_ID": self._sim.permanent_identity()}
        return request("GET", f"/?{urlencode(parameters)}", {"Host": HOST, "Accept": EAP_TYPE})

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        if not body.startswith(b"{"):
            return _take_document(body)
        packet, what = self._sim.answer(base64.b64decode(json.loads(body)["eap-relay-packet"]))
        if what != "the SIM's answer":
            raise UnexpectedAnswer(what)
        answered = json.dumps({"eap-relay-packet": base64.b64encode(packet).decode()}).encode()
        return request("POST", "/", {"Host": HOST, "Cookie": cookie_of(head), "Content-Type": EAP_TYPE}, answered)


def cookie_of(head: bytes) -> str:
    """The cookie that an answer sets. Raises: UnexpectedAnswer."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_COOKIE):
            return line[len(_COOKIE) :].partition(b";")[0].decode()
    raise UnexpectedAnswer(f"no cookie: {head!r}")


def _take_document(body: bytes) -> None:
    if b"APPLICATION" not in body:
        raise UnexpectedAnswer(f"wanted a document: {body!r}")
