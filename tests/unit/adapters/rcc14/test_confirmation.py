"""Confirmation requests as the RCS clients of phones read them."""

from __future__ import annotations

from lxml import etree

from adapters.rcc14.identity.confirmation import Question, format_request

QUESTIONS = {
    "en": Question("Another device", "{device} wants in: {code}", "OK", "Not mine"),
    "de": Question("Ein Gerät", "{device} will hinein: {code}", "OK", "Nicht meines"),
}


def test_a_client_finds_everything_where_it_looks() -> None:
    """Attributes of the root by their bare names, and each text with its ``lang``; what a device calls itself is never
    markup. The names are those that two clients of the field read (RCC.07, End User Confirmation Request).
    """
    octets = format_request("a-1", QUESTIONS, code="481592", device="<Tab> & {code}", seconds=600)
    root = etree.fromstring(octets)
    assert (root.tag, dict(root.attrib)) == (
        "EndUserConfirmationRequest",
        {"id": "a-1", "type": "volatile", "timeout": "600", "pin": "false"},
    )
    assert [(child.tag, child.get("lang")) for child in root] == [
        (name, language) for language in ("en", "de") for name in ("Subject", "Text", "ButtonAccept", "ButtonReject")
    ]
    assert root.findtext("Subject") == "Another device"
    assert root.findtext("Text") == "<Tab> & {code} wants in: 481592"
    assert [one.text for one in root.findall("ButtonReject")] == ["Not mine", "Nicht meines"]


def test_a_name_does_not_fill_the_screen() -> None:
    """What a stranger calls its device is cut."""
    octets = format_request("a-1", QUESTIONS, code="1", device="x" * 500, seconds=1)
    assert octets.count(b"x" * 60) == 2
    assert b"x" * 61 not in octets
