"""Requests octet by octet to a live gateway, and what every answer to one has to be."""

from __future__ import annotations

import functools
import re
import socket
import ssl

from live_gateway import Gateway

ANSWER_SECONDS = 30


def exchange(gateway: Gateway, listener: str, octets: bytes) -> bytes:
    """Everything the gateway answers to one request on a connection of its own, which it closes in time."""
    with socket.create_connection(("127.0.0.1", gateway.ports[listener]), timeout=ANSWER_SECONDS) as plain:
        connection = _unverified().wrap_socket(plain) if listener == "tls" else plain
        answer = b""
        try:
            connection.sendall(octets)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass  # closed while there was more to send: what counts is the answer
        if connection is not plain:
            connection.close()
        return answer


def status_of(answer: bytes) -> int:
    """The status of an answer; one that is cut short is none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    assert found, answer[:200]
    return int(found[1])


def request(
    method: str, target: str | bytes, headers: dict[str, str | bytes] | None = None, body: bytes | None = None
) -> bytes:
    """The octets of a request after which the gateway is to close."""
    lines: list[tuple[str, str | bytes]] = [("Host", "localhost"), ("Connection", "close"), *(headers or {}).items()]
    if body is not None:
        lines.append(("Content-Length", str(len(body))))
    head = b"".join(b"%s: %s\r\n" % (_octets(name), _octets(value)) for name, value in lines)
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (_octets(method), _octets(target), head, body or b"")


def content_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@functools.cache
def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def cookie_in(answer: bytes) -> bytes:
    """The cookie that an answer sets, as it goes back; empty for none."""
    found = re.search(rb"Set-Cookie: ([^;]+);", answer)
    return found[1] if found else b""


def assert_no_configuration(answer: bytes) -> None:
    """Refused, or told to wait with a time to come back: clients that go on in a circle are (RCC.14 2.3)."""
    if status_of(answer) == 503:
        assert b"\r\nRetry-After: " in answer
    else:
        assert_no_fault(answer)
    assert b"wap-provisioningdoc" not in answer


def assert_no_fault(answer: bytes) -> None:
    """An answer that is no fault of the gateway's; 511 asks for a proof of identity (RCC.14 2.3)."""
    code = status_of(answer)
    assert code < 500 or code == 511, answer[:300]
