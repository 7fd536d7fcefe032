"""Jobs on standard objects: what a device is told, step by step, and how each job ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from job_playbook import DEADLINE, NOW, answered, job, play
from msgspec.structs import replace

from gateway.fleet.job import MAX_JOBS, JobState, kept
from gateway.objects import firmware
from gateway.objects.work import begin, standing, work


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
