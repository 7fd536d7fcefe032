"""Jobs on diagnostic functions: given their parameters, started, read."""

from __future__ import annotations

import pytest
from job_playbook import answered, job, play

from gateway.errors import ConfigError
from gateway.fleet.job import JobState
from gateway.objects.diagnostics import given

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
