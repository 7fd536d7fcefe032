"""An Equipment Identity Register: answers ME-Identity-Check of MMEs and SGSNs, and notes which SIM is in which phone.

A process of its own: its library works with threads, and an attach does not wait for anything but the lists.

Spec: 3GPP TS 29.272 6 (S13 and S13' procedures), 7.2.19, 7.2.20 (ME-Identity-Check)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from diameter.message import constants
from diameter.message.avp.grouped import ExperimentalResult
from diameter.message.commands import MeIdentityCheckAnswer, MeIdentityCheckRequest
from diameter.node import Node
from diameter.node.application import Application

from adapters.detection.equipment import STATUS, Lists
from adapters.detection.journal import Journal
from gateway.errors import ConfigError
from gateway.fleet.detection import Sighting
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.settings import Eir

VENDOR_3GPP = 10415
NO_STATE_MAINTAINED = 1
ERROR_EQUIPMENT_UNKNOWN = 5422
_IMEI = re.compile("[0-9]{14,16}")
_IMSI = re.compile("[0-9]{6,15}")


class Register(Application):  # type: ignore[misc]
    """The S13 application of a node."""

    def __init__(self, lists: Lists, journal: Journal) -> None:
        super().__init__(constants.APP_3GPP_S13_S13, is_auth_application=True)
        self._lists = lists
        self._journal = journal

    def handle_request(self, message: object) -> None:
        """Answer one request; what it says is on its way into the spool before the answer leaves."""
        try:
            self.send_answer(self._answered(message))
        except Exception:
            # The library's thread serves all peers: it must not end with one message.
            logger().exception("request_failed", frontend="eir")

    def _answered(self, request: object) -> object:
        if not isinstance(request, MeIdentityCheckRequest):
            metrics.count(metrics.s13_requests, "refused")
            return self.generate_answer(request, constants.E_RESULT_CODE_DIAMETER_COMMAND_UNSUPPORTED)
        terminal = request.terminal_information
        imei = (terminal.imei or "") if terminal is not None else ""
        answer: MeIdentityCheckAnswer = self.generate_answer(request)
        answer.auth_session_state = NO_STATE_MAINTAINED
        if not _IMEI.fullmatch(imei):
            metrics.count(metrics.s13_requests, "refused")
            answer.result_code = constants.E_RESULT_CODE_DIAMETER_INVALID_AVP_VALUE
            return answer
        list_ = self._lists.answer(imei)
        status = STATUS[list_]
        if status is None:
            answer.experimental_result = ExperimentalResult(VENDOR_3GPP, ERROR_EQUIPMENT_UNKNOWN)
        else:
            answer.result_code = constants.E_RESULT_CODE_DIAMETER_SUCCESS
            answer.equipment_status = int(status)
        metrics.count(metrics.s13_requests, list_)
        self._note(request.user_name or "", imei, (terminal.software_version or "") if terminal else "")
        return answer

    def _note(self, imsi: str, imei: str, software: str) -> None:
        if not _IMSI.fullmatch(imsi):
            return
        whole = imei[:14] + software if len(software) == 2 and software.isdecimal() else imei
        sighting = Sighting(imsi=imsi, imei=whole, seen_at=datetime.now(UTC), source="s13")
        try:
            self._journal.add(imsi, imei[:14], msgspec.json.encode(sighting))
        except OSError as error:
            metrics.count(metrics.s13_requests, "lost")
            logger().error("sighting_lost", why=str(error))


def open_eir(settings: Eir, journal: Journal) -> Callable[[], None]:
    """An EIR that answers from now on; gives what ends it.

    Raises: ConfigError when it cannot listen.
    """
    logging.getLogger("diameter").setLevel(logging.WARNING)
    lists = Lists(settings.white, settings.grey, settings.black, settings.others)
    node = Node(
        settings.host, settings.realm, ip_addresses=[settings.address.host], tcp_port=settings.address.port,
        vendor_ids=[VENDOR_3GPP],
    )  # fmt: skip
    node.product_name = "MOGate"
    peers = [node.add_peer(f"aaa://{peer.host}", peer.realm or settings.realm) for peer in settings.peers]
    node.add_application(Register(lists, journal), peers, [settings.realm])
    try:
        node.start()
    except OSError as error:
        node.stop(force=True)
        raise ConfigError(f"cannot listen on {settings.address}: {error.strerror}", key="eir.address") from None

    def close() -> None:
        node.stop(wait_timeout=2, force=True)
        journal.turn(now=True)

    return close
