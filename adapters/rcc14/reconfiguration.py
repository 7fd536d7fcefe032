"""The short message that makes a client ask for its configuration anew.

Spec: RCC.14 3 (network requested configuration)
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.sms.message import ShortMessage, UserData, encode_user_data
from gateway.errors import ConfigError
from gateway.fleet.device import Device
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of

PORT = 37273


class Reconfigurations:
    """Renders the messages for subscribers of these networks (MCC and MNC together)."""

    def __init__(self, plmns: tuple[str, ...]) -> None:
        self._plmns = plmns

    def reconfiguration(self, subscriber: Subscriber, imsi: str, *, by_impi: bool) -> PreparedPush:
        """The message to that SIM of the subscriber, by its IMSI or by its IMPI.

        By IMSI a client drops what it holds and starts as for the first time, whatever state it is in; by IMPI, which
        it knows from its configuration, it keeps number and token. Another identity than its own it passes over.

        Raises: ConfigError when there is no number to send it to, or no IMPI, or it does not fit into one message.
        """
        if not subscriber.msisdn:
            raise ConfigError(f"subscriber {subscriber.id} has no MSISDN to send a message to", key="msisdn")
        identity = imsi
        if by_impi:
            sim = replace(subscriber, imsis=(imsi,))
            identity = variables_of(sim, Device(id=f"{subscriber.id}.0"), self._plmns).get("impi", "")
            if not identity:
                raise ConfigError(
                    f"the IMSI of subscriber {subscriber.id} is of no network in operator.plmns", key="impi"
                )
        message, data = encode_reconfiguration(subscriber.msisdn, identity)
        says = {
            "to": message.to,
            "port": str(message.port),
            "text": message.text,
            "TP-DCS": f"{data.coding:#04x}",
            "TP-PID": "0x00",
            "TP-UDHI": "1",
        }
        segments = (data.header + data.text,)
        return PreparedPush("rcscfg", says, "", data.text, data.text, segments, coding=data.coding)


def encode_reconfiguration(number: str, identity: str) -> tuple[ShortMessage, UserData]:
    """The message to that number for the client with that IMSI or IMPI, and its user data.

    Raises: ConfigError when it does not fit into one message.
    """
    message = ShortMessage(number, f"{identity}-rcscfg", PORT)
    try:
        return message, encode_user_data(message)
    except ValueError as error:
        raise ConfigError(f"the message for {identity} {error}") from None
