"""End User Confirmation Requests: what the RCS client of the phone shows its user when another device wants to come in.

Pure. The names are those that clients in the field read.

Spec: RCC.07 (End User Confirmation Request), RCC.15 2.1.2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from adapters.provisioning.document import escape

REQUEST_TYPE = "application/end-user-confirmation-request+xml"
MAX_NAME_CHARACTERS = 60


class Question(NamedTuple):
    """The texts of one language; ``{code}`` and ``{device}`` stand in ``text`` for the code and the device's name."""

    subject: str
    text: str
    accept: str
    reject: str


def format_request(id_: str, questions: Mapping[str, Question], *, code: str, device: str, seconds: int) -> bytes:
    """The request: volatile, for that long, without a PIN to be typed on the phone, for the code is typed elsewhere.

    ``device`` is what the other one calls itself, a claim.
    """
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<EndUserConfirmationRequest id="{escape(id_)}" type="volatile" timeout="{seconds}" pin="false">'
    ]
    for language, question in questions.items():
        text = question.text.replace("{code}", code).replace("{device}", device[:MAX_NAME_CHARACTERS])
        for name, content in (
            ("Subject", question.subject),
            ("Text", text),
            ("ButtonAccept", question.accept),
            ("ButtonReject", question.reject),
        ):
            parts.append(f'<{name} lang="{escape(language)}">{escape(content)}</{name}>')
    parts.append("</EndUserConfirmationRequest>")
    return "".join(parts).encode()
