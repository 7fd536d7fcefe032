"""How a simulated RCC.14 client takes a reconfiguration message: whether it is meant, and what it then forgets.

Spec: RCC.14 3 (network requested configuration)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.transcript import Transcript
from gateway.errors import DecodeError

HEADER = bytes.fromhex("0605049199")
"""Port-addressed, to 37273; the source port that follows is of no matter."""
HEADER_BYTES = 7
WORDS = ("-rcscfg", "-rcsconfiguration")


def receive_reconfiguration(messages: Sequence[bytes], imsi: str, state_file: Path) -> Transcript:
    """What the client makes of the message; its memory is then as it is before the query that follows.

    By IMSI it forgets all that it holds of the server that is meant, by IMPI it keeps the token. A message for somebody
    else is passed over without a word.

    Raises: DecodeError when it is no such message.
    """
    octets = b"".join(messages)
    if len(messages) != 1 or octets[: len(HEADER)] != HEADER:
        raise DecodeError("is no single message to port 37273")
    try:
        text = octets[HEADER_BYTES:].decode("utf-16-be")
    except UnicodeDecodeError:
        raise DecodeError("is no UTF-16") from None
    told, *about = text.split(",")
    identity = next((told.removesuffix(word) for word in WORDS if told.endswith(word)), "")
    if not identity:
        raise DecodeError(f"{text[:40]!r} asks for no reconfiguration")
    fqdn = next((one for one in about if "." in one and ":" not in one), "")
    apps = [one for one in about if one != fqdn]
    transcript = Transcript()
    transcript.received(
        f"reconfiguration of {identity}",
        *([f"at {fqdn}"] if fqdn else []),
        *([f"of {', '.join(apps)}"] if apps else []),
    )
    state = load_memory(state_file)
    impis = {value for path, value in state.get("values", {}).items() if path.endswith("/Private_User_Identity")}
    if identity not in {imsi, *impis}:
        transcript.result = "ignored: it is for another SIM"
        return transcript
    memory = state
    if fqdn:
        memory = state.setdefault("servers", {}).setdefault(fqdn, {})
        known = state.setdefault("elsewhere", [])
        if fqdn not in [one[0] for one in known]:
            known.append((fqdn, apps, False))
    memory["version"] = 0
    if identity == imsi:
        memory.pop("token", None)
        memory["values"] = {}
    save_memory(state_file, state)
    return transcript
