"""How households and reported trees are packed in Redis."""

from __future__ import annotations

import base64
import os
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard

from gateway.fleet.device import Device
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.subscriber import Subscriber
from gateway.store.redis.packing import Home, Place, pack_home, pack_mirror, unpack_home, unpack_mirror

HOME = Home(
    Subscriber(id="alice", imsis=("001010000000001",), msisdn="+15550100001"),
    (Place(Device(id="alice.1", imei="350000000000006"), 2),),
)
MIRROR = Mirror(
    device_id="alice.1", facts={"./DevInfo/Lang": Fact(read="en", source="DevInfo")}, revision=3
)  # fmt: skip

# As gateways of these schemas wrote them.
HOMES = {
    2: "m3SPgRnovKWJOcAcC3XjemCmA0IYMIQ6eQ3YyRAJw4lAjUxAjcvBGvUMwU5eb2wK0wSizZgA",
    5: "B5t0j4EZGClLgSVMcio0QawHmwSqKMAAljTWgIt3oCVAYDgRqJEJqHE5WKOeIThS1xubQrRASDMmAA==",
    6: "BiBe1QEAUwIIAdy9d9tr/nvOxGYAHifmksfZu/4ycW04NxObAnicmAEJ/PkOdoYWf5yJeJvwEOrirgYolF7mHw==",
}
MIRRORS = {
    5: "eAFrXpmSWpaZnBqfmbI8MQfI0DNcmpaYXFLcuE5P3yW1zDMvLV/fJzEvvWlJUWpiyqLUvGXF+aVFyanLoZIrioD6izPz85gBp9IfRQ==",
    6: "BiBLZQEAwIOnYWxpY2UuMYGComVuqHJldmlzaW9uAwUQDiV4T8jdHhTeGWY+YmS+CQE=",
}


@pytest.mark.parametrize("schema", HOMES)
def test_what_an_older_gateway_packed_stays_readable(schema: int) -> None:
    """However dictionaries, libraries and records change: nobody packs anew what lies there."""
    assert unpack_home(base64.b64decode(HOMES[schema])) == HOME
    if schema in MIRRORS:
        assert unpack_mirror(base64.b64decode(MIRRORS[schema])) == MIRROR


@pytest.mark.parametrize("schema", [5, 6])
@pytest.mark.parametrize("octets", [0, 100, 5_000, 3_000_000])
def test_of_any_size(schema: int, octets: int) -> None:
    """From nothing to megabytes that nothing can be made shorter of."""
    noise = os.urandom(octets).hex()
    home = Home(Subscriber(id="a", attributes={"noise": noise}))
    mirror = Mirror(device_id="a.1", facts={"./Noise": Fact(read=noise)})
    assert unpack_home(pack_home(home, schema)) == home
    assert unpack_mirror(pack_mirror(mirror, schema)) == mirror


def test_a_value_that_says_it_is_huge_is_not_unpacked() -> None:
    """Octets that somebody put there do not take memory for what they claim to be."""
    claimed = b"\x06\xa0" + struct.pack("<I", 4_000_000_000) + base64.b64decode(HOMES[6])[3:]
    with pytest.raises(zstandard.ZstdError, match="too many"):
        unpack_home(claimed)


def test_threads_do_not_get_into_each_others_way() -> None:
    """The libraries let go of the interpreter's lock while they work, in memory of their own."""
    homes = [Home(Subscriber(id=f"s{n}", attributes={"noise": os.urandom(20_000).hex()})) for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda home: unpack_home(pack_home(home, 6)), homes)) == homes
