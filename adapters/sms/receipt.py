"""Delivery receipts: what an SMSC says became of a message, and the forms in which it names the message.

Spec: SMPP 3.4 5.2.12 (esm_class), 5.2.28 (message_state), 5.3.2.12 (receipted_message_id), Appendix B (text form)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from gateway.errors import DecodeError
from gateway.fleet.push import Fate, Receipt

MAX_ID_CHARACTERS = 65
RECEIPTED_MESSAGE_ID = 0x001E
MESSAGE_STATE = 0x0427

IdForm = Literal["same", "hexadecimal", "decimal"]

_RECEIPT = 0x04
_KIND = 0x3C
_FATES = {
    2: Fate.DELIVERED,
    3: Fate.EXPIRED,
    4: Fate.FAILED,
    5: Fate.FAILED,
    7: Fate.FAILED,
    8: Fate.FAILED,
}
_STATES = {"ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7,
           "REJECTD": 8}  # fmt: skip
_NAMES = {code: name for name, code in _STATES.items()}
_ID = re.compile(r"\bid:([^\s]{1,65})", re.IGNORECASE)
_STAT = re.compile(r"\bstat:([A-Z]{1,10})", re.IGNORECASE)
_ERR = re.compile(r"\berr:([0-9A-Za-z]{1,8})", re.IGNORECASE)


def is_receipt(esm_class: int) -> bool:
    """Whether a deliver_sm of that class is a receipt, and no message of a phone's."""
    return esm_class & _KIND == _RECEIPT


def decode_receipt(text: bytes, parameters: Mapping[int, bytes], form: IdForm = "same") -> Receipt:
    """The receipt, by its parameters where it has them, else by its text. ``form`` is that of message ids in it.

    Raises: DecodeError when it does not name a message and a state.
    """
    said = text[:512].decode("latin-1")
    named = parameters.get(RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    found = _ID.search(said)
    message_id = named or (found[1] if found else "")
    state = int.from_bytes(parameters.get(MESSAGE_STATE, b"")[:1])
    stated = _STAT.search(said)
    if not state and stated:
        state = _STATES.get(stated[1].upper(), 0)
    if not message_id or len(message_id) > MAX_ID_CHARACTERS or not state:
        raise DecodeError("a receipt that names no message, or no state")
    code = _ERR.search(said)
    why = _NAMES.get(state, f"state {state}") + (f", error {code[1]}" if code and code[1].strip("0") else "")
    return Receipt(to_decimal(message_id) if form == "hexadecimal" else message_id, _FATES.get(state), why)


def to_decimal(message_id: str) -> str:
    """An id in hexadecimal digits as SMSCs write it in decimal; anything else as it is."""
    try:
        return str(int(message_id, 16))
    except ValueError:
        return message_id
