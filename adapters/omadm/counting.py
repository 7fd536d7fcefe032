"""What is counted of sessions: how they begin and end, and what devices answer and alert to."""

from __future__ import annotations

from datetime import datetime

from adapters.omadm.reports import AlertCode
from adapters.omadm.session import Received, Turn
from adapters.omadm.session_record import Session
from gateway.fleet.alert import CLIENT_EVENT, GENERIC
from gateway.fleet.device import Device
from gateway.observe import metrics
from gateway.status import StatusCode

_TOLD_ALERTS = {GENERIC: "generic", CLIENT_EVENT: "client_event"}
_RESULTS = {
    (Turn.END, StatusCode.INVALID_CREDENTIALS): "auth_failed",
    (Turn.END, StatusCode.DTD_VERSION): "protocol_error",
    (Turn.END, StatusCode.PROTOCOL_VERSION): "protocol_error",
    (Turn.ABORT, StatusCode.TIMEOUT): "timeout",
    (Turn.ABORT, StatusCode.BAD_REQUEST): "protocol_error",
    (Turn.ABORT, StatusCode.TOO_LARGE): "too_large",
}
"""How a session ends by the gateway's own word."""


def count_at_once(device: Device, *, called: bool) -> None:
    """Count a session that begins and ends with one message."""
    _count_start(device, called=called)
    metrics.count(metrics.dm_sessions, "md5", "ok")
    metrics.dm_session_seconds.observe(0)


def count_start(received: Received, device: Device) -> None:
    """Count a session that begins."""
    _count_start(device, called=any(alert.code == AlertCode.SERVER_INITIATED for alert in received.alerts))


def _count_start(device: Device, *, called: bool) -> None:
    metrics.count(metrics.dm_sessions_started, "server" if called else "client")
    if device.omadm is not None and device.omadm.resync_at is not None:
        metrics.count(metrics.dm_nonce_resync)


def count_turn(received: Received, session: Session | None, device: Device, now: datetime, auth: str) -> None:
    """Count the session that begins or ends with this message, once that is kept."""
    if received.started:
        metrics.dm_sessions_active.began(now)
    if session is None:
        if (result := _result_without_session(received)) is not None:
            metrics.count(metrics.dm_sessions, auth, result)
    elif session.ended:
        count_end(device, _result(received), now, auth)


def count_end(device: Device, result: str, now: datetime, auth: str) -> None:
    """Count the end of the session that the device is in."""
    metrics.count(metrics.dm_sessions, auth, result)
    began_at = device.omadm.last_session_at if device.omadm else None
    if began_at is not None:
        metrics.dm_sessions_active.ended(began_at)
        if result != "replaced":
            metrics.dm_session_seconds.observe((now - began_at).total_seconds())


def count_answers(received: Received) -> None:
    """Count what a device answered to commands, and what it alerts to."""
    for outcome in received.outcomes:
        code = outcome.status.known
        metrics.count(metrics.dm_status_codes, code)
        metrics.count(metrics.dm_commands, outcome.operation.verb, code if code == "other" else f"{code[0]}xx")
    for alert in received.alerts:
        if (kind := _TOLD_ALERTS.get(alert.code)) is not None:
            metrics.count(metrics.dm_alerts, kind)


def _result_without_session(received: Received) -> str | None:
    """How a session ended that is none here, or None when it goes on: the device is challenged, or says no more."""
    return _RESULTS.get((received.turn, received.statuses[0].code))


def _result(received: Received) -> str:
    """How the session ended that this message ends."""
    if received.turn is Turn.END:
        return "aborted"
    if received.turn is not Turn.ABORT:
        return "ok"
    return _RESULTS.get((received.turn, received.statuses[0].code), "protocol_error")
