"""Openings that a device repeats: known by their octets, and answered without being read.

A phone opens each session in the same words: that it calls, and its DevInfo. Its record has what these ask for and a
digest of them; where a message has the same octets behind its header, and the device is on record as it was when it
said so, nothing in them is new. Whatever else follows from a session that begins is worked out as for any other.

Spec: OMA-TS-DM_Protocol-V1_2 8.3 (package 1)
"""

from __future__ import annotations

import hashlib
import hmac

from msgspec.structs import replace

from adapters.omadm.codec import Opened
from adapters.omadm.messages import Alert, AnyCommand, Command, SyncML
from adapters.omadm.reports import AlertCode
from gateway.fleet.device import Device, OmaDmState, Opening

DIGEST_BYTES = 12
MAX_COMMANDS = 8
MAX_CMD_ID = 8
"""Openings of more commands, or with longer CmdIDs, are not kept: the record of a device stays small."""

_CALLS = {str(int(code)): code for code in (AlertCode.SERVER_INITIATED, AlertCode.CLIENT_INITIATED)}


def recall(opened: Opened, state: OmaDmState) -> SyncML | None:
    """What the message says to a gateway that knows the rest of it: its commands, without the nodes they tell.

    None when it says something else than the device's last opening, and has to be read.
    """
    opening = state.opening
    if opening is None or not opened.unread or not hmac.compare_digest(opening.digest, _digest(opened, state)):
        return None
    commands: list[AnyCommand] = [
        Alert(cmd_id, _CALLS[name]) if name in _CALLS else Command("Replace", cmd_id, ())
        for name, cmd_id in opening.commands
    ]
    return SyncML(opened.header, tuple(commands))


def remember(before: Device, device: Device, opened: Opened) -> Device:
    """The device with the opening that was read, if it can be recalled and told nothing new of what it was before."""
    known, state = before.omadm, device.omadm
    if known is None or state is None or state.described != known.described or not opened.unread:
        return device
    commands = _gist(opened.read())
    if commands is None:
        return device
    return replace(device, omadm=replace(state, opening=Opening(_digest(opened, state), commands)))


def _digest(opened: Opened, state: OmaDmState) -> bytes:
    """What identifies the octets behind the header, and what the device was known to say of itself."""
    return hashlib.blake2b(opened.unread, key=state.described, digest_size=DIGEST_BYTES).digest()


def _gist(message: SyncML) -> tuple[tuple[str, str], ...] | None:
    """Name and CmdID of each command; None when one of them is more than a call or the report of whole nodes."""
    if not message.final or len(message.commands) > MAX_COMMANDS:
        return None
    gist = []
    for command in message.commands:
        match command:
            case Alert(cmd_id=cmd_id, code=int(code), items=(), correlator="", no_resp=False) if str(code) in _CALLS:
                name = str(code)
            case Command(verb="Replace", cmd_id=cmd_id, items=items, no_resp=False) if not any(
                item.more_data for item in items
            ):
                name = "Replace"
            case _:
                return None
        if len(cmd_id) > MAX_CMD_ID:
            return None
        gist.append((name, cmd_id))
    return tuple(gist)
