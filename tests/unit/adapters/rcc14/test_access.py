"""Which server it is meant for, and who is sent to another."""

from __future__ import annotations

import pytest

from adapters.rcc14.access import Redirect, default_hosts, host_name, redirect_for


def test_the_names_of_the_default_server() -> None:
    """MNC and MCC of three digits each, of every network of the operator (RCC.14 2.2.1, TS 23.003)."""
    assert default_hosts(["00101", "310150"]) == {
        "config.rcs.mnc001.mcc001.pub.3gppnetwork.org",
        "config.rcs.mnc150.mcc310.pub.3gppnetwork.org",
    }


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Config.RCS.example:443", "config.rcs.example"),
        ("config.rcs.example.", "config.rcs.example"),
        ("[2001:db8::1]:8443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("", ""),
    ],
)
def test_a_host_is_known_without_its_port(header: str, name: str) -> None:
    """Names are the same in any case, with or without a port."""
    assert host_name(header) == name


def test_a_redirect_counts_on_the_leg_of_its_scheme() -> None:
    """The first that fits, for the names it is for."""
    secure, plain = Redirect(308, "https://b.example", frozenset({"a.example"})), Redirect(307, "http://b.example")
    assert redirect_for([secure, plain], "https", "a.example", "1") is secure
    assert redirect_for([secure, plain], "http", "a.example", "1") is plain
    assert redirect_for([secure, plain], "https", "c.example", "1") is None


def test_a_share_of_the_clients_is_sent_on() -> None:
    """About as many as the share says; a client stays where it is, and a growing share keeps those it has."""
    clients = [f"00101{number:010}" for number in range(2000)]

    def sent(share: int) -> set[str]:
        return {
            one for one in clients if redirect_for([Redirect(307, "https://b", share_percent=share)], "https", "", one)
        }

    assert sent(0) == set()
    assert sent(100) == set(clients)
    assert 0.16 * len(clients) < len(sent(20)) < 0.24 * len(clients)
    assert sent(20) < sent(50)
