"""The simulated phone that shows confirmation requests, and the messaging server before it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from adapters.simulator.confirming_phone import REQUEST_TYPE, Phone, Question, read_request

# As RCS clients in the field read it: names of elements and attributes from public client code.
REQUEST = """<?xml version="1.0" encoding="UTF-8"?>
<EndUserConfirmationRequest id="q1" type="volatile" timeout="600" pin="false">
  <Subject lang="de">Ein Gerät</Subject><Subject lang="en">A device</Subject>
  <Text lang="de">Code 481592?</Text><Text lang="en">Yours? Then enter 481592 on it.</Text>
  <ButtonAccept lang="en">OK</ButtonAccept><ButtonReject lang="en">No</ButtonReject>
</EndUserConfirmationRequest>""".encode()


def test_a_request_is_shown_in_the_phones_language() -> None:
    """Subject, text, both buttons, and in the text the code for the other device (RCC.15 2.1.2)."""
    shown = read_request(REQUEST)
    assert shown == Question("q1", "A device", "Yours? Then enter 481592 on it.", "OK", "No")
    assert shown.code == "481592"
    german = read_request(REQUEST.replace(b'"en"', b'"fr"'))
    assert german is not None
    assert german.subject == "Ein Gerät"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'pin="false"', b'pin="true"'),
        (b'id="q1"', b""),
        (b"EndUserConfirmationRequest", b"EndUserNotification"),
        (b'<ButtonReject lang="en">No</ButtonReject>', b""),
        (b"</Text>", b""),
    ],
)
def test_what_cannot_be_shown_is_no_question(before: bytes, after: bytes) -> None:
    """A PIN that nobody has, no id to answer to, another message, no way to decline, no XML."""
    assert read_request(REQUEST.replace(before, after)) is None


async def test_the_messaging_server_takes_what_is_for_its_phone() -> None:
    """By number and type; the answer goes back under the id of the request."""
    told: list[tuple[str, str]] = []

    async def tell(id_: str, value: str) -> None:
        told.append((id_, value))

    phone = Phone("+15550100001", tell)
    app = web.Application()
    app.router.add_post("/", phone.take)
    good = {"Content-Type": REQUEST_TYPE, "To": "tel:+15550100001"}
    wrong = ({"To": "tel:+15550100002"}, {"Content-Type": "text/xml"})
    async with TestClient(TestServer(app)) as client:
        for headers, body, status in (
            (good, REQUEST, 202), (good, b"<", 400), *((good | one, REQUEST, 404) for one in wrong)
        ):  # fmt: skip
            async with client.post("/", data=body, headers=headers) as response:
                assert response.status == status
    question = await asyncio.wait_for(phone.questions.get(), 30)
    await phone.answer(question, accepts=False)
    assert (told, phone.questions.empty()) == ([("q1", "decline")], True)
