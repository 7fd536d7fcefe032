"""Commands shown before they go out."""

from __future__ import annotations

from adapters.omadm.codec import Encoding, decode
from adapters.omadm.messages import Command
from adapters.omadm.packing import MAX_COMMANDS
from adapters.omadm.preview import CommandPreviews
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.operation import Operation

XML = Encoding("application/vnd.syncml.dm+xml", wbxml=False)
PHONE = Device(id="ann.1", omadm=OmaDmState(loc_uri="IMEI:1", client=Credential(name="ann", secret=b"")))
REPLACE = Operation(id="1", verb="Replace", uri="./IMS/T1", value="2000", format="int")


def test_commands_are_shown_as_lines_and_as_the_message() -> None:
    """What the phone would read is what is shown: every command once, in order. RepPro 5.5"""
    says, message = CommandPreviews("mogate").preview(PHONE, [REPLACE, Operation(id="2", verb="Get", uri="./DevInfo")])
    assert says == ["Replace ./IMS/T1 = 2000", "Get ./DevInfo"]
    decoded, _ = decode(message.encode(), XML)
    assert (decoded.header.target, decoded.header.source, decoded.header.cred) == ("IMEI:1", "mogate", None)
    assert [(one.cmd_id, one.verb) for one in decoded.commands if isinstance(one, Command)] == [
        ("1", "Replace"),
        ("2", "Get"),
    ]


def test_nothing_to_send_is_no_message() -> None:
    """Neither for a phone that is up to date nor for one without OMA DM."""
    assert CommandPreviews("mogate").preview(PHONE, []) == ((), "")
    assert CommandPreviews("mogate").preview(Device(id="ann.2"), [REPLACE]) == ((), "")


def test_a_long_plan_is_cut_and_says_so() -> None:
    """As many commands as a message may have, and how many are left."""
    says, _ = CommandPreviews("mogate").preview(PHONE, [REPLACE] * (MAX_COMMANDS + 3))
    assert (len(says), says[-1]) == (MAX_COMMANDS + 1, "and 3 more")
