"""A live gateway with everything of RCC.14 switched on, for the tests that speak to it over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from live_gateway import Gateway
from rcc14_caller import HUB, Caller

SETTINGS = {
    "MOGATE_SMS__BEARER": "file",
    "MOGATE_OTP__PER_ADDRESS": "0",
    "MOGATE_OTP__ATTEMPTS": "3",
    "MOGATE_RCC14__PROVISIONING_VERSIONS": json.dumps(["2.0", "4.0", "5.0"]),
    "MOGATE_RCC14__OTHER_HOSTS": "refuse",
    "MOGATE_RCC14__ADDITIONAL": json.dumps(
        {"hosts": [HUB], "app_ids": ["ap2002"], "id_provider": True},
    ),
    "MOGATE_RCC14__TERMS": json.dumps(
        {
            "title": {"en": "Chat features", "de": "Chat-Funktionen"},
            "message": {"en": "Use chat?", "de": "Chat nutzen?"},
            "edition": "1",
        }
    ),
    "MOGATE_RCC14__NOTICES": json.dumps(
        {
            "disabled_permanently": {
                "title": {"en": "Service ended", "de": "Dienst beendet"},
                "message": {"en": "Your tariff has <no> chat & more.", "de": "Ihr Tarif hat keinen Chat."},
            }
        }
    ),
}


@pytest.fixture(scope="session")
def rcc14(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A client of that gateway; its log is free of errors in the end."""
    gateway = Gateway(tmp_path_factory.mktemp("rcc14"))
    gateway.environment |= SETTINGS
    gateway.run("init", "--demo")
    gateway.start()
    try:
        yield Caller(gateway)
    finally:
        status = gateway.stop()
    assert status == 0
    assert '"level":"error"' not in gateway.log(), gateway.log()[-3000:]
