"""A simulated phone for bootstrap messages: puts short messages together, checks who sent them, keeps what they say.

It works out keys and MACs by itself, apart from the gateway's own code, so that the two can disagree.

Spec: OMA-WAP-TS-ProvBoot-V1_1; OMA-TS-DM_Bootstrap-V1_2
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapters.provisioning.document import Characteristic
from adapters.provisioning.wbxml import decode_document
from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.transcript import Transcript
from adapters.sms.pdu import Part, decode_parts
from adapters.sms.wsp import Push, decode_push
from gateway.errors import ConfigError, DecodeError

CP = "application/vnd.wap.connectivity-wbxml"
DM = "application/vnd.syncml.dm+wbxml"
NOTIFICATION = "application/vnd.syncml.notification"
PUSH_PORT = 2948

_NETWORK, _USER, _BOTH, _TYPED = range(4)
_SECURED_BY = ("the SIM's IMSI", "the user's PIN", "the SIM's IMSI and the user's PIN", "what the user typed")


@dataclasses.dataclass(frozen=True, slots=True)
class Installed:
    """The OMA DM account that a phone was told of."""

    loc_uri: str
    manufacturer: str
    model: str
    client_name: str
    client_password: str
    server_name: str
    server_password: str
    server_id: str
    address: str


def receive_push(
    messages: Sequence[bytes], state_file: Path, *, imsi: str, entry: str = "", manufacturer: str = "", model: str = ""
) -> Transcript:
    """What the phone makes of short messages (their user data); what it believes goes into ``state_file``.

    ``entry`` is what the user types: a PIN, or PIN and check digits.

    Raises: DecodeError when they are not one push of a document.
    """
    transcript = Transcript()
    push = unwrap(messages, transcript)
    if push.content_type != CP:
        raise DecodeError(f"{push.content_type} is not what a phone is bootstrapped with by OMA CP")
    parameters = dict(push.parameters)
    security = parameters.get("SEC")
    if not isinstance(security, int) or security > _TYPED:
        transcript.result = "refused: nothing says who sent it"
    elif not _is_proven(security, str(parameters.get("MAC", "")), push.body, imsi, entry):
        transcript.result = f"refused: the MAC is not made of {_SECURED_BY[security]}"
    else:
        transcript.facts["proven_by"] = _SECURED_BY[security]
    document = decode_document(push.body)
    transcript.values = dict(_parameters(document))
    transcript.facts["would_install" if transcript.result != "ok" else "installed"] = [
        one.type for one in document.characteristics
    ]
    if transcript.result == "ok":
        _install(document, state_file, manufacturer, model)
    return transcript


def unwrap(messages: Sequence[bytes], transcript: Transcript) -> Push:
    """The push in short messages; the transcript tells how it came.

    Raises: DecodeError when they are not one push to the push port.
    """
    whole: Part = decode_parts(messages)
    if whole.ports is None or whole.ports.destination != PUSH_PORT:
        raise DecodeError(f"the short messages are not for port {PUSH_PORT}")
    push = decode_push(whole.payload)
    transcript.received(
        f"push of {len(whole.payload)} octets from port {whole.ports.source}, short messages: {whole.total}",
        push.content_type,
        *(f"{name} {value}" for name, value in push.parameters),
    )
    return push


def installed_account(state_file: Path) -> Installed | None:
    """The account that was installed into that state, None when none was.

    Raises: ConfigError when the phone has lost the one that it came with.
    """
    memory = load_memory(state_file)
    if memory.get("reset"):
        raise ConfigError("the phone was reset and has no account; `mogate simulate cp` gives it one", file=state_file)
    kept = memory.get("account")
    return Installed(**kept) if kept else None


def _is_proven(security: int, mac: str, document: bytes, imsi: str, entry: str) -> bool:
    """Whether the document comes from somebody who knows the IMSI or the PIN."""
    pin = entry
    if security == _TYPED:
        pin, mac = entry[: len(entry) // 2], entry[len(entry) // 2 :]
    key = _imsi_octets(imsi) if security in (_NETWORK, _BOTH) else b""
    key += b"" if security == _NETWORK else pin.encode()
    if not key:
        return False
    digest = hmac.new(key, document, hashlib.sha1).digest()
    if security == _TYPED:
        return mac == "".join(chr(48 + octet % 10) for octet in digest[: len(pin)])
    return mac.upper() == digest.hex().upper()


def _imsi_octets(imsi: str) -> bytes:
    """The IMSI's digits two by two, each pair turned round, behind its parity."""
    digits = ("9" if len(imsi) & 1 else "1") + imsi + ("" if len(imsi) & 1 else "f")
    return bytes.fromhex("".join(second + first for first, second in zip(digits[::2], digits[1::2], strict=True)))


def _parameters(node: Characteristic, path: str = "") -> Iterator[tuple[str, str]]:
    """Every parm by its path; of characteristics that repeat, the second and later ones have a number."""
    seen: dict[str, int] = {}
    for name, value in node.parms:
        yield path + name, value
    for child in node.characteristics:
        seen[child.type] = seen.get(child.type, 0) + 1
        number = f"[{seen[child.type]}]" if seen[child.type] > 1 else ""
        yield from _parameters(child, f"{path}{child.type}{number}/")


def _install(document: Characteristic, state_file: Path, manufacturer: str, model: str) -> None:
    """Keep the first OMA DM account, with its nonces, and everything else as it came."""
    memory: dict[str, Any] = load_memory(state_file)
    memory["parameters"] = dict(_parameters(document))
    for application in document.characteristics:
        parms = dict(application.parms)
        if application.type != "APPLICATION" or parms.get("APPID") != "w7":
            continue
        below = [(one.type, dict(one.parms)) for one in application.characteristics]
        levels = {one.get("AAUTHLEVEL"): one for type_, one in below if type_ == "APPAUTH"}
        client, server = levels.get("APPSRV", {}), levels.get("CLIENT", {})
        account = Installed(
            loc_uri=client.get("AAUTHNAME", ""),
            manufacturer=manufacturer,
            model=model,
            client_name=client.get("AAUTHNAME", ""),
            client_password=client.get("AAUTHSECRET", ""),
            server_name=server.get("AAUTHNAME", ""),
            server_password=server.get("AAUTHSECRET", ""),
            server_id=parms.get("PROVIDER-ID", ""),
            address=next((one.get("ADDR", "") for type_, one in below if type_ == "APPADDR"), ""),
        )
        # What an older account left does not hold for a new one.
        memory.pop("tree", None)
        memory.pop("reset", None)
        memory |= {
            "account": dataclasses.asdict(account),
            "client_nonce": client.get("AAUTHDATA", ""),
            "server_nonce": server.get("AAUTHDATA", ""),
        }
        break
    save_memory(state_file, memory)
