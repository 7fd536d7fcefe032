"""Jobs on a device's account: rotated and moved without stranding it."""

from __future__ import annotations

import pytest
from job_playbook import DEADLINE, NOW, answered, job, play
from msgspec.structs import replace

from gateway.fleet.job import Job, JobState
from gateway.fleet.operation import Operation
from gateway.objects.account import address_before, refused
from gateway.objects.work import begin, standing, work


def test_an_account_is_rotated_when_the_new_one_was_used() -> None:
    """Both secrets go out in one Atomic, by name and not in clear; the job ends with the first session under them."""
    tree = {"a_ServerID": "mogate", "b_ServerID": "other"}
    tree |= {"a_AppAuth_1_AAuthLevel": "CLCRED", "a_AppAuth_2_AAuthLevel": "SRVCRED"}
    current, (asked,) = begin(job("account", "rotate", "./DMAcc", server_id="mogate"), NOW)
    told = [answered(200, **tree)(asked)]
    worked = work((current,), told, (), NOW, session_begins=False, account_waits=True)
    (atomic,) = worked.operations
    assert [(one.verb, one.uri, one.value) for one in atomic.members] == [
        ("Replace", "./DMAcc/a/AppAuth/1/AAuthSecret", "{dm_client_secret}"),
        ("Replace", "./DMAcc/a/AppAuth/2/AAuthSecret", "{dm_server_secret}"),
    ]
    waiting = work(worked.jobs, [answered(200)(atomic)], (), NOW, session_begins=False, account_waits=True).jobs
    assert (waiting[0].state, waiting[0].stage) == (JobState.RUNNING, "prove")
    (ended,) = work(waiting, (), (), NOW, session_begins=True, account_waits=False).jobs
    assert (ended.state, ended.code) == (JobState.DONE, 212)
    (failed,) = work(worked.jobs, [answered(507)(atomic)], (), NOW, session_begins=False, account_waits=True).jobs
    assert (failed.state, refused(failed)) == (JobState.FAILED, True)
    assert not refused(standing(waiting[0], DEADLINE))


MOVE = {"server_id": "mogate", "address": "https://new.example/dm", "node": "m2"}


ACCOUNT = {
    "old_AppID": "w7", "old_ServerID": "mogate", "old_Name": "Example", "old_AppAuth_1_AAuthLevel": "CLCRED",
    "old_AppAuth_1_AAuthType": "HMAC", "other_ServerID": "other",
}  # fmt: skip


def test_an_account_moves_to_another_address() -> None:
    """A second account with the new address is added at once, and the old one is deleted when the new one was used.

    What the old one says of names and ways to prove oneself is kept; names and secrets are filled in later. Spec:
    OMA-TS-DM_StdObj-V1_2 5.3
    """
    begun, (asked,) = begin(job("account", "move", "./DMAcc", **MOVE), NOW)
    worked = work((begun,), [answered(200, **ACCOUNT)(asked)], (), NOW, session_begins=False, account_waits=True)
    (atomic,) = worked.operations
    told = {one.uri.removeprefix("./DMAcc/m2"): one.value for one in atomic.members}
    assert (atomic.verb, {one.verb for one in atomic.members}) == ("Atomic", {"Add"})
    assert next(iter(told)) == ""
    assert {path: value for path, value in told.items() if value is not None} == {
        "/AppID": "w7",
        "/ServerID": "mogate",
        "/Name": "Example",
        "/AppAddr/1/Addr": "https://new.example/dm",
        "/AppAddr/1/AddrType": "URI",
        "/AppAddr/1/Port/1/PortNbr": "443",
        "/AAuthPref": "HMAC",
        "/AppAuth/1/AAuthLevel": "CLCRED",
        "/AppAuth/1/AAuthType": "HMAC",
        "/AppAuth/1/AAuthName": "{dm_client_name}",
        "/AppAuth/1/AAuthSecret": "{dm_client_secret}",
        "/AppAuth/2/AAuthLevel": "SRVCRED",
        "/AppAuth/2/AAuthType": "HMAC",
        "/AppAuth/2/AAuthName": "{dm_server_name}",
        "/AppAuth/2/AAuthSecret": "{dm_server_secret}",
    }
    waiting = work(worked.jobs, [answered(200)(atomic)], (), NOW, session_begins=False, account_waits=True)
    assert (waiting.jobs[0].percent, waiting.operations) == (75, ())
    used = work(waiting.jobs, (), (), NOW, session_begins=True)
    (drop,) = used.operations
    assert (drop.verb, drop.uri) == ("Delete", "./DMAcc/old")
    for code, said in ((200, ""), (405, "; the old account stays: command not allowed")):
        (ended,) = work(used.jobs, [answered(code)(drop)], (), NOW, session_begins=False).jobs
        assert (ended.state, ended.meaning) == (JobState.DONE, f"the device has used its new credentials{said}")


def test_a_device_without_atomic_is_moved_node_by_node() -> None:
    """It is given the account one node after the other; what it has of it is deleted when it does not take it all."""
    begun, (asked,) = begin(job("account", "move", "./DMAcc", **MOVE), NOW)
    worked = work((begun,), [answered(200, **ACCOUNT)(asked)], (), NOW, session_begins=False, account_waits=True)
    worked = work(worked.jobs, [answered(406)(worked.operations[0])], (), NOW, session_begins=False, account_waits=True)
    adds = worked.operations
    assert {one.verb for one in adds} == {"Add"}
    taken = work(worked.jobs, [answered(200)(one) for one in adds], (), NOW, session_begins=False, account_waits=True)
    assert taken.jobs[0].percent == 75
    answers = [answered(420 if one.uri.endswith("/Addr") else 200)(one) for one in adds]
    failed = work(worked.jobs, answers, (), NOW, session_begins=False, account_waits=True)
    (undo,) = failed.operations
    assert (undo.verb, undo.uri) == ("Delete", "./DMAcc/m2")
    (ended,) = work(failed.jobs, [answered(200)(undo)], (), NOW, session_begins=False, account_waits=True).jobs
    assert (ended.state, ended.code, refused(ended)) == (JobState.FAILED, 420, True)


def moving(*answers: tuple[int, int]) -> tuple[Job, tuple[Operation, ...]]:
    """A move whose Atomics were answered by these codes, each with that of the Add of the account's node."""
    begun, asked = begin(job("account", "move", "./DMAcc", **MOVE), NOW)
    worked = work((begun,), [answered(200, **ACCOUNT)(asked[0])], (), NOW, session_begins=False, account_waits=True)
    for code, added in answers:
        (atomic,) = worked.operations
        members = tuple(
            replace(one, status=added if one.uri == "./DMAcc/m2" and one.verb == "Add" else 215)
            for one in atomic.members
        )
        told = [replace(atomic, status=code, status_at=NOW, members=members)]
        worked = work(worked.jobs, told, (), NOW, session_begins=False, account_waits=True)
    return worked.jobs[0], worked.operations


def test_an_account_that_was_added_before_its_answer_was_lost_is_added_anew() -> None:
    """418 to the new node says that the device was interrupted: what there is of it gives way to the whole account."""
    current, (atomic,) = moving((507, 418))
    assert [(one.verb, one.uri) for one in atomic.members[:2]] == [("Delete", "./DMAcc/m2"), ("Add", "./DMAcc/m2")]
    assert current.running
    proving, _ = moving((507, 418), (200, 200))
    assert (proving.stage, proving.running) == ("prove", True)
    kept_old, _ = moving((507, 418), (507, 420))
    assert (kept_old.state, kept_old.code, refused(kept_old)) == (JobState.FAILED, 507, True)


def test_an_account_that_is_used_is_there_whatever_the_answers_say() -> None:
    """A device that speaks under its new account has it: then the old one is dropped."""
    begun, asked = begin(job("account", "move", "./DMAcc", **MOVE), NOW)
    worked = work((begun,), [answered(200, **ACCOUNT)(asked[0])], (), NOW, session_begins=False, account_waits=True)
    (atomic,) = worked.operations
    used = work(worked.jobs, [replace(atomic, status=507)], (), NOW, session_begins=True, account_waits=False)
    assert [(one.verb, one.uri) for one in used.operations] == [("Delete", "./DMAcc/old")]


def test_a_device_that_never_answered_may_have_its_new_account() -> None:
    """Silence is no refusal: both accounts go on."""
    ended, _ = moving((408, 215))
    assert (ended.state, ended.code, refused(ended)) == (JobState.FAILED, 408, False)


OLDER = {
    "old_ServerId": "mogate", "old_Addr": "http://old.example/dm", "old_ConRef": "./SyncML/Con/1", "old_Name": "Ex",
    "other_ServerId": "other",
}  # fmt: skip


def older(action: str, *, lists: bool, **parameters: str) -> tuple[Job, tuple[Operation, ...]]:
    """A job of a phone that has its account where OMA DM 1.1.2 has it, after that was found."""
    current, (asked,) = begin(job("account", action, "./DMAcc", server_id="mogate", **parameters), NOW)
    worked = work((current,), [answered(404)(asked)], (), NOW, session_begins=False, account_waits=True)
    (listing,) = worked.operations
    assert listing.uri == "./SyncML/DMAcc?list=StructData"
    if lists:
        told = [answered(200, **OLDER)(listing)]
        worked = work(worked.jobs, told, (), NOW, session_begins=False, account_waits=True)
        return worked.jobs[0], worked.operations
    worked = work(worked.jobs, [answered(406)(listing)], (), NOW, session_begins=False, account_waits=True)
    (names,) = worked.operations
    assert (names.verb, names.uri) == ("Get", "./SyncML/DMAcc")
    told = [answered(200, value="old/other")(names)]
    worked = work(worked.jobs, told, (), NOW, session_begins=False, account_waits=True)
    said = {f"./SyncML/DMAcc/{name.replace('_', '/')}": value for name, value in OLDER.items()}
    told = [
        answered(200, value=said[one.uri])(one) if one.uri in said else answered(404)(one) for one in worked.operations
    ]
    worked = work(worked.jobs, told, (), NOW, session_begins=False, account_waits=True)
    return worked.jobs[0], worked.operations


@pytest.mark.parametrize("lists", [True, False])
def test_an_account_of_an_older_phone_is_rotated(lists: bool) -> None:
    """Found by its ServerId, also on a phone that lists no subtrees, it gets both passwords in one Atomic."""
    current, (atomic,) = older("rotate", lists=lists)
    assert (current.stage, atomic.verb) == ("replace", "Atomic")
    assert [(one.verb, one.uri, one.value) for one in atomic.members] == [
        ("Replace", "./SyncML/DMAcc/old/ClientPW", "{dm_client_secret}"),
        ("Replace", "./SyncML/DMAcc/old/ServerPW", "{dm_server_secret}"),
    ]


@pytest.mark.parametrize("lists", [True, False])
def test_an_account_of_an_older_phone_moves(lists: bool) -> None:
    """Another one is added beside it, with what the old one says of the connection; then that is deleted."""
    current, (atomic,) = older("move", lists=lists, address="https://new.example/dm", node="m2")
    assert {one.uri.removeprefix("./SyncML/DMAcc/m2"): one.value for one in atomic.members} == {
        "": None, "/Addr": "https://new.example/dm", "/AddrType": "1", "/PortNbr": "443", "/ConRef": "./SyncML/Con/1",
        "/ServerId": "mogate", "/ServerPW": "{dm_server_secret}", "/UserName": "{dm_client_name}",
        "/ClientPW": "{dm_client_secret}", "/AuthPref": "syncml:auth-md5", "/Name": "Ex",
    }  # fmt: skip
    assert address_before(current) == "http://old.example/dm"
    waiting = work((current,), [answered(200)(atomic)], (), NOW, session_begins=False, account_waits=True)
    (drop,) = work(waiting.jobs, (), (), NOW, session_begins=True).operations
    assert (drop.verb, drop.uri) == ("Delete", "./SyncML/DMAcc/old")


def test_accounts_are_read_and_left_alone() -> None:
    """A job that only reads tells which servers the phone has accounts with, of either version, and changes nothing."""
    ended, operations = older("read", lists=True)
    assert (ended.state, operations, refused(ended)) == (JobState.DONE, (), False)
    assert ended.meaning == (
        "the device has accounts with mogate at http://old.example/dm, other at an address it does not tell"
    )
    ended, told = play(job("account", "read", "./DMAcc"), [answered(404)], [answered(404)])
    assert (ended.state, ended.code, len(told)) == (JobState.FAILED, 404, 3)
