"""What of an RCC.14 exchange is kept to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.rcc14.tracing import PROTOCOL, read_exchanges, record_answer, record_request
from gateway.store.protocol import TraceEntry

DOCUMENT = b"""<wap-provisioningdoc version="1.1"><characteristic type="VERS"><parm name="version" value="3"/>
</characteristic><characteristic type="TOKEN"><parm name="token" value="s3cret"/></characteristic>
<characteristic type="APPLICATION"><characteristic type="APPAUTH"><parm name="UserPwd" value="hunter2"/>
</characteristic><parm name="AppID" value="urn:x"/></characteristic></wap-provisioningdoc>"""


def test_secrets_are_covered() -> None:
    """Tokens, one-time passwords, cookies and passwords of a document are not kept; what is said without them is."""
    headers = {"Cookie": "acs=abc", "Authorization": "Basic xyz", "User-Agent": "phone/1", "X-MSISDN": "+15550100001"}
    request = record_request("GET", "/?vers=1&token=s3cret&OTP=123456&IMEI=1", headers, ["X-MSISDN"])
    assert request.decode().split("\n") == [
        "GET /?vers=1&token=***&OTP=***&IMEI=1",
        "User-Agent: phone/1",
        "X-MSISDN: +15550100001",
        "Cookie: ***",
    ]
    answer = record_answer(200, {"Set-Cookie": "acs=abc", "Content-Type": "text/xml"}, DOCUMENT)
    assert answer.startswith(b"HTTP 200\nContent-Type: text/xml\nSet-Cookie: ***\n\n<wap")
    assert not any(secret in answer for secret in (b"s3cret", b"hunter2", b"abc"))


def test_documents_read_as_paths() -> None:
    """Each parameter is told with the characteristics around it."""
    entry = TraceEntry(
        owner="a.1",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        protocol=PROTOCOL,
        request=b"GET /?vers=0",
        answer=record_answer(200, {}, DOCUMENT),
    )
    [(asked, told)] = read_exchanges([entry])
    assert (asked.direction, asked.line, asked.says) == ("received", "GET /?vers=0", ())
    assert told.line == "HTTP 200"
    assert told.says == (
        "VERS/version = 3",
        "TOKEN/token = ***",
        "APPLICATION/APPAUTH/UserPwd = ***",
        "APPLICATION/AppID = urn:x",
    )
