"""New credentials for a device's OMA DM account (DMAcc), while the old ones go on until the new ones were used.

The device gets both secrets at once or not at all. From then on either account opens a session; the first one under the
new account ends the old one, and with it the job. A device that refuses keeps the old account, and so does the gateway.

With a new address of the server the device gets a second account beside the old one, which is only deleted when the new
one was used: an address that the device cannot reach strands nobody.

A device that has no account where those of OMA DM 1.2 are is asked for one of 1.1.2.

Spec: OMA-TS-DM_StdObj-V1_2 5.3 (DMAcc)
"""

from __future__ import annotations

from gateway.fleet.account import (
    AUTH_TYPE_NAMES,
    CLIENT_NAME,
    CLIENT_SECRET,
    SERVER_NAME,
    SERVER_SECRET,
    Account,
    Login,
    port_of,
    values_of,
)
from gateway.fleet.device import AuthType
from gateway.fleet.job import Job, JobState
from gateway.objects import older_account
from gateway.objects.step import Ask, End, Next, Step, is_good, outcome, unsupported
from gateway.status import StatusCode

PENDING = "account"
"""What the driver puts among what a job knows: whether the new account still waits for its first use."""

_SECRETS = {"CLCRED": CLIENT_SECRET, "SRVCRED": SERVER_SECRET}


def plan(job: Job) -> Step:
    """The next step: find the account, replace its secrets or add another, wait for the first session under that."""
    if (search := _search(job)) is not None:
        return search
    if job.stage in ("replace", "add", "add again", "add one by one") and job.known.get(PENDING) != "used":
        code = outcome(job, "Atomic")
        if job.stage == "add" and outcome(job, "Add", _new_node(job)) == StatusCode.ALREADY_EXISTS:
            # It was added once, and the answer to that was lost.
            asks = (Ask("Delete", _new_node(job)), *_additions(job))
            return Next("add again", "the device is given another account anew", asks, 25, together=True)
        if job.stage == "add" and unsupported(code):
            return Next("add one by one", "the device is given another account", _additions(job), 25)
        if job.stage == "add one by one":
            codes = [code for command, code in job.codes.items() if command.startswith("Add ")]
            code = next((code for code in codes if not _is_there(code)), int(StatusCode.OK))
            if not is_good(code):
                undo = Ask("Delete", _new_node(job))
                return Next("undo", "the device does not take all of another account", (undo,))
        if not is_good(code):
            return _kept(code)
    if job.stage == "undo":
        return _kept(next(code for command, code in job.codes.items() if command[:4] == "Add " and not _is_there(code)))
    if job.known.get(PENDING) == "waits":
        return Next("prove", "the device has the new credentials and must use them", (), 75)
    done = int(StatusCode.AUTHENTICATED)
    if job.action == "move" and job.stage != "remove":
        old = Ask("Delete", _old_nodes(job)[0])
        return Next("remove", "the device has used its new account and drops the old one", (old,), 90)
    code = outcome(job, "Delete", _old_nodes(job)[0]) if job.action == "move" else done
    stays = "" if is_good(code) else f"; the old account stays: {StatusCode(code).meaning}"
    return End(JobState.DONE, done, f"the device has used its new credentials{stays}")


def _search(job: Job) -> Step | None:
    """The next step until the accounts are known, and what follows from that; None later."""
    if not job.stage:
        return Next("find", "the device is asked for its account", (Ask("Get", f"{job.root}?list=StructData"),))
    if job.stage == "find" and not _nodes(job) and job.root != older_account.ROOT:
        ask = Ask("Get", f"{older_account.ROOT}?list=StructData")
        return Next("find older", "the device is asked for an account of OMA DM 1.1.2", (ask,))
    if job.stage in ("find", "find older") and not _nodes(job):
        code = outcome(job, "Get", f"{older_account.ROOT}?list=StructData")
        if unsupported(code) and code != StatusCode.NOT_FOUND:
            return Next("name", "the device is asked for its accounts", (Ask("Get", older_account.ROOT),))
    if job.stage == "name" and (asks := older_account.readings(job.known.get(older_account.ROOT, ""))):
        return Next("ask", "the device is asked for each of its accounts", asks)
    if job.stage in ("find", "find older", "name", "ask"):
        return _told(job) if job.action == "read" else _renew(job)
    return None


def refused(job: Job) -> bool:
    """Whether the device is known not to have the new credentials; one that never answered may have them."""
    silent = job.stage in ("replace", "add", "add again", "add one by one", "undo") and job.code == StatusCode.TIMEOUT
    ended = not job.running and job.state is not JobState.DONE
    return ended and job.action != "read" and job.stage != "prove" and not silent


def address_before(job: Job) -> str:
    """The address that the device called before a move; empty when it did not tell one address."""
    old = _old_nodes(job)
    return _address(job, old[0]) if old else ""


def _address(job: Job, node: str) -> str:
    above = f"{node}/" if older_account.is_older(node) else f"{node}/AppAddr/"
    found = [value for uri, value in job.known.items() if uri.startswith(above) and uri.endswith("/Addr")]
    return found[0] if len(found) == 1 else ""


def _told(job: Job) -> End:
    """The end of a job that only reads: which servers the device has accounts with, and where."""
    code = outcome(job, "Get", f"{job.root}?list=StructData")
    nodes = _nodes(job)
    if not nodes:
        final = int(StatusCode.NOT_FOUND) if is_good(code) else code
        return End(JobState.FAILED, final, f"the device tells of no account: {StatusCode(final).meaning}")
    told = (f"{name} at {_address(job, node) or 'an address it does not tell'}" for node, name in nodes.items())
    return End(JobState.DONE, int(StatusCode.OK), f"the device has accounts with {', '.join(told)}")


def _nodes(job: Job) -> dict[str, str]:
    """The nodes of the accounts that the device tells of, with the server that each is with."""
    named = {uri.rpartition("/")[0]: value for uri, value in sorted(job.known.items()) if _names_server(uri) and value}
    return {node: server.strip() for node, server in named.items()}


def _names_server(uri: str) -> bool:
    return uri.rpartition("/")[2] in ("ServerID", "ServerId")


def _is_there(code: int) -> bool:
    """Whether a node is there after an Add: added now, or by an earlier one whose answer was lost."""
    return is_good(code) or code == StatusCode.ALREADY_EXISTS


def _kept(code: int) -> End:
    return End(JobState.FAILED, code, f"the device keeps its account: {StatusCode(code).meaning}")


def _old_nodes(job: Job) -> list[str]:
    """The nodes of the accounts that are the gateway's."""
    return [node for node, server in _nodes(job).items() if server == job.parameters["server_id"]]


def _new_node(job: Job) -> str:
    return f"{_old_nodes(job)[0].rpartition('/')[0]}/{job.parameters['node']}"


def _renew(job: Job) -> Step:
    ours = _old_nodes(job)
    if len(ours) != 1:
        there = ", ".join(_nodes(job).values()) or "none that it tells"
        code = outcome(job, "Get", f"{job.root}?list=StructData")
        final = int(StatusCode.NOT_FOUND) if is_good(code) else code
        return End(
            JobState.FAILED, final, f"the device has no one account of {job.parameters['server_id']}; it has {there}"
        )
    if job.action == "move":
        return Next("add", "the device is given another account", _additions(job), 25, together=True)
    if older_account.is_older(ours[0]):
        asks = older_account.renewals(ours[0])
        return Next("replace", "the device is given new credentials", asks, 25, together=True)
    levels = {
        uri.rpartition("/")[0]: value
        for uri, value in job.known.items()
        if uri.startswith(f"{ours[0]}/AppAuth/") and uri.endswith("/AAuthLevel") and value in _SECRETS
    }
    if "CLCRED" not in levels.values():
        return End(JobState.FAILED, int(StatusCode.NOT_FOUND), "the account has no credentials of the device")
    asks = tuple(
        Ask("Replace", f"{node}/AAuthSecret", _SECRETS[level], "chr") for node, level in sorted(levels.items())
    )
    return Next("replace", "the device is given new credentials", asks, 25, together=True)


def _additions(job: Job) -> tuple[Ask, ...]:
    """An account like the old one, with the new address and credentials. Spec: OMA-TS-DM_StdObj-V1_2 5.3"""
    old, new = _old_nodes(job)[0], _new_node(job)
    if older_account.is_older(old):
        server, address = job.parameters["server_id"], job.parameters["address"]
        return older_account.additions(old, new, job.known, server, address, port_of(address))
    kinds = {
        job.known.get(f"{uri.rpartition('/')[0]}/AAuthLevel"): value
        for uri, value in job.known.items()
        if uri.startswith(f"{old}/AppAuth/") and uri.endswith("/AAuthType")
    }
    told = kinds.get("CLCRED")
    auth: AuthType = next((auth for auth, name in AUTH_TYPE_NAMES.items() if name == told), "md5")
    client, ours = Login(CLIENT_NAME, CLIENT_SECRET), Login(SERVER_NAME, SERVER_SECRET)
    server_id, name = job.parameters["server_id"], job.known.get(f"{old}/Name", "")
    leaves = values_of(Account(server_id, name or server_id, job.parameters["address"], auth, client, ours))
    if connection := job.known.get(f"{old}/PrefConRef"):
        leaves["PrefConRef"] = connection
    asks: dict[str, Ask] = {"": Ask("Add", new, None, "node")}
    for path, value in leaves.items():
        names = path.split("/")
        for above in ("/".join(names[:length]) for length in range(1, len(names))):
            asks.setdefault(above, Ask("Add", f"{new}/{above}", None, "node"))
        asks[path] = Ask("Add", f"{new}/{path}", value, "chr")
    return tuple(asks.values())
