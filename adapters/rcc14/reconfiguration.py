"""The short message that makes a client ask for its configuration anew.

Spec: RCC.14 3 (network requested configuration)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from adapters.sms.message import ShortMessage, UserData, encode_user_data
from gateway.errors import ConfigError
from gateway.fleet.device import Device
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of

PORT = 37273
_FQDN = re.compile(r"(?=.*\.)[A-Za-z0-9.-]{1,253}", re.ASCII)
_APP_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)


class Reconfigurations:
    """Renders the messages for subscribers of these networks (MCC and MNC together).

    ``word`` and ``separator`` are how the operator's clients want the text: there is more than one use in the field.
    """

    def __init__(self, plmns: tuple[str, ...], *, word: str = "rcscfg", separator: str = ",") -> None:
        self._plmns = plmns
        self._word = word
        self._separator = separator

    def reconfiguration(
        self, subscriber: Subscriber, imsi: str, *, by_impi: bool, server: str = "", apps: Sequence[str] = ()
    ) -> PreparedPush:
        """The message to that SIM of the subscriber, by its IMSI or by its IMPI.

        ``server`` is the FQDN of the additional server to ask, ``apps`` are the AppIDs that it is about.

        By IMSI a client drops what it holds and starts as for the first time, whatever state it is in; by IMPI, which
        it knows from its configuration, it keeps number and token. Another identity than its own it passes over.

        Raises: ConfigError when there is no number to send it to, or no IMPI, or it does not fit into one message, or a
        name could not be told from what is around it.
        """
        for key, pattern, names in (("server", _FQDN, (server,) if server else ()), ("app", _APP_ID, apps)):
            for name in names:
                if not pattern.fullmatch(name) or self._separator in name:
                    raise ConfigError(f"{name[:60]!r} cannot stand in a reconfiguration message", key=key)
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
        text = self._separator.join((f"{identity}-{self._word}", *([server] if server else []), *apps))
        message, data = encode_reconfiguration(subscriber.msisdn, text)
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


def encode_reconfiguration(number: str, text: str) -> tuple[ShortMessage, UserData]:
    """The message with that text to that number, and its user data.

    Raises: ConfigError when it does not fit into one message.
    """
    message = ShortMessage(number, text, PORT)
    try:
        return message, encode_user_data(message)
    except ValueError as error:
        raise ConfigError(f"the message {text[:60]!r} {error}") from None
