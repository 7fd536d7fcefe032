"""Operations as the message that would carry them, for people to look at before it goes out.

Spec: OMA-TS-DM_RepPro-V1_2 (commands)
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.omadm.codec import Encoding, encode
from adapters.omadm.commands import command_for, size
from adapters.omadm.messages import SyncHdr, SyncML
from adapters.omadm.packing import MAX_COMMANDS
from adapters.omadm.tnds import absorb_subtree
from adapters.omadm.xml import decode_xml
from adapters.syncml.readable import Conversation
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation

_XML = Encoding("application/vnd.syncml.dm+xml", wbxml=False)


class CommandPreviews:
    """Shows the commands of a session that has not begun: without credentials, and in one message however long."""

    def __init__(self, server_id: str) -> None:
        self._server_id = server_id

    def preview(self, device: Device, operations: Sequence[Operation]) -> tuple[Sequence[str], str]:
        """The commands, a line each, and the message as XML; as many as a message may have."""
        if device.omadm is None or not operations:
            return (), ""
        commands, following = [], 1
        for operation in operations[:MAX_COMMANDS]:
            commands.append(command_for(operation, following))
            following += size(operation)
        header = SyncHdr(session_id="0", msg_id=1, target=device.omadm.loc_uri, source=self._server_id)
        octets = encode(SyncML(header, tuple(commands)), _XML)
        says = Conversation(absorb_subtree).read(decode_xml(octets), "server")
        if len(operations) > MAX_COMMANDS:
            says.append(f"and {len(operations) - MAX_COMMANDS} more")
        return says, octets.decode()
