"""Openings that a device repeats: known by their octets, and answered without being read.

A phone opens each session in the same words: that it calls, and its DevInfo. Its record has what these ask for and a
digest of them; where a message has the same octets behind its header, and the device is on record as it was when it
said so, nothing in them is new. Whatever else follows from a session that begins is worked out as for any other.

Spec: OMA-TS-DM_Protocol-V1_2 8.3 (package 1)
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re

from msgspec.structs import replace

from adapters.omadm.codec import Opened
from adapters.omadm.messages import Alert, AnyCommand, Command, SyncML
from adapters.omadm.reports import AlertCode
from gateway.fleet.device import Device, OmaDmState

DIGEST_BYTES = 12
MAX_COMMANDS = 8
MAX_CMD_ID = 8
"""Openings of more commands, or with longer CmdIDs, are not kept: the record of a device stays small."""

_CALLS = {"S": AlertCode.SERVER_INITIATED, "C": AlertCode.CLIENT_INITIATED}
_LETTERS = {int(code): letter for letter, code in _CALLS.items()}
_REPLACE = "R"
_COMMAND = re.compile(r"([SCR])([0-9]+)")


def recall(opened: Opened, state: OmaDmState) -> SyncML | None:
    """What the message says to a gateway that knows the rest of it: its commands, without the nodes they tell.

    None when it says something else than the device's last opening, and has to be read.
    """
    gist = recalled(opened, state)
    return SyncML(opened.header, commands_of(gist)) if gist else None


def recalled(opened: Opened, state: OmaDmState) -> str:
    """The same in short, for ``commands_of``; empty when the message has to be read."""
    digest, gist = state.opening[:DIGEST_BYTES], state.opening[DIGEST_BYTES:].decode()
    return gist if gist and opened.unread and hmac.compare_digest(digest, _digest(opened, state)) else ""


@functools.lru_cache(256)
def commands_of(gist: str) -> tuple[AnyCommand, ...]:
    """The commands, without the nodes they tell."""
    return tuple(
        Command("Replace", cmd_id, ()) if letter == _REPLACE else Alert(cmd_id, _CALLS[letter])
        for letter, cmd_id in _COMMAND.findall(gist)
    )


def is_called(gist: str) -> bool:
    """Whether the device was called by the server."""
    return _LETTERS[AlertCode.SERVER_INITIATED] in gist


def remember(before: Device, device: Device, opened: Opened) -> Device:
    """The device with the opening that was read, if it can be recalled and told nothing new of what it was before."""
    known, state = before.omadm, device.omadm
    if known is None or state is None or state.described != known.described or not opened.unread:
        return device
    opened.learn()
    gist = _gist(opened.read())
    return replace(device, omadm=replace(state, opening=_digest(opened, state) + gist.encode())) if gist else device


def _digest(opened: Opened, state: OmaDmState) -> bytes:
    """What identifies the octets behind the header, and what the device was known to say of itself."""
    return hashlib.blake2b(opened.unread, key=state.described, digest_size=DIGEST_BYTES).digest()


def _gist(message: SyncML) -> str:
    """A letter and the CmdID of each command; empty when one is more than a call or the report of whole nodes."""
    if not message.final or len(message.commands) > MAX_COMMANDS:
        return ""
    gist = ""
    for command in message.commands:
        match command:
            case Alert(cmd_id=cmd_id, code=int(code), items=(), correlator="", no_resp=False) if code in _LETTERS:
                gist += _LETTERS[code]
            case Command(verb="Replace", cmd_id=cmd_id, items=items, no_resp=False) if not any(
                item.more_data for item in items
            ):
                gist += _REPLACE
            case _:
                return ""
        if not (cmd_id.isascii() and cmd_id.isdigit() and len(cmd_id) <= MAX_CMD_ID):
            return ""
        gist += cmd_id
    return gist
