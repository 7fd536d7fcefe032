"""Settings of which protocol writes what to devices that speak several."""

from __future__ import annotations

from typing import Literal

from gateway.settings.base import Table


class Owners(Table):
    """Which protocol writes an MO to a device that speaks several, where no profile says so under ``[owners]``.

    It is the first in ``order`` of those that the device was met over and that bring the MO unasked: OMA DM those with
    a root in ``omadm.roots``, RCC.14 the ``default_applications`` and ``always_applications``. Without an order each
    protocol writes every MO. With ``documents`` "keep" an RCC.14 document has all of its applications nevertheless, for
    clients that take a missing one for a service that ended.
    """

    order: tuple[Literal["omadm", "rcc14"], ...] = ()
    documents: Literal["omit", "keep"] = "omit"
