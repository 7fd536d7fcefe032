"""Diagnostic functions by DiagMon: given their parameters, started, stopped, and what they measured read.

Nothing of the object but its identifier could be checked against its text, so the names of its nodes are settings.
``parameters`` of a job has them: ``start``, ``stop``, ``config``, ``data`` and ``status``, each a path below the
function's node. What a function is to be given is there too, by ``SET`` and its path below ``config``.

Spec: OMA-TS-DiagMon-V1_0 5 (unconfirmed)
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import ConfigError, TreeError
from gateway.fleet.job import Job, JobState
from gateway.objects.step import VENDOR_RESULTS, Ask, End, Next, Step, is_good, means, outcome, unsupported
from gateway.status import StatusCode
from gateway.tree.uri import Uri

RESULTS = {1200: "success", 1400: "client error", 1401: "user cancelled"}

SET = "set "
"""Begins the names of what a function is to be given."""


def plan(job: Job) -> Step:
    """The next step: find the function by its name, give it its parameters, start or stop it, read status and data.

    A device that does not take all parameters is told nothing more.
    A device that lists no subtrees is believed to have the function below the object under its very name.
    """
    listing = f"{job.root}?list=StructData"
    if not job.stage:
        return Next("find", "the device is asked for its diagnostic functions", (Ask("Get", listing),))
    offered = functions(job)
    if job.action == "list":
        code = outcome(job, "Get", listing)
        said = f"it has {', '.join(sorted(offered)) or 'none'}" if is_good(code) else _meaning(code)
        return End(JobState.DONE if is_good(code) else JobState.FAILED, code, said)
    node = next((node for name, node in offered.items() if name.casefold() == job.subject.casefold()), "")
    if not node:
        code = outcome(job, "Get", listing)
        if not unsupported(code) or code == StatusCode.NOT_FOUND:
            has = f"it has {', '.join(sorted(offered)) or 'none'}" if is_good(code) else _meaning(code)
            return End(JobState.FAILED, int(StatusCode.NOT_FOUND), f"the device has no function {job.subject}; {has}")
        node = job.child(job.subject)
    if (configuration := _configure(job, node)) is not None:
        return configuration
    if job.stage in ("find", "configure", "add") and job.action != "read":
        exec_uri = f"{node}/{job.parameters[job.action]}"
        return Next("run", f"the device is told to {job.action} {job.subject}", (Ask("Exec", exec_uri),))
    code = outcome(job, "Exec", f"{node}/{job.parameters[job.action]}") if job.action != "read" else int(StatusCode.OK)
    if not is_good(code):
        return End(JobState.FAILED, code, _meaning(code))
    status, data = f"{node}/{job.parameters['status']}", f"{node}/{job.parameters['data']}"
    if job.stage != "look":
        asks: tuple[Ask, ...] = (Ask("Get", f"{data}?list=StructData"), Ask("Get", status))
        asks += (_look(job, node),) if gives(job) else ()
        return Next("look", f"the device is asked what {job.subject} measured", asks)
    read = outcome(job, "Get", f"{data}?list=StructData")
    values = sum(uri.startswith(f"{data}/") for uri in job.known)
    told = f"{values} values read" if is_good(read) else f"its data was not read: {_meaning(read)}"
    shown = f"; Status {job.known[status]}" if job.known.get(status) else ""
    done = job.action != "read" or is_good(read)
    return End(JobState.DONE if done else JobState.FAILED, code if done else read, f"{_meaning(code)}{shown}; {told}")


def _configure(job: Job, node: str) -> Step | None:
    """The next step until the function has its parameters, or the end where that is all; None when it has them.

    Those that are not there yet are added, with the nodes that lead to them.
    """
    wanted = _wanted(job, node)
    if not wanted or job.stage not in ("find", "configure", "add", "check"):
        return None
    if job.stage == "find":
        asks = tuple(Ask("Replace", uri, value) for uri, value in wanted.items())
        return Next("configure", f"{job.subject} is given its parameters", asks)
    codes = {uri: outcome(job, "Replace", uri) for uri in wanted}
    absent = [uri for uri, code in codes.items() if code == StatusCode.NOT_FOUND]
    if absent and job.stage == "configure":
        above = {upper for uri in absent for upper in _above(uri, node) if upper not in job.known}
        leading = [Ask("Add", uri, None, "node") for uri in sorted(above)]
        return Next(
            "add", f"{job.subject} is given its parameters", (*leading, *(Ask("Add", u, wanted[u]) for u in absent))
        )
    codes |= {uri: outcome(job, "Add", uri) for uri in absent}
    for uri, code in codes.items():
        if not is_good(code):
            return End(JobState.FAILED, code, f"the device does not take {uri}: {_meaning(code)}")
    if job.action != "configure":
        return None
    if job.stage != "check":
        return Next("check", f"the device is asked what {job.subject} was given", (_look(job, node),))
    return End(JobState.DONE, int(StatusCode.OK), f"{len(wanted)} values set")


def _wanted(job: Job, node: str) -> dict[str, str]:
    """What the function is to be given, by URI."""
    below = f"{node}/{job.parameters['config']}" if gives(job) else ""
    return {f"{below}/{name.removeprefix(SET)}": value for name, value in gives(job).items()}


def _look(job: Job, node: str) -> Ask:
    return Ask("Get", f"{node}/{job.parameters['config']}?list=StructData")


def _above(uri: str, node: str) -> list[str]:
    """The nodes between a function and what is below it."""
    names = uri.removeprefix(f"{node}/").split("/")
    return ["/".join([node, *names[:depth]]) for depth in range(1, len(names))]


def given(action: str, items: Sequence[str]) -> dict[str, str]:
    """What a function is given with that action, as its job keeps it; ``items`` are NAME=VALUE.

    Raises: ConfigError when it is not written so, is given twice, or the action takes none or needs one.
    """
    if items and action not in ("start", "configure"):
        raise ConfigError(f"diagnostics {action} takes no parameters; start and configure do", key="items")
    if not items and action == "configure":
        raise ConfigError("say what to give the function, for example Interval=60", key="items")
    parameters: dict[str, str] = {}
    for item in items:
        name, is_said, value = item.partition("=")
        if not is_said or f"{SET}{name}" in parameters or not _is_path(name):
            raise ConfigError(f"{item!r} is no parameter of its own; write for example Interval=60", key="items")
        parameters[f"{SET}{name}"] = value
    return parameters


def gives(job: Job) -> dict[str, str]:
    """What the job gives its function, as ``given`` has it."""
    return {name: value for name, value in job.parameters.items() if name.startswith(SET)}


def _is_path(name: str) -> bool:
    """Whether it names a node, or a path of nodes, below another."""
    try:
        return bool(name) and "?" not in name and str(Uri.parse(f"./{name}")) == f"./{name}"
    except TreeError:
        return False


def functions(job: Job) -> dict[str, str]:
    """The node of each function of the device by its name: what its leaf Name says, else what the node is called."""
    start = len(job.root) + 1
    nodes = sorted({uri[start:].split("/")[0] for uri in job.known if uri.startswith(f"{job.root}/")})
    return {job.value(node, "Name") or node: job.child(node) for node in nodes}


def _meaning(code: int) -> str:
    return means(code, RESULTS, VENDOR_RESULTS)
