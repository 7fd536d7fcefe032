"""Alerts: what a device says of its own accord, or at the end of something it was told to do.

Spec: OMA-TS-DM_Protocol-V1_2 8.7 (generic alert); OMA-TS-DM_RepPro-V1_2 (Alert)
"""

from __future__ import annotations

import msgspec

from gateway.fleet.operation import Operation

GENERIC = 1226
CLIENT_EVENT = 1224

_PREFIXES = ("reversed-domain-name:", "content-type:")


class DeviceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One item of an alert, or an alert without items. ``data`` is text (``bin`` as base64), None when absent.

    ``correlator`` is that of the Exec whose end is told, empty when nobody asked.
    """

    code: int
    type: str = ""
    format: str = ""
    mark: str = ""
    source: str = ""
    target: str = ""
    data: str | None = None
    correlator: str = ""

    @property
    def kind(self) -> str:
        """The type as it compares: without blanks and without a prefix that only says what sort of name follows."""
        name = self.type.strip()
        for prefix in _PREFIXES:
            if name.lower().startswith(prefix):
                name = name[len(prefix) :].strip()
        return name

    @property
    def result(self) -> int | None:
        """The result code in the data, or None."""
        text = (self.data or "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None


def succeeded(result: int) -> bool:
    """Whether a result code of a management object says that it worked; what no object defines did not.

    Spec: OMA-TS-DM_FUMO-V1_0 5.3; OMA-TS-DM-SCOMO-V1_0 5.3
    """
    return 200 <= result < 300 or 1200 <= result < 1300


def ends(alert: DeviceAlert, operation: Operation) -> bool:
    """Whether this alert tells the end of that running Exec.

    The Correlator decides; an alert without one is about the Exec that runs at or under its Source.
    """
    if alert.code != GENERIC or operation.accepted_at is None or operation.status is not None:
        return False
    if alert.correlator:
        return alert.correlator.strip() == operation.id
    source = alert.source.removeprefix("./").rstrip("/")
    return bool(source) and f"{operation.uri.removeprefix('./')}/".startswith(f"{source}/")
