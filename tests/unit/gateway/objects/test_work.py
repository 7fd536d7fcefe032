"""Jobs on standard objects: what a device is told, step by step, and how each job ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError
from gateway.fleet.job import MAX_JOBS, Job, JobState, kept
from gateway.fleet.operation import Operation
from gateway.objects import firmware
from gateway.objects.account import address_before, refused
from gateway.objects.diagnostics import given
from gateway.objects.work import begin, standing, work

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(days=7)

Answer = Callable[[Operation], Operation]


def job(kind: str, action: str, root: str, subject: str = "", **parameters: str) -> Job:
    return Job(
        id="j1", kind=kind, action=action, subject=subject, root=root, parameters=parameters, created_at=NOW,
        deadline_at=DEADLINE,
    )  # fmt: skip


def answered(status: int, result: int | None = None, **read: str) -> Answer:
    """A device's final answer; ``read`` is URI below the MO (with _ for /) -> value."""

    def answer(operation: Operation) -> Operation:
        root = operation.uri.partition("?")[0]
        values = tuple(
            (f"{root}/{name.replace('_', '/')}" if name != "value" else root, value) for name, value in read.items()
        )
        return replace(operation, status=status, status_at=NOW, result=result, results=values)

    return answer


def play(started: Job, *rounds: list[Answer]) -> tuple[Job, list[list[str]]]:
    """Let a device answer each round of commands; gives the job, and what each round was told."""
    current, operations = begin(started, NOW)
    told = [[f"{one.verb} {one.uri}" for one in operations]]
    for answers in rounds:
        changed = [answer(operation) for answer, operation in zip(answers, operations, strict=True)]
        worked = work((current,), changed, (), NOW, session_begins=False)
        (current,), operations = worked.jobs, worked.operations
        told.append([f"{one.verb} {one.uri}" for one in operations])
    return current, told


def test_firmware_is_updated_in_one_go() -> None:
    """PkgURL, Exec, and when its result has come the State (FUMO 5.1): the job ends with both and their meaning."""
    ended, told = play(
        job("firmware", "update", "./FUMO", "b7@2", url="https://x/p"),
        [answered(200)],
        [answered(200, 200)],
        [answered(200, value="100")],
    )
    assert told[:3] == [
        ["Replace ./FUMO/DownloadAndUpdate/PkgURL"],
        ["Exec ./FUMO/DownloadAndUpdate"],
        ["Get ./FUMO/State"],
    ]
    assert (ended.state, ended.code, ended.percent) == (JobState.DONE, 200, 100)
    assert ended.meaning == "success; State 100 update successful, no data"


def test_a_device_without_download_and_update_does_it_in_two_steps() -> None:
    """Where DownloadAndUpdate is not there, Download and then Update are executed."""
    ended, told = play(
        job("firmware", "update", "./FwUpdate/1", url="https://x/p"),
        [answered(404)],
        [answered(200)],
        [answered(200, 200)],
        [answered(200, 404)],
        [answered(200, value="80")],
    )
    assert [one for (one,) in told[1:5]] == [
        "Replace ./FwUpdate/1/Download/PkgURL",
        "Exec ./FwUpdate/1/Download",
        "Exec ./FwUpdate/1/Update",
        "Get ./FwUpdate/1/State",
    ]
    assert ended.state is JobState.FAILED
    assert ended.meaning == "signature or validation failed; State 80 update failed, no data"


def test_a_refused_url_ends_the_update() -> None:
    """A device that does not take the URL is told nothing more."""
    ended, told = play(job("firmware", "download", "./FUMO", url="u"), [answered(425)])
    assert told[1] == []
    assert (ended.state, ended.code) == (JobState.FAILED, 425)
    assert "permission denied" in ended.meaning


def test_progress_is_read_when_the_device_calls() -> None:
    """While an update runs, each session reads State once, and the job shows how far that is."""
    current, operations = begin(job("firmware", "update", "./FUMO", url="u"), NOW)
    current = work((current,), [answered(200)(operations[0])], (), NOW, session_begins=False).jobs[0]
    worked = work((current,), (), (), NOW, session_begins=True)
    (ask,) = worked.operations
    assert (ask.verb, ask.uri) == ("Get", "./FUMO/State")
    moved = work(worked.jobs, [answered(200, value="30")(ask)], (), NOW, session_begins=False).jobs[0]
    assert (moved.state, moved.percent) == (JobState.RUNNING, 25)
    assert moved.step == "the device downloads the package (State 30 download progressing)"
    assert firmware.STATES[30] == "download progressing"


def test_what_never_ends_has_a_deadline() -> None:
    """A job past its deadline has ended with 408, in the next session and before it, and its commands with it."""
    current, operations = begin(job("lock", "unlock", "./LAWMO"), NOW)
    assert standing(current, DEADLINE - timedelta(seconds=1)) is current
    assert standing(current, DEADLINE).state is JobState.EXPIRED
    worked = work((current,), (), operations, DEADLINE, session_begins=True)
    assert [one.state for one in worked.ended] == [JobState.EXPIRED]
    assert [(one.id, one.status) for one in worked.dropped] == [(operations[0].id, 215)]


def test_a_lock_is_confirmed_by_its_state() -> None:
    """The State of LAWMO after the Exec decides: 10 is fully locked, and a device that stays unlocked has failed."""
    ended, told = play(job("lock", "lock", "./LAWMO"), [answered(200)], [answered(200, value="10")])
    assert told[:2] == [["Exec ./LAWMO/Operations/FullyLock"], ["Get ./LAWMO/State"]]
    assert (ended.state, ended.meaning) == (JobState.DONE, "OK; State 10 fully locked")
    ended, _ = play(job("lock", "lock", "./LAWMO"), [answered(200)], [answered(200, value="30")])
    assert ended.state is JobState.FAILED


@pytest.mark.parametrize(
    ("action", "node", "state"),
    [("partial-lock", "PartiallyLock", "20"), ("unlock", "UnLock", "30")],
)
def test_a_device_is_locked_in_part_and_unlocked(action: str, node: str, state: str) -> None:
    """Each action has a node and a State of its own (LAWMO 5)."""
    ended, told = play(job("lock", action, "./LAWMO"), [answered(200)], [answered(200, value=state)])
    assert told[:2] == [[f"Exec ./LAWMO/Operations/{node}"], ["Get ./LAWMO/State"]]
    assert ended.state is JobState.DONE


@pytest.mark.parametrize(("other", "state"), [(200, JobState.DONE), (404, JobState.FAILED)])
def test_a_device_that_spells_unlock_otherwise_is_unlocked(other: int, state: JobState) -> None:
    """Where UnLock is not there, Unlock is executed; a device that has neither has failed, with its answer."""
    ended, told = play(
        job("lock", "unlock", "./LAWMO"),
        [answered(404)],
        [answered(other)],
        *([[answered(200, value="30")]] if other == 200 else []),
    )
    assert told[1] == ["Exec ./LAWMO/Operations/Unlock"]
    assert told[2] == (["Get ./LAWMO/State"] if other == 200 else [])
    assert (ended.state, ended.code) == (state, other)


def test_a_wipe_chooses_before_it_acts() -> None:
    """ToBeWiped is set for what is named and taken from the rest; an item that the device has not got wipes nothing."""
    names = {"1_ListItemName": "contacts", "1_ToBeWiped": "false", "2_ListItemName": "pictures"}
    listed = answered(200, **names)
    ended, told = play(
        job("lock", "wipe", "./LAWMO", items="pictures"),
        [listed],
        [answered(200), answered(200)],
        [answered(200, 1202)],
    )
    assert told[2] == ["Exec ./LAWMO/Operations/Wipe"]
    assert (ended.state, ended.code) == (JobState.DONE, 1202)
    ended, told = play(job("lock", "wipe", "./LAWMO", items="music"), [listed])
    assert told[1] == []
    assert ended.meaning == "the device cannot wipe music; it offers contacts, pictures"


def test_a_factory_reset_that_nobody_confirms_counts_as_done() -> None:
    """A device that took the reset on and is never heard of again has in all likelihood done it."""
    current, (operation,) = begin(job("lock", "factory-reset", "./LAWMO"), NOW)
    assert standing(current, DEADLINE).state is JobState.EXPIRED
    accepted = replace(operation, accepted_at=NOW)
    current = work((current,), [accepted], [accepted], NOW, session_begins=False).jobs[0]
    assert (standing(current, DEADLINE).state, standing(current, DEADLINE).code) == (JobState.DONE, 202)


def test_a_factory_reset_is_done_when_the_phone_calls_with_it_behind_it() -> None:
    """Without a word of it; one that has yet to carry it out ends nothing by calling."""
    current, (operation,) = begin(job("lock", "factory-reset", "./LAWMO"), NOW)
    assert work((current,), [], [operation], NOW, session_begins=True, reset_over=True).ended == ()
    accepted = replace(operation, accepted_at=NOW)
    current = work((current,), [accepted], [accepted], NOW, session_begins=False).jobs[0]
    assert work((current,), [], [accepted], NOW, session_begins=True).ended == ()
    (ended,) = work((current,), [], [accepted], NOW, session_begins=True, reset_over=True).ended
    assert (ended.state, ended.code, ended.meaning) == (
        JobState.DONE,
        202,
        "accepted, and the device called again since",
    )


def test_a_capability_is_found_by_its_property() -> None:
    """The instance is found by name in any case, and read back; one the device has not got names what there is."""
    listed = answered(200, x1_Property="Camera", x1_Enabled="true", x2_Property="Bluetooth")
    ended, told = play(
        job("capability", "disable", "./DCMO", "camera"), [listed], [answered(200)], [answered(200, value="false")]
    )
    assert told[1:3] == [["Exec ./DCMO/x1/Operations/Disable"], ["Get ./DCMO/x1/Enabled"]]
    assert (ended.state, ended.meaning) == (JobState.DONE, "OK; camera is disabled")
    ended, _ = play(job("capability", "disable", "./DCMO", "NFC"), [listed])
    assert ended.meaning == "the device has no capability NFC; it has Bluetooth, Camera"


def test_a_capability_is_denied_to_the_user_first() -> None:
    """DenyUserEnable and NotifyUser are set before; a device that takes them not is told nothing more (DCMO 5)."""
    listed = answered(200, x1_Property="Camera", x1_Enabled="true")
    asked = job("capability", "disable", "./DCMO", "Camera", items="deny-user,notify-user")
    _, told = play(asked, [listed], [answered(200), answered(200)], [answered(200)])
    assert told[1:3] == [
        ["Replace ./DCMO/x1/DCMOConfig/DenyUserEnable", "Replace ./DCMO/x1/DCMOConfig/NotifyUser"],
        ["Exec ./DCMO/x1/Operations/Disable"],
    ]
    ended, told = play(asked, [listed], [answered(404), answered(200)])
    assert (ended.state, ended.code, told[-1]) == (JobState.FAILED, 404, [])


def test_the_capabilities_of_a_device_are_listed() -> None:
    """By their Property; nothing is told to the device but to say them."""
    listed = answered(200, x1_Property="Camera", x1_Enabled="true", x2_Property="Bluetooth")
    ended, told = play(job("capability", "list", "./DCMO"), [listed])
    assert told == [["Get ./DCMO?list=StructData"], []]
    assert (ended.state, ended.meaning) == (JobState.DONE, "the device has Bluetooth, Camera")
    assert ended.known["./DCMO/x1/Enabled"] == "true"
    assert play(job("capability", "list", "./DCMO"), [answered(406)])[0].state is JobState.FAILED


NAMES = {
    "start": "Operations/Start",
    "stop": "Operations/Stop",
    "config": "DiagMonConfig/ConfigParms",
    "data": "DiagMonData",
    "status": "Status",
}


def test_a_diagnostic_function_is_started_and_its_data_read() -> None:
    """It is found by its Name, the result comes by alert, and then its data and its status are read."""
    listed = answered(200, x1_Name="Battery", x2_Status="0")
    data, status = answered(200, Level="83"), answered(200, value="1")
    ended, told = play(
        job("diagnostics", "start", "./DiagMon", "battery", **NAMES),
        [listed],
        [answered(200, 1200)],
        [data, status],
    )
    assert told == [
        ["Get ./DiagMon?list=StructData"],
        ["Exec ./DiagMon/x1/Operations/Start"],
        ["Get ./DiagMon/x1/DiagMonData?list=StructData", "Get ./DiagMon/x1/Status"],
        [],
    ]
    assert (ended.state, ended.code, ended.meaning) == (JobState.DONE, 1200, "success; Status 1; 1 values read")
    assert ended.known["./DiagMon/x1/DiagMonData/Level"] == "83"


def test_a_diagnostic_function_has_the_names_that_settings_give_it() -> None:
    """A device that lists no subtrees has it under its own name; what it refuses is told with its meaning."""
    names = NAMES | {"stop": "Ops/Halt", "data": "Out"}
    ended, told = play(
        job("diagnostics", "stop", "./Diag", "Radio", **names), [answered(406)], [answered(200)],
        [answered(406), answered(404)],
    )  # fmt: skip
    assert told[1:3] == [
        ["Exec ./Diag/Radio/Ops/Halt"],
        ["Get ./Diag/Radio/Out?list=StructData", "Get ./Diag/Radio/Status"],
    ]
    assert (ended.state, ended.meaning[:30]) == (JobState.DONE, "OK; its data was not read: opt")
    refused, _ = play(job("diagnostics", "start", "./Diag", "Radio", **NAMES), [answered(406)], [answered(200, 1401)])
    assert (refused.state, refused.code, refused.meaning) == (JobState.FAILED, 1401, "user cancelled")


def test_a_diagnostic_function_is_given_its_parameters_before_it_starts() -> None:
    """What is there is replaced, what is not is added with the nodes above it, and then the function starts."""
    asked = job(
        "diagnostics", "start", "./DiagMon", "Radio", **NAMES, **given("start", ["Interval=60", "Log/Mode=a,b"])
    )
    config = "./DiagMon/x1/DiagMonConfig/ConfigParms"
    _, told = play(
        asked,
        [answered(200, x1_Name="Radio", x1_DiagMonConfig_ConfigParms_Interval="10", x1_DiagMonConfig="")],
        [answered(200), answered(404)],
        [answered(418), answered(200), answered(200)],
        [answered(200, 1200)],
    )
    assert told[1:] == [
        [f"Replace {config}/Interval", f"Replace {config}/Log/Mode"],
        [f"Add {config}", f"Add {config}/Log", f"Add {config}/Log/Mode"],
        ["Exec ./DiagMon/x1/Operations/Start"],
        ["Get ./DiagMon/x1/DiagMonData?list=StructData", "Get ./DiagMon/x1/Status", f"Get {config}?list=StructData"],
    ]


def test_a_diagnostic_function_that_does_not_take_its_parameters_is_not_started() -> None:
    """The job ends with the node and the device's code; a function that is only configured is read afterwards."""
    names = NAMES | {"config": "Input"} | given("start", ["Interval=-1"])
    refused, told = play(job("diagnostics", "start", "./Diag", "Radio", **names), [answered(406)], [answered(425)])
    assert (told[1:], refused.code) == ([["Replace ./Diag/Radio/Input/Interval"], []], 425)
    assert refused.meaning == "the device does not take ./Diag/Radio/Input/Interval: permission denied"
    only = job("diagnostics", "configure", "./Diag", "Radio", **names)
    done, told = play(only, [answered(406)], [answered(200)], [answered(200, Interval="-1")])
    assert told[2:] == [["Get ./Diag/Radio/Input?list=StructData"], []]
    assert (done.state, done.meaning) == (JobState.DONE, "1 values set")
    assert done.known == {"./Diag/Radio/Input/Interval": "-1"}


@pytest.mark.parametrize(
    ("action", "items"),
    [
        ("configure", []), ("stop", ["A=1"]), ("start", ["A"]), ("start", ["=1"]), ("start", ["A=1", "A=2"]),
        ("start", ["../A=1"]), ("start", ["/A=1"]), ("start", ["A?prop=1"]),
    ],
)  # fmt: skip
def test_parameters_of_a_diagnostic_function_are_named_once_each(action: str, items: list[str]) -> None:
    """Anything else is refused with how to write it, before a device hears of it."""
    with pytest.raises(ConfigError, match=r"Interval=60|takes no parameters"):
        given(action, items)


def test_a_diagnostic_function_that_is_not_there_names_those_that_are() -> None:
    """A list names them all; data alone that cannot be read fails the job."""
    listed = answered(200, x1_Name="Battery", x2_Status="0")
    ended, _ = play(job("diagnostics", "start", "./DiagMon", "Radio", **NAMES), [listed])
    assert (ended.state, ended.meaning) == (JobState.FAILED, "the device has no function Radio; it has Battery, x2")
    ended, _ = play(job("diagnostics", "list", "./DiagMon", **NAMES), [listed])
    assert (ended.state, ended.meaning) == (JobState.DONE, "it has Battery, x2")
    ended, _ = play(job("diagnostics", "read", "./DiagMon", "x2", **NAMES), [listed], [answered(404), answered(404)])
    assert (ended.state, ended.code) == (JobState.FAILED, 404)


def test_software_is_installed_and_listed() -> None:
    """The package is added below Download, executed there, and the deployed components are read afterwards."""
    deployed = {"Deployed_p1_ID": "mail", "Deployed_p1_Name": "mail@3", "Deployed_p1_State": "20"}
    ended, told = play(
        job("software", "install", "./SCOMO", "mail@3", package="9", node="p1", url="u"),
        [answered(418)],
        [answered(200), answered(404), answered(200)],
        [answered(200, 1200)],
        [answered(200, **deployed)],
    )
    assert told[0] == ["Add ./SCOMO/Download/p1"]
    assert told[1][2] == "Replace ./SCOMO/Download/p1/PkgURL"
    assert told[2:4] == [
        ["Exec ./SCOMO/Download/p1/Operations/DownloadInstall"],
        ["Get ./SCOMO/Inventory?list=StructData"],
    ]
    assert (ended.state, ended.meaning) == (JobState.DONE, "success")


def test_a_removed_component_is_gone_from_the_list() -> None:
    """A component is found by id or name; what the second list does not name is no longer known."""
    deployed = {"Deployed_p1_ID": "mail", "Deployed_p1_Name": "mail@3"}
    ended, told = play(
        job("software", "remove", "./SCOMO", "mail@3"),
        [answered(200, **deployed)],
        [answered(200, 1408)],
    )
    assert told[1] == ["Exec ./SCOMO/Inventory/Deployed/p1/Operations/Remove"]
    assert (ended.state, ended.meaning) == (JobState.FAILED, "remove failed")
    ended, _ = play(
        job("software", "remove", "./SCOMO", "mail@3"),
        [answered(200, **deployed)],
        [answered(200, 1200)],
        [answered(200, Deployed="")],
    )
    assert ended.state is JobState.DONE
    assert not any("p1" in uri for uri in ended.known)


@pytest.mark.parametrize(
    ("action", "node", "state"), [("activate", "Activate", "20"), ("deactivate", "Deactivate", "10")]
)
def test_a_component_is_activated_and_deactivated(action: str, node: str, state: str) -> None:
    """The component is found by its ID, and its State is read when it is done (SCOMO 5)."""
    ended, told = play(
        job("software", action, "./SCOMO", "mail"),
        [answered(200, Deployed_p1_ID="mail", Deployed_p1_State="10" if action == "activate" else "20")],
        [answered(200, 1200)],
        [answered(200, Deployed_p1_ID="mail", Deployed_p1_State=state)],
    )
    assert told[1] == [f"Exec ./SCOMO/Inventory/Deployed/p1/Operations/{node}"]
    assert (ended.state, ended.known["./SCOMO/Inventory/Deployed/p1/State"]) == (JobState.DONE, state)


@pytest.mark.parametrize(("code", "state"), [(200, JobState.DONE), (404, JobState.FAILED)])
def test_an_inventory_is_what_could_be_read(code: int, state: JobState) -> None:
    """Each leaf of DevInfo and DevDetail is asked for by name, and those the device has not got are passed over."""
    first, operations = begin(job("inventory", "read", "./DevInfo"), NOW)
    changed = [answered(404)(one) for one in operations[1:]] + [answered(code, value="IMEI:1")(operations[0])]
    (ended,) = work((first,), changed, (), NOW, session_begins=False).jobs
    assert ended.state is state


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


def test_ended_jobs_give_way_to_new_ones() -> None:
    """A device keeps a bounded number of jobs, and never loses one that runs."""
    jobs = tuple(replace(job("inventory", "read", "./D"), id=f"j{n}", state=JobState.DONE) for n in range(MAX_JOBS + 3))
    running = replace(jobs[0], id="r", state=JobState.RUNNING)
    assert [one.id for one in kept((running, *jobs))][:2] == ["r", "j4"]
    assert len(kept((running, *jobs))) == MAX_JOBS


HANDED = {"url": "https://x/p", "content": "{package:p1}", "node": "pp1", "package": "p1"}


def test_a_package_is_handed_over_in_the_tree() -> None:
    """Update/PkgData gets it, as what stands for its octets; then the device is told to install it (FUMO 5)."""
    started = job("firmware", "update", "./FUMO", "b7@2", **HANDED)
    (handing,) = begin(started, NOW)[1]
    assert (handing.value, handing.format) == ("{package:p1}", "bin")
    ended, told = play(started, [answered(200)], [answered(200, 200)], [answered(200, value="100")])
    assert told == [["Replace ./FUMO/Update/PkgData"], ["Exec ./FUMO/Update"], ["Get ./FUMO/State"], []]
    assert (ended.state, ended.code) == (JobState.DONE, 200)
    only = play(job("firmware", "download", "./FUMO", "b7@2", **HANDED), [answered(200)])[0]
    assert (only.state, only.meaning) == (JobState.DONE, "the device has the package")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((404, 200), ["Replace ./FUMO/Update/PkgData", "Add ./FUMO/Update/PkgData", "Exec ./FUMO/Update"]),
        ((404, 405), ["Replace ./FUMO/Update/PkgData", "Add ./FUMO/Update/PkgData", "Replace ./FUMO/D/PkgURL"]),
        ((406,), ["Replace ./FUMO/Update/PkgData", "Replace ./FUMO/D/PkgURL"]),
        ((413,), ["Replace ./FUMO/Update/PkgData"]),
    ],
)
def test_a_device_that_takes_no_package_fetches_it(answers: tuple[int, ...], told: list[str]) -> None:
    """A node that is not there is added; where there can be none the URL is used; a package that is too large fails."""
    ended, said = play(job("firmware", "update", "./FUMO", **HANDED), *([answered(code)] for code in answers))
    assert [one.replace("DownloadAndUpdate", "D") for commands in said for one in commands] == told
    assert ended.running is (answers[-1] != 413)


def test_software_is_handed_over_in_the_tree() -> None:
    """Below Inventory/Delivered, with its octets in Data, and then installed (SCOMO 5)."""
    node = "./SCOMO/Inventory/Delivered/pp1"
    _, told = play(
        job("software", "install", "./SCOMO", "app@1", **HANDED),
        [answered(200)],
        [answered(200)] * 3,
        [answered(200, 1200)],
    )
    assert told == [
        [f"Add {node}"],
        [f"Add {node}/PkgID", f"Add {node}/Name", f"Add {node}/Data"],
        [f"Exec {node}/Operations/Install"],
        ["Get ./SCOMO/Inventory?list=StructData"],
    ]


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
