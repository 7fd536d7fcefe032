"""Who speaks in an OMA DM session: credentials of both sides, MACs, certificates, and strangers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from omadm_playbook import (
    BAD,
    CLIENT_ACCOUNT,
    GET,
    NEXT_CHAL,
    PHONE,
    SERVER_ACCOUNT,
    SET,
    Playbook,
    answer,
    message,
    package_1,
    signed,
)

from adapters.omadm.auth import Account, Mac, Proof, md5_digest
from adapters.omadm.messages import (
    Alert,
    Chal,
    Cred,
)
from adapters.omadm.session import (
    Arrival,
    Turn,
)

# Authentication


@pytest.mark.parametrize(("cred", "code"), [(None, 407), (BAD, 401), (Cred("syncml:auth-basic", "eDp5"), 401)])
def test_without_good_credentials_nothing_is_taken(cred: Cred | None, code: int) -> None:
    """Every command is refused with the header's code and nothing it says counts; package 1 again gets through.

    OMA-TS-DM_Security-V1_2 5.3
    """
    book = Playbook()
    assert book.hears(package_1(cred=cred), [GET]) == [
        f"SyncHdr 1/0 {code} chal", f"Alert 1/1 {code}", f"Replace 1/2 {code}", "Final",
    ]  # fmt: skip
    assert not book.heard.authenticated
    assert (book.heard.reads, book.heard.alerts, book.reply.session) == ((), (), None)
    assert book.hears(package_1(2), [GET])[0] == "SyncHdr 2/0 212 chal"
    assert book.heard.authenticated


def test_a_challenge_names_the_type_and_the_nonce() -> None:
    """md5 comes with the nonce to use; basic with none, before and after."""
    md5, basic = Playbook(), Playbook(auth="basic")
    md5.hears(package_1(cred=None))
    basic.hears(package_1(cred=None))
    assert md5.heard.statuses[0].chal == Chal("syncml:auth-md5", "AQEBAQEBAQEBAQEBAQEBAQ==")
    assert basic.heard.statuses[0].chal == Chal("syncml:auth-basic")
    # base64 of "IMEI:004400112233447:dev-secret-01"
    told = Cred("syncml:auth-basic", "SU1FSTowMDQ0MDAxMTIyMzM0NDc6ZGV2LXNlY3JldC0wMQ==")
    assert basic.hears(package_1(2, cred=told))[0] == "SyncHdr 2/0 212"
    assert basic.heard.client_nonce is None


def test_a_phone_that_never_has_good_credentials_is_told_so_and_left() -> None:
    """The last refusal is 401 without Chal: by its own MsgID, for nothing is counted for who has proved nothing."""
    book = Playbook(max_failures=3)
    heads = [book.hears(package_1(msg_id, cred=cred))[0] for msg_id, cred in ((1, None), (2, BAD), (3, None))]
    assert heads == ["SyncHdr 1/0 407 chal", "SyncHdr 2/0 401 chal", "SyncHdr 3/0 401"]
    assert (book.heard.turn, book.session) == (Turn.END, None)


def test_credentials_are_needed_once_in_a_session() -> None:
    """212 stands for the whole session, whatever Cred a later message has."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.hears(message(2, answer(1, 4, 200, "Get"), cred=BAD), [SET])[0] == "SyncHdr 2/0 212"
    assert book.hears(message(3, answer(2, 2, 200)))[0] == "SyncHdr 3/0 212"


def test_the_gateway_proves_itself_until_the_phone_is_content() -> None:
    """Cred is in our header with the nonce on record, and gone after 212, whose Chal is for the next session."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET])
    header = book.reply.message.header
    assert (header.source_name, header.cred) == ("mdm.example.org", Cred("syncml:auth-md5", "Efbj2/aqz7lfLYMm08CWug=="))
    book.hears(message(2, answer(1, 0, 212, chal=NEXT_CHAL), answer(1, 4, 200, "Get")), [SET])
    assert (book.reply.message.header.cred, book.heard.server_nonce) == (None, b"some-new-nonce-1")


@pytest.mark.parametrize(("chal", "wanted"), [(None, False), (NEXT_CHAL, True)])
def test_200_with_a_nonce_asks_for_credentials_in_every_message(chal: Chal | None, wanted: bool) -> None:
    """200 and a Chal is for the next message; 200 alone, as some phones say it, is content."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET])
    first = book.reply.message.header.cred
    book.hears(message(2, answer(1, 0, 200, chal=chal), answer(1, 4, 200, "Get")), [SET])
    assert (book.reply.message.header.cred is not None) is wanted
    assert book.reply.message.header.cred != first


@pytest.mark.parametrize("command_code", [401, 407, None])
def test_what_the_phone_refused_for_our_credentials_is_sent_again(command_code: int | None) -> None:
    """A challenge to our header repeats the commands under the new nonce; their 401 is no outcome (Protocol 9)."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET, SET])
    refused = [answer(1, 4, command_code, "Get"), answer(1, 5, command_code)] if command_code else []
    assert book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL), *refused)) == [
        "SyncHdr 2/0 212", "Get ./DevDetail/FwV", "Replace ./X/Name", "Final",
    ]  # fmt: skip
    assert (book.outcomes, book.unanswered, book.heard.wants_work) == ([], [], False)
    assert book.heard.server_nonce == b"some-new-nonce-1"
    cred = book.reply.message.header.cred
    # B64(MD5("AZKD0qHKyjSx3M3WqV7m8w==:some-new-nonce-1")), computed with openssl dgst.
    assert cred == Cred("syncml:auth-md5", "qFMO67Q1jaDWXBDLPu++pA==")
    book.hears(message(3, answer(2, 0, 212), answer(2, 2, 200, "Get"), answer(2, 3, 401)))
    assert book.outcomes == [("get", 200), ("set", 401)]


@pytest.mark.parametrize(
    ("server", "chal"),
    [(None, NEXT_CHAL), (SERVER_ACCOUNT, None), (SERVER_ACCOUNT, Chal("syncml:auth-basic")),
     (SERVER_ACCOUNT, Chal("syncml:auth-md5", "no base64!"))],
    ids=["no account", "no challenge", "another type", "no nonce"],
)  # fmt: skip
def test_a_challenge_that_cannot_be_met_ends_the_session(server: Account | None, chal: Chal | None) -> None:
    """Nobody is to guess: the commands go back unanswered."""
    book = Playbook(server=server)
    book.hears(package_1(), [SET])
    assert book.hears(message(2, answer(1, 0, 401, chal=chal), answer(1, 4, 401))) == ["SyncHdr 2/0 212", "Final"]
    assert (book.outcomes, book.unanswered, book.heard.turn) == ([], ["set"], Turn.END)


def test_a_phone_that_refuses_the_gateway_for_ever_is_left() -> None:
    """The cap holds for our credentials as well."""
    book = Playbook(server=SERVER_ACCOUNT, max_failures=3)
    book.hears(package_1(), [SET])
    replies = [book.hears(message(n, answer(n - 1, 0, 401, chal=NEXT_CHAL)))[-2] for n in (2, 3, 4)]
    assert replies == ["Replace ./X/Name", "Replace ./X/Name", "SyncHdr 4/0 212"]
    assert book.unanswered == ["set"]


@pytest.mark.parametrize("final", [True, False])
def test_1223_ends_the_session(final: bool) -> None:
    """The abort is answered by statuses alone, Final or not, and what was outstanding goes back."""
    book = Playbook()
    book.hears(package_1(), [GET, SET])
    abort = message(2, answer(1, 0, 212), answer(1, 4, 200, "Get"), Alert("7", 1223), final=final)
    assert book.hears(abort, [SET]) == ["SyncHdr 2/0 212", "Alert 2/7 200", "Final"]
    assert (book.outcomes, book.unanswered) == ([("get", 200)], ["set"])
    assert book.session is not None
    assert book.session.ended
    book.hears(package_1())
    assert (book.outcomes, book.unanswered) == ([], [])


# Who speaks


def test_a_stranger_disturbs_no_session() -> None:
    """A start without credentials, a late copy of package 1, and messages of no session change nothing."""
    book = Playbook()
    book.hears(package_1(), [SET])
    before = book.session
    for stray in (package_1(cred=None), package_1(cred=BAD, session_id="7"), message(1, session_id="7")):
        book.hears(stray)
        assert (book.reply.session, book.heard.outcomes, book.heard.unanswered) == (None, (), ())
        # Nothing it could use elsewhere is told either.
        header = book.reply.message.header
        assert (header.cred, header.source_name, header.resp_uri) == (None, "", "")
    assert book.session is before
    book.hears(message(2, answer(1, 0, 212), answer(1, 4, 200)))
    assert book.outcomes == [("set", 200)]


def test_a_late_copy_of_the_first_message_begins_nothing() -> None:
    """Its nonce may still count, but it is known by its digest; a phone that lost its memory answers the challenge."""
    book = Playbook()
    book.hears(package_1(), [GET], arrival=Arrival(b"first"))
    book.hears(message(2, answer(1, 4, 200, "Get")), [SET], arrival=Arrival(b"second"))
    assert book.hears(package_1(), arrival=Arrival(b"first"))[0] == "SyncHdr 1/0 401 chal"
    assert book.reply.session is None


def test_a_challenge_is_kept_by_nobody() -> None:
    """The nonce of a challenge is one of the account's; who answers it is in, with the nonce for the next time."""
    book = Playbook(
        client=Account(PHONE, CLIENT_ACCOUNT.digest, b"lost", challenges=lambda: (CLIENT_ACCOUNT.nonce, b"old"))
    )
    book.hears(package_1(cred=BAD))
    assert book.heard.statuses[0].chal == Chal("syncml:auth-md5", "EBESExQVFhcYGRobHB0eHw==")
    assert book.session is None
    assert book.hears(package_1(2))[0] == "SyncHdr 2/0 212 chal"
    assert (book.heard.client_nonce, book.heard.started) == (bytes([2]) * 16, True)


def test_a_session_goes_on_where_the_phone_was_told_to() -> None:
    """RespURI leads to a place of the session's own; who posts elsewhere is not in it."""
    book = Playbook(resp_uri="https://mdm.example.org/dm?s=abc", continuation="abc")
    book.hears(package_1(), [SET])
    assert book.reply.message.header.resp_uri == "https://mdm.example.org/dm?s=abc"
    for wrong in ("", "abd", "\u00e9"):
        reply = book.hears(message(2, answer(1, 4, 200)), arrival=Arrival(continuation=wrong))
        assert (reply, book.reply.session) == (["SyncHdr 2/0 408", "Alert 1223", "Final"], None)
    book.hears(message(2, answer(1, 4, 200)), arrival=Arrival(continuation="abc"))
    assert book.outcomes == [("set", 200)]


def test_with_a_mac_every_message_is_proved() -> None:
    """200 with the next nonce, once; a message without a right MAC is challenged and counts for nothing.

    OMA-TS-DM_Security-V1_2 5.4
    """
    book = Playbook(auth="mac")
    assert book.hears(package_1(cred=None))[0] == "SyncHdr 1/0 407 chal"
    assert book.hears(package_1(2, cred=None), [SET], arrival=signed(CLIENT_ACCOUNT.nonce))[0] == "SyncHdr 2/0 200 chal"
    chal = book.heard.statuses[0].chal
    assert chal == Chal("syncml:auth-MAC", "AgICAgICAgICAgICAgICAg==")
    book.peer = replace(book.peer, client=replace(CLIENT_ACCOUNT, nonce=bytes([2]) * 16))
    answered = message(3, answer(2, 4, 200))
    assert book.hears(answered, arrival=Arrival(proof=Proof(Mac(PHONE, "wrong"), "body")))[0] == "SyncHdr 3/0 401 chal"
    assert (book.reply.session, book.outcomes) == (None, [])
    again = message(4, answer(2, 4, 200))
    assert book.hears(again, arrival=signed(bytes([2]) * 16))[0] == "SyncHdr 4/0 200"
    assert book.outcomes == [("set", 200)]


def test_the_gateway_signs_when_the_phone_wants_a_mac() -> None:
    """What proves the gateway follows the account, then the challenge; with a MAC no Cred is in the message."""
    book = Playbook(server=SERVER_ACCOUNT, server_auth="mac")
    book.hears(package_1(), [SET])
    assert (book.reply.message.header.cred, book.reply.signer) == (None, SERVER_ACCOUNT)
    book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL)), [])
    assert (book.reply.signer, book.heard.server_auth) == (None, "md5")
    assert book.reply.message.header.cred is not None
    book.hears(message(3, answer(2, 0, 401, chal=Chal("syncml:auth-MAC", "bm9uY2U="))))
    assert (book.reply.message.header.cred, book.heard.server_auth) == (None, "mac")
    assert book.reply.signer == replace(SERVER_ACCOUNT, nonce=b"nonce")


def test_the_gateway_shows_its_password_where_the_account_says_basic() -> None:
    """And only there: a challenge for basic is not met when the password is not kept."""
    book = Playbook(server=Account("Bruce2", "", b"", password="OhBehave"), server_auth="basic")
    book.hears(package_1(), [SET])
    assert book.reply.message.header.cred == Cred("syncml:auth-basic", "QnJ1Y2UyOk9oQmVoYXZl")


def test_credentials_in_every_message_are_new_each_time() -> None:
    """Where the transport proves nobody: 200 and the nonce for the next message (OMA-TS-DM_Security-V1_2 5.3)."""
    book = Playbook(every_message=True)
    assert book.hears(package_1(), [SET])[0] == "SyncHdr 1/0 200 chal"
    nonce = book.heard.client_nonce or b""
    book.peer = replace(book.peer, client=replace(CLIENT_ACCOUNT, nonce=nonce))
    assert book.hears(message(2, answer(1, 4, 200)))[0] == "SyncHdr 2/0 407 chal"
    cred = Cred("syncml:auth-md5", md5_digest(CLIENT_ACCOUNT.digest, nonce))
    assert book.hears(message(3, answer(1, 4, 200), cred=cred))[0] == "SyncHdr 3/0 200 chal"
    assert book.outcomes == [("set", 200)]


@pytest.mark.parametrize("required", [False, True])
def test_a_certificate_proves_a_phone(required: bool) -> None:
    """Without credentials and without a challenge; where it is required, good credentials do not stand in for it."""
    book = Playbook(certificate_required=required)
    shown = Arrival(proof=Proof(certified=True))
    assert book.hears(package_1(cred=None), [SET], arrival=shown)[0] == "SyncHdr 1/0 212"
    assert book.heard.client_nonce is None
    assert book.hears(package_1(1, session_id="2"))[0] == ("SyncHdr 1/0 401" if required else "SyncHdr 1/0 212 chal")
