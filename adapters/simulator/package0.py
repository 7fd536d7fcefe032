"""How a simulated OMA DM phone takes package 0: whether it believes it, and what session it starts.

It works out the digest by itself, apart from the gateway's own code, so that the two can disagree.

Spec: OMA-TS-DM_Notification-V1_2 6
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from adapters.simulator.cp_phone import NOTIFICATION, unwrap
from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.transcript import Transcript
from gateway.errors import DecodeError

_UI_MODES = ("not specified", "background", "informative", "user interaction")
_LOST_NONCES = (bytes(4), b"0x00000000")


class ServerAccount(Protocol):
    """How the phone knows its server."""

    @property
    def server_password(self) -> str: ...
    @property
    def server_id(self) -> str: ...


def receive_notification(messages: Sequence[bytes], account: ServerAccount, state_file: Path) -> Transcript:
    """What the phone makes of short messages with package 0; the fact ``session_id`` is there when it believes it.

    Raises: DecodeError when they are not one notification.
    """
    transcript = Transcript()
    push = unwrap(messages, transcript)
    octets = push.body
    if push.content_type != NOTIFICATION or len(octets) < 25 or len(octets) < 24 + octets[23]:
        raise DecodeError(f"{push.content_type} of {len(octets)} octets is no notification")
    server_id = octets[24 : 24 + octets[23]].decode("utf-8", "replace")
    session_id = f"{octets[21] << 8 | octets[22]:X}"
    version = octets[16] << 2 | octets[17] >> 6
    transcript.received(
        f"notification from {server_id}",
        f"version {version / 10}, ui mode {_UI_MODES[octets[17] >> 4 & 3]}",
        f"initiator {'server' if octets[17] & 8 else 'user'}, SessionID {session_id}",
    )
    memory = load_memory(state_file)
    kept = base64.b64decode(memory.get("server_nonce", ""))
    nonces = [kept, *_LOST_NONCES] if kept else list(_LOST_NONCES)
    known = base64.b64encode(_md5(f"{server_id}:{account.server_password}".encode()))
    signed = b":" + base64.b64encode(_md5(octets[16:]))
    right = [nonce for nonce in nonces if _md5(known + b":" + nonce + signed) == octets[:16]]
    if server_id != account.server_id:
        transcript.result = f"ignored: no account of {server_id}"
    elif version != 11:
        transcript.result = f"ignored: version {version / 10}"
    elif not right:
        transcript.result = "ignored: the digest is wrong"
    else:
        transcript.facts |= {"session_id": session_id, "resynchronises": right[0] != kept}
        if right[0] != kept:
            # The phone proves itself with that nonce as well, and both sides agree on new ones.
            memory["client_nonce"] = base64.b64encode(right[0]).decode()
            memory.pop("server_nonce", None)
            save_memory(state_file, memory)
    return transcript


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()
