"""First use of a device: what somebody saw, and what follows for the subscriber."""

from __future__ import annotations

from typing import NamedTuple


class Sighting(NamedTuple):
    """One observation: this SIM in this phone. Empty text says nothing; ``apns`` is None when they were not told.

    ``imei`` is an IMEI or IMEISV; ``msisdn`` has its leading ``+``; ``removed`` says that the subscription is gone.
    """

    imsi: str = ""
    imei: str = ""
    msisdn: str = ""
    apns: tuple[str, ...] | None = None
    removed: bool = False
