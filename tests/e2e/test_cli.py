"""The command line against a running gateway: text for people, JSON for machines, and honest exits."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner
from live_gateway import Gateway, serving

from adapters.omadm.codec import encode, encoding_of
from adapters.omadm.messages import Command, Item, SyncHdr, SyncML
from gateway import cli
from gateway.cli import common
from gateway.cli.group import Group

READING = (
    ("init",),
    ("check",),
    ("mo", "list"),
    ("mo", "show", "ims"),
    ("mapping", "check"),
    ("subscriber", "list"),
    ("subscriber", "show", "alice"),
    ("device", "show", "alice.1"),
    ("device", "list", "--match", "plan=premium"),
    ("device", "send", "alice.1", "get", "./DevInfo/Lang"),
    ("set", "alice", "ims/Timer_T1=3000"),
    ("unset", "alice", "ims/Timer_T1"),
    ("explain", "alice", "ims", "--device", "alice.1"),
    ("render", "alice", "--device", "alice.1"),
    ("render", "alice", "--device", "alice.1", "--as", "cp"),
    ("simulate", "omadm"),
    ("simulate", "rcc14"),
    ("push", "notify", "alice.1", "--dry-run"),
    ("bootstrap", "alice.1", "--dry-run"),
    ("push", "rcscfg", "alice", "--by", "impi", "--dry-run"),
)
SHOWS = {
    "check": "in order",
    "mo list": "identifier",
    "mo show": "Timer_T1",
    "mapping check": "RCC.15 writes it with capitals",
    "subscriber list": "+15550100001",
    "subscriber show": "device alice.1",
    "device show": "OMA DM",
    "device list": "alice.1",
    "device send": "waits for the next session",
    "set": "ims/Timer_T1 = 3000",
    "unset": "ims/Timer_T1",
    "explain": "operator example-mobile",
    "render": '<characteristic type="',
    "push notify": "server id: mogate",
    "bootstrap": '<parm name="APPID" value="w7"/>',
    "simulate omadm": "result: ok",
    "simulate rcc14": "result: ok",
    "push rcscfg": "port: 37273",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


@pytest.fixture
def mogate(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    """Runs commands in this process, with the settings of the gateway."""
    for name, value in gateway.environment.items():
        if name.startswith("MOGATE_"):
            monkeypatch.setenv(name, value)
    common.settings.cache_clear()
    yield CliRunner()
    common.settings.cache_clear()


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_has_json_and_says_what_it_does() -> None:
    """All but those that serve and print while they run; each has a sentence of help, as has each option."""
    for path, command in commands(cli.main):
        options = {option.name: option for option in command.params if isinstance(option, click.Option)}
        assert ("as_machine" in options) is not path[0].startswith("serve"), path
        assert command.help, path
        assert all(option.help for option in options.values()), path


def test_a_summary_is_the_start_of_the_help_of_its_command() -> None:
    """What the list of commands says of one is what its own help begins with, so nothing is read in to list them."""
    imported = cli.main.get_command(click.Context(cli.main), "import")
    assert isinstance(imported, Group)
    for name, later in (*cli.main.later.items(), *imported.later.items()):
        said = " ".join((later.command().help or "").split())
        assert said.startswith(later.summary.rstrip(".")), name


@pytest.mark.parametrize("light", [["--help"], ["set", "--help"], ["device", "show", "--help"]], ids=" ".join)
def test_a_command_starts_without_what_it_does_not_need(light: list[str]) -> None:
    """A command that only asks the gateway brings neither a server, nor a store, nor a protocol in."""
    code = f"import sys; from gateway import cli; cli.main({light}, standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"gateway.app", "gateway.store.sqlite", "gateway.service", "lxml.etree", "aiohttp", "redis"}
    assert not any(name.startswith("adapters.") for name in modules)


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_command_prints_for_people_and_for_machines(mogate: CliRunner, arguments: tuple[str, ...]) -> None:
    """``--json`` is one JSON value and nothing else; the text has the thing asked for, in lines that can be read."""
    machine = mogate.invoke(cli.main, [*arguments, "--json"])
    assert (machine.exit_code, machine.stderr) == (0, "")
    assert isinstance(json.loads(machine.stdout), dict | list)
    people = mogate.invoke(cli.main, list(arguments))
    assert (people.exit_code, people.stderr) == (0, "")
    name = " ".join(
        arguments[:2]
        if arguments[0] in ("mo", "mapping", "subscriber", "device", "simulate", "push")
        else arguments[:1]
    )
    assert SHOWS.get(name, "data:") in people.stdout
    assert not people.stdout.startswith(("{", "["))
    assert "\x1b" not in people.stdout


def test_the_commands_of_the_next_session_are_shown(mogate: CliRunner) -> None:
    """What a device does not hold yet as SyncML, and nothing once it does; asking sends nothing. OMA DM RepPro 1.2"""

    def shown() -> tuple[dict[str, Any], str]:
        found = [mogate.invoke(cli.main, ["render", "alice.1", "--as", "omadm", *more]) for more in (["--json"], [])]
        return json.loads(found[0].stdout), found[1].stdout

    assert mogate.invoke(cli.main, ["simulate", "omadm"]).exit_code == 0
    assert mogate.invoke(cli.main, ["set", "alice", "ims/Timer_T1=3100"]).exit_code == 0
    machine, people = shown()
    assert any(one.startswith("Replace ./3GPP_IMS/Timer_T1") for one in machine["commands"]), machine
    assert "<Data>3100</Data>" in machine["syncml"]
    assert "<LocURI>./3GPP_IMS/Timer_T1</LocURI>" in people
    assert shown() == (machine, people)
    assert mogate.invoke(cli.main, ["simulate", "omadm"]).exit_code == 0
    machine, people = shown()
    assert (machine["commands"], machine["syncml"]) == ([], "")
    assert people == "device alice.1 is up to date: nothing is sent\n"
    for whose, why in (("bob", "subscriber bob: none"), ("nobody", "nobody")):
        refused = mogate.invoke(cli.main, ["render", whose, "--as", "omadm"])
        assert (refused.exit_code, why in refused.stderr) == (1, True), refused.stderr


def test_a_subscriber_with_a_device_comes_and_goes(mogate: CliRunner) -> None:
    """Add, show and delete, for people and for machines."""

    def ran(*arguments: str) -> str:
        done = mogate.invoke(cli.main, arguments)
        assert (done.exit_code, done.stderr) == (0, ""), arguments
        return done.stdout

    made = json.loads(ran("subscriber", "add", "--imsi", "001010000000088", "--group", "a", "--group", "b", "--json"))
    account = ran("device", "add", made["id"], "--loc-uri", "phone")
    assert f"device_id: {made['id']}.1" in account
    assert "client_password: " in account
    shown = json.loads(ran("subscriber", "show", "001010000000088", "--json"))
    assert (shown["groups"], len(shown["devices"])) == (["a", "b"], 1)
    assert json.loads(ran("device", "delete", f"{made['id']}.1", "--json")) == {"deleted": f"{made['id']}.1"}
    assert ran("subscriber", "delete", "001010000000088") == "deleted 001010000000088\n"
    assert mogate.invoke(cli.main, ["subscriber", "show", made["id"]]).exit_code == 1


def test_a_service_is_taken_away_and_given_back(mogate: CliRunner) -> None:
    """What the network wants is said by a word, seen by the client at its next query and shown in either form."""

    def ran(*arguments: str) -> str:
        done = mogate.invoke(cli.main, arguments)
        assert (done.exit_code, done.stderr) == (0, ""), (arguments, done.stderr)
        return done.stdout

    def version() -> int:
        return int(json.loads(ran("simulate", "rcc14", "--json"))["facts"]["version"])

    held = version()
    assert held > 0
    device = json.loads(ran("subscriber", "show", "alice", "--json"))["devices"][-1]["id"]
    assert "alice is dormant" in ran("subscriber", "state", "alice", "dormant")
    assert version() == -3
    ran("subscriber", "state", "alice", "active")
    ran("device", "state", device, "disabled")
    assert version() == 0
    assert "disabled" in ran("device", "show", device)
    ran("device", "state", device, "inherit")
    assert version() == held
    ran("subscriber", "state", "alice", "disabled_permanently", "--app", "rcs")
    assert version() == held + 1
    assert "rcs is disabled_permanently" in ran("subscriber", "show", "alice")
    ran("subscriber", "state", "alice", "active", "--app", "rcs")
    assert version() == held + 2
    ran("device", "revoke", device, "--token-only")
    renewed = ran("simulate", "rcc14")
    assert "HTTP 511" in renewed
    assert "result: ok" in renewed
    assert version() == held + 2
    ran("device", "revoke", device)
    assert version() == -1
    ran("device", "state", device, "inherit")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("subscriber", "state", "alice", "away"), 2, "away"),
        (("subscriber", "state", "alice", "active", "--app", "imz"), 1, "imz"),
        (("device", "state", "alice.99", "active"), 1, "alice.99"),
        (("push", "rcscfg", "alice", "--imsi", "001019999999999", "--dry-run"), 1, "001019999999999"),
        (("subscriber", "show", "nobody"), 1, "nobody"),
        (("subscriber", "add", "--imsi", "12"), 1, "imsis"),
        (("subscriber", "add", "--msisdn", "+15550100001"), 1, "already"),
        (("device", "send", "alice.1", "get", "./A//B"), 1, "uri"),
        (("device", "send", "alice.1", "move", "./A"), 2, "move"),
        (("set", "alice", "ims/Timer_T1"), 2, "NODE=VALUE"),
        (("simulate", "omadm", "--refuse", "./A"), 2, "URI=CODE"),
        (("simulate", "omadm", "--refuse", "./A=no"), 2, "URI=CODE"),
        (("simulate", "omadm", "--misbehave", "shout"), 2, "shout"),
        (("mo", "show", "imz"), 1, "imz"),
        (("render", "alice", "--device", "bob.1"), 1, "bob.1"),
        (("launch",), 2, "launch"),
    ],
)
def test_a_mistake_ends_with_a_word_and_a_status(
    mogate: CliRunner, arguments: tuple[str, ...], status: int, says: str
) -> None:
    """1 when it was refused, 2 when the command is mistaken; the reason alone on standard error, never a traceback."""
    done = mogate.invoke(cli.main, arguments)
    assert (done.exit_code, done.stdout) == (status, "")
    assert says in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_init_again_keeps_everything(gateway: Gateway, mogate: CliRunner) -> None:
    """While the gateway serves and after: keys, token, certificates and the demo stay to the octet."""
    data = gateway.folder / "data"
    kept = ("seal.key", "admin.token", "demo.json", "tls/ca.pem", "tls/ca.key", "tls/server.pem", "tls/server.key")

    def contents() -> list[bytes]:
        return [(data / name).read_bytes() for name in kept]

    before = contents()
    done = mogate.invoke(cli.main, ["init", "--demo", "--json"])
    assert json.loads(done.stdout)["demo"] == "was there"
    assert contents() == before
    assert mogate.invoke(cli.main, ["subscriber", "show", "alice"]).exit_code == 0


def test_without_a_gateway_the_mend_is_said(mogate: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, no data directory: each is named with what to do."""
    monkeypatch.setenv("MOGATE_DATA", str(tmp_path / "empty"))
    common.settings.cache_clear()
    done = mogate.invoke(cli.main, ["subscriber", "list"])
    assert (done.exit_code, "mogate init" in done.stderr) == (1, True)
    monkeypatch.setenv("MOGATE_CONFIG", str(tmp_path / "absent.toml"))
    common.settings.cache_clear()
    done = mogate.invoke(cli.main, ["check"])
    assert (done.exit_code, "absent.toml" in done.stderr) == (1, True)


def test_a_document_of_another_server_is_taken_over(gateway: Gateway, mogate: CliRunner, tmp_path: Path) -> None:
    """A document becomes a profile that the gateway loads, with what could not be placed told; or what is new in it
    becomes a subscriber's values, and the second time nothing is."""
    document = tmp_path / "old.xml"
    document.write_text(
        '<wap-provisioningdoc><characteristic type="APPLICATION"><parm name="AppID" value="ap2001"/>'
        '<parm name="Timer_T1" value="4444"/><parm name="Timer_T4" value="17000"/><parm name="Odd" value="1"/>'
        '<parm name="Private_User_Identity" value="001010000000002@ims.mnc001.mcc001.3gppnetwork.org"/>'
        "</characteristic></wap-provisioningdoc>"
    )
    command = ["import", "rcc14", str(document), "--as", "profile", "--subscriber", "bob", "--layer", "plan"]
    made = mogate.invoke(cli.main, [*command, "--match", "plan=old", "--output", str(tmp_path / "old.toml")])
    assert (made.exit_code, made.stderr) == (0, "")
    assert "# not taken: APPLICATION ap2001/Odd: has no place in the tree" in made.stdout
    assert 'Private_user_identity = "{impi}"' in (tmp_path / "old.toml").read_text()
    assert mogate.invoke(cli.main, [*command, "--match", "plan=old", "--output", str(tmp_path / "old.toml")]).exit_code

    values = ["import", "rcc14", str(document), "--as", "subscriber", "bob"]
    assert "bob: 3 values set" in mogate.invoke(cli.main, values).stdout
    assert json.loads(mogate.invoke(cli.main, ["subscriber", "show", "bob", "--json"]).stdout)["values"] == {
        "ims/Private_user_identity": "001010000000002@ims.mnc001.mcc001.3gppnetwork.org",
        "ims/Timer_T1": "4444",
        "ims/Timer_T4": "17000",
    }
    mogate.invoke(cli.main, ["unset", "bob", "ims/Private_user_identity", "ims/Timer_T1", "ims/Timer_T4"])

    (tmp_path / "old.toml").unlink()
    document.rename(tmp_path / "alice.1.xml")
    directory = ["import", "rcc14", str(tmp_path), "--as", "device"]
    first, second = mogate.invoke(cli.main, directory).stdout, mogate.invoke(cli.main, directory).stdout
    assert "alice.1: 2 values set, 1 held already" in first
    assert "alice.1: 0 values set, 3 held already" in second
    mogate.invoke(cli.main, ["unset", "alice.1", "ims/Private_user_identity", "ims/Timer_T1"])


def test_people_and_tokens_come_and_go(mogate: CliRunner) -> None:
    """A person is made, changed, shown and removed; a token is shown once, listed and revoked."""

    def run(*arguments: str, stdin: str | None = None) -> str:
        done = mogate.invoke(cli.main, arguments, input=stdin)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    assert "helpdesk" in run("user", "add", "anna", "--role", "helpdesk", stdin="correct horse battery\n")
    assert run("user", "change", "anna", "--role", "noc", "--disable") == "anna is noc, disabled\n"
    (anna,) = json.loads(run("user", "list", "--json"))
    assert (anna["name"], anna["role"], anna["disabled"]) == ("anna", "noc", True)
    run("user", "delete", "anna")
    assert "anna" not in run("user", "list")
    made = json.loads(run("token", "create", "ci", "--permission", "subscribers:read", "--days", "1", "--json"))
    assert made["token"].startswith(f"{made['id']}.")
    assert made["id"] in run("token", "list")
    run("token", "revoke", made["id"])
    assert made["id"] not in run("token", "list")


def test_subscribers_and_devices_are_taken_over_in_bulk(mogate: CliRunner, tmp_path: Path) -> None:
    """A table is read row by row; what is wrong is told with its line, and doing it again changes nothing."""
    people, phones = tmp_path / "people.csv", tmp_path / "phones.csv"
    people.write_text("id,imsis,groups,attribute.colour\nzoe,001010000000901 001010000000902,a b,red\nz/e,,,\n")
    phones.write_text("subscriber,loc_uri,client_password,server_password\nzoe,IMEI:9,one,two\n")
    done = mogate.invoke(cli.main, ["import", "subscribers", str(people)])
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, f"{people}: 1 created, 1 failed")
    assert done.stdout.splitlines()[1].startswith(f"{people}:3: id: ")
    zoe = json.loads(mogate.invoke(cli.main, ["subscriber", "show", "zoe", "--json"]).stdout)
    assert (zoe["imsis"], zoe["groups"]) == (["001010000000901", "001010000000902"], ["a", "b"])
    assert zoe["attributes"] == {"colour": "red"}
    for outcome in ("created", "present"):
        assert mogate.invoke(cli.main, ["import", "devices", str(phones)]).stdout == f"{phones}: 1 {outcome}\n"
    for name in ("again.csv", "again.jsonl"):
        again = tmp_path / name
        written = mogate.invoke(cli.main, ["subscriber", "export", str(again)])
        count = len(json.loads(mogate.invoke(cli.main, ["subscriber", "list", "--json"]).stdout))
        assert (written.exit_code, written.stdout) == (0, f"{again}: {count} subscribers\n")
        assert "zoe" in again.read_text()
        assert mogate.invoke(cli.main, ["import", "subscribers", str(again)]).stdout == f"{again}: {count} present\n"
        assert mogate.invoke(cli.main, ["subscriber", "export", str(again)]).exit_code == 1
    assert "zoe,001010000000901 001010000000902,,,,a b," in (tmp_path / "again.csv").read_text()
    values = tmp_path / "values.csv"
    values.write_text("of,node,value\nzoe,ims/Timer_T1,2500\nzoe,ims/Nothing,1\n")
    for outcome in ("created", "present"):
        done = mogate.invoke(cli.main, ["import", "values", str(values)])
        assert done.stdout.splitlines()[0] == f"{values}: 1 {outcome}, 1 failed"
    people.write_text("id,colour\n")
    done = mogate.invoke(cli.main, ["import", "subscribers", str(people)])
    assert (done.exit_code, "not colour" in done.stderr) == (1, True)


def test_answers_of_another_server_are_compared(gateway: Gateway, mogate: CliRunner, tmp_path: Path) -> None:
    """Each pair is compared by parameter; one that cannot be is told with its line, and the others count."""
    own = json.loads(mogate.invoke(cli.main, ["render", "alice", "--device", "alice.1", "--json"]).stdout)["document"]
    known = {"request": "/?vers=0&IMSI=001010000000001", "device": "alice.1", "layout": "B"}
    pairs = [
        known | {"answer": own},
        known | {"answer": own.replace('TimerIdle" value="180"', 'TimerIdle" value="190"')},
        known | {"answer": "<wap-provisioningdoc/>"},
        {"request": "/?IMSI=001019999999999", "answer": own},
        {"answer": own},
        known | {"answer": "<html/>"},
    ]
    assert pairs[0] != pairs[1]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    before = json.loads(mogate.invoke(cli.main, ["subscriber", "show", "alice", "--json"]).stdout)
    told = json.loads(mogate.invoke(cli.main, ["shadow", "rcc14", str(file), "--json"]).stdout)
    assert told["outcomes"] == {"same": 1, "differing": 1, "without configuration": 1, "not compared": 3}
    changed = [one for one in told["differences"] if one["kind"] not in ("version", "token")]
    assert [(one["kind"], one["pairs"]) for one in changed] == [("changed", 1)]
    assert changed[0]["samples"] == [{"line": 2, "theirs": "190", "ours": "180"}]
    assert [one["line"] for one in told["skipped"]] == [4, 5, 6]
    assert json.loads(mogate.invoke(cli.main, ["subscriber", "show", "alice", "--json"]).stdout) == before
    assert "1 x changed: " in mogate.invoke(cli.main, ["shadow", "rcc14", str(file)]).stdout


def test_sessions_of_another_omadm_server_are_compared(gateway: Gateway, mogate: CliRunner, tmp_path: Path) -> None:
    """Node by node and device by device, in XML and WBXML; a pair that cannot be read is told with its line."""
    shown = json.loads(mogate.invoke(cli.main, ["device", "show", "alice.1", "--json"]).stdout)
    leaf = next(one for one in shown["leaves"] if one["wanted"] and one["node"].startswith("ims/Timer"))
    source = shown["omadm"]["loc_uri"]

    def message(by: str, *commands: tuple[str, str, str], wbxml: bool = False) -> str:
        header = SyncHdr(session_id="1", msg_id=1, target="x", source=by)
        body = tuple(
            Command(verb=cast("Any", verb), cmd_id=str(n), items=(Item(target=uri, data=text),))
            for n, (verb, uri, text) in enumerate(commands, 1)
        )
        form = "wbxml" if wbxml else "xml"
        octets = encode(SyncML(header, body), encoding_of(f"application/vnd.syncml.dm+{form}"))
        return base64.b64encode(octets).decode() if wbxml else octets.decode()

    asked = {"request": message(source), "device": "alice.1"}
    file = tmp_path / "pairs.jsonl"
    pairs = [
        asked | {"answer": message("old", ("Replace", leaf["uri"], "17"))},
        {
            "request": message(source, wbxml=True),
            "answer": message("old", ("Exec", "./Old/Reboot", ""), ("Replace", "./Old/Node", "x"), wbxml=True),
            "device": "alice.1",
        },
        asked | {"answer": "no message"},
    ]
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    told = json.loads(mogate.invoke(cli.main, ["shadow", "omadm", str(file), "--json"]).stdout)
    assert told["outcomes"] == {"same": 0, "differing": 1, "without commands": 0, "not compared": 1}
    found = {(one["kind"], one["place"]): one["samples"][0] for one in told["differences"]}
    assert found["changed", leaf["uri"]] == {"line": 1, "theirs": "17", "ours": leaf["wanted"]}
    assert found["missing", "./Old/Node"]["theirs"] == "x"
    assert ("missing", "Exec ./Old/Reboot") in found
    assert [one["line"] for one in told["skipped"]] == [3]
