"""Documents compared: what differs is told by parameter, how they are written does not count."""

from __future__ import annotations

import pytest

from adapters.provisioning.comparison import HIDDEN, Difference, compare_documents, has_configuration
from adapters.provisioning.document import parse_document


def document(parms: str, rest: str = "") -> bytes:
    return (
        f'<wap-provisioningdoc version="1.1">{rest}<characteristic type="APPLICATION">'
        f'<parm name="AppID" value="ap2001"/>{parms}'
        "</characteristic></wap-provisioningdoc>"
    ).encode()


def compare(theirs: bytes, ours: bytes) -> list[Difference]:
    return compare_documents(parse_document(theirs), parse_document(ours))


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ('<parm name="A" value="1"/>', '<parm name="A" value="2"/>', ("changed", "1", "2")),
        ('<parm name="A" value="1"/>', "", ("missing", "1", "")),
        ("", '<parm name="A" value="1"/>', ("added", "", "1")),
        ('<parm name="A" value="1"/>', '<parm name="a" value="1"/>', ("case", "1", "1")),
        (
            '<parm name="A" value="1"/><parm name="A" value="2"/>',
            '<parm name="A" value="2"/><parm name="A" value="1"/>',
            ("order", "1 2", "2 1"),
        ),
    ],
)
def test_a_parameter_that_differs_is_told_with_its_place(theirs: str, ours: str, found: tuple[str, str, str]) -> None:
    """Missing, added, changed, in another order, in another case: each is told as what it is."""
    ((kind, place, *values),) = compare(document(theirs), document(ours))
    assert (kind, place, *values) == (found[0], "APPLICATION ap2001/A", *found[1:])


def test_how_a_document_is_written_does_not_count() -> None:
    """White space, ``param`` for ``parm`` and the order of different parameters are the same document."""
    theirs = document('<param NAME="A" VALUE="1"/>\n  <parm name="B" value="2"/>')
    assert compare(theirs, document('<parm name="B" value="2"/><parm name="A" value="1"/>')) == []


def test_versions_and_tokens_are_told_apart_and_secrets_not_shown() -> None:
    """VERS and TOKEN are the answer's own, not configuration; no token or password comes into a report."""
    vers = '<characteristic type="VERS"><parm name="version" value="{0}"/></characteristic>'
    token = '<characteristic type="TOKEN"><parm name="token" value="s{0}cret"/></characteristic>'
    auth = '<characteristic type="APPAUTH"><parm name="UserPwd" value="hush{0}"/></characteristic>'
    one, other = (document(auth.format(n), (vers + token).format(n)) for n in (1, 2))
    assert compare(one, other) == [
        Difference("changed", "APPLICATION ap2001/APPAUTH/UserPwd", HIDDEN, HIDDEN),
        Difference("token", "TOKEN/token", HIDDEN, HIDDEN),
        Difference("version", "VERS/version", "1", "2"),
    ]


def test_an_answer_without_an_application_configures_nothing() -> None:
    """What a client that is up to date is answered is nothing to compare. Spec: RCC.14 2.2"""
    assert has_configuration(parse_document(document("")))
    assert not has_configuration(
        parse_document(b'<wap-provisioningdoc><characteristic type="VERS"/></wap-provisioningdoc>')
    )
