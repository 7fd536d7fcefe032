"""Lock, unlock, wipe and factory reset by LAWMO.

Spec: OMA-TS-LAWMO-V1_0 5
"""

from __future__ import annotations

from gateway.fleet.job import Job, JobState
from gateway.fleet.reset import is_taken_on
from gateway.objects.step import Ask, End, Next, Step, is_good, means, outcome, unsupported
from gateway.status import StatusCode

STATES = {10: "fully locked", 20: "partially locked", 30: "unlocked"}

NODES = {
    "lock": "FullyLock",
    "partial-lock": "PartiallyLock",
    "unlock": "UnLock",
    "factory-reset": "FactoryReset",
    "wipe": "Wipe",
}
"""The node below Operations that carries each action out."""

SPELLINGS = {"unlock": "Unlock"}
"""How some devices spell the node of an action, which is tried where the usual one is not there."""

EXPECTED = {"lock": 10, "partial-lock": 20, "unlock": 30}
"""The State after an action."""

RESULTS = {
    1200: "success",
    1201: "data wiped",
    1202: "data and the list items with it wiped",
    1400: "client error",
    1401: "user cancelled",
    1402: "fully locking failed",
    1403: "partially locking failed",
    1404: "unlocking failed",
    1405: "wiping failed",
    1406: "wiping not performed",
}
"""Spec: OMA-TS-LAWMO-V1_0 5 (result codes); 1402 to 1406 as one implementation has them."""


def plan(job: Job) -> Step:
    """The next step of an action.

    A wipe chooses first: the items that ``parameters`` names (all, when it names none) get ToBeWiped, the others lose
    it. A factory reset ends with the 202 of a device that then forgets to tell.
    """
    list_uri, exec_uri = job.child("AvailableWipeList"), job.child("Operations", NODES[job.action])
    if not job.stage:
        if job.action == "wipe":
            ask = Ask("Get", f"{list_uri}?list=StructData")
            return Next("list", "the device is asked what it can wipe", (ask,))
        return _run(job, exec_uri)
    if job.stage == "list":
        chosen = _choices(job)
        wanted = set(filter(None, job.parameters.get("items", "").split(",")))
        unknown = wanted - {name for name, _ in chosen.values()}
        if unknown:
            known = ", ".join(name for name, _ in chosen.values()) or "nothing"
            return End(
                JobState.FAILED,
                int(StatusCode.NOT_FOUND),
                f"the device cannot wipe {', '.join(sorted(unknown))}; it offers {known}",
            )
        asks = tuple(
            Ask("Replace", f"{node}/ToBeWiped", "true" if not wanted or name in wanted else "false", "bool")
            for node, (name, _) in chosen.items()
        )
        return Next("choose", "the device is told what to wipe", asks) if asks else _run(job, exec_uri)
    if job.stage == "choose":
        refused = [code for command, code in job.codes.items() if command.startswith("Replace") and not is_good(code)]
        if refused:
            return End(JobState.FAILED, refused[0], f"the choice of what to wipe was refused: {_meaning(refused[0])}")
        return _run(job, exec_uri)
    code = outcome(job, "Exec", exec_uri)
    if other := SPELLINGS.get(job.action, "") if unsupported(code) else "":
        if job.stage == "run":
            return _run(job, job.child("Operations", other))._replace(stage="run as spelt otherwise")
        code = outcome(job, "Exec", job.child("Operations", other))
    if job.stage.startswith("run"):
        if not is_good(code) or job.action in ("factory-reset", "wipe"):
            return End(JobState.DONE if is_good(code) else JobState.FAILED, code, _meaning(code))
        return Next("look", "the device is asked for its state", (Ask("Get", job.child("State")),))
    text = job.value("State")
    state = f"State {text} {STATES.get(int(text), 'unknown')}" if text.isdecimal() else ""
    differs = text.isdecimal() and int(text) != EXPECTED[job.action]
    said = f"{_meaning(code)}; {state}" if state else _meaning(code)
    return End(JobState.FAILED if differs else JobState.DONE, code, said)


def late(job: Job) -> End | None:
    """The end of a job that nobody told the end of, or None: a factory reset takes the account with it.

    Spec: OMA-TS-LAWMO-V1_0 5 (FactoryReset)
    """
    return _silent("accepted and never heard of again: reset in all likelihood") if is_taken_on(job) else None


def returned(job: Job) -> End | None:
    """The end of a job whose device has the reset behind it and calls again without a word of it, or None."""
    return _silent("accepted, and the device called again since") if is_taken_on(job) else None


def _silent(meaning: str) -> End:
    return End(JobState.DONE, int(StatusCode.ACCEPTED), meaning)


def _run(job: Job, uri: str) -> Next:
    return Next("run", f"the device is told to {job.action.replace('-', ' ')}", (Ask("Exec", uri),))


def _choices(job: Job) -> dict[str, tuple[str, str]]:
    """What can be wiped: the name of each item by the URI of its node, and whether it is chosen now."""
    prefix = job.child("AvailableWipeList") + "/"
    nodes = sorted({prefix + uri[len(prefix) :].split("/")[0] for uri in job.known if uri.startswith(prefix)})
    return {
        node: (name, job.known.get(f"{node}/ToBeWiped", ""))
        for node in nodes
        if (name := job.known.get(f"{node}/ListItemName"))
    }


def _meaning(code: int) -> str:
    return means(code, RESULTS, {})
