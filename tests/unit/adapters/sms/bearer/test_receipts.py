"""Receipts that an HTTP gateway brings: believed where the address is one of ours, and read as Kannel has them."""

from __future__ import annotations

import pytest

from adapters.sms.bearer.receipts import ReceiptAddress
from gateway.fleet.push import Fate

ADDRESS = ReceiptAddress("http://gw/sms/receipt", b"key")
GOOD = ADDRESS.of("m1").partition("?")[2]


@pytest.mark.parametrize(
    ("state", "fate"),
    [("1", Fate.DELIVERED), ("2", Fate.FAILED), ("16", Fate.FAILED), ("4", None), ("8", None), ("x", None)],
)  # fmt: skip
def test_states_are_those_of_kannel(state: str, fate: Fate | None) -> None:
    """1 delivered, 2 not delivered, 16 refused; 4 and 8 are on the way. Kannel User's Guide, "Delivery Reports"."""
    receipt = ADDRESS.parse(GOOD.replace("%d", state))
    assert receipt is not None
    assert (receipt.message_id, receipt.fate) == ("m1", fate)


@pytest.mark.parametrize(
    "query",
    ["", "id=m1&state=1", GOOD.replace("m1", "m2"), GOOD[:-1] + "g", "id=&state=1&mac=", f"{GOOD[:-1]}%ff", "mac=é"],
)
def test_what_is_no_address_from_here_is_not_believed(query: str) -> None:
    """Nobody can make up a delivery."""
    assert ADDRESS.parse(query.replace("%d", "1")) is None
    assert ReceiptAddress("http://gw/sms/receipt", b"other").parse(GOOD.replace("%d", "1")) is None
