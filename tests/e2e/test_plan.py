"""A directory of profiles as configuration: planned, compared and applied over the API, and taken back."""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import CONFIG, Gateway, serving

ZZ = 'name = "zz"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2900\n'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One whose profiles can be written, with a phone that was configured."""
    folder = tmp_path_factory.mktemp("plan")
    shutil.copytree(CONFIG / "profiles", folder / "profiles")
    with serving(folder, MOGATE_PROFILES=str(folder / "profiles")) as one:
        assert one.json("simulate", "omadm")["result"] == "ok"
        yield one


@pytest.fixture
def directory(gateway: Gateway, tmp_path: Path) -> Path:
    """A copy of the profiles as the gateway has them."""
    copy = tmp_path / "copy"
    assert "profiles of edition" in gateway.run("profile", "export", str(copy))
    return copy


def timer(gateway: Gateway) -> Any:
    """What the phone holds after it called."""
    return gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"]


def test_what_was_exported_changes_nothing(gateway: Gateway, directory: Path) -> None:
    """Nothing is shown, and the status is 0; a mistake, also in the command itself, is 1."""
    for command in ("plan", "diff"):
        done = gateway.done(command, str(directory))
        assert (done.returncode, done.stdout) == (0, "nothing changes\n")
    assert gateway.run("apply", str(directory)) == "nothing changes\n"
    for wrong in (
        ["plan"],
        ["plan", str(directory / "absent")],
        ["diff", "--no-such"],
        ["plan", str(directory.parent)],
    ):
        assert gateway.done(*wrong).returncode == 1, wrong
    (directory / "zz.toml").write_text(ZZ.replace("2900", '"many"'))
    done = gateway.done("plan", str(directory))
    assert (done.returncode, "zz.toml:6" in done.stderr) == (1, True), done.stderr


def test_a_plan_is_applied_and_taken_back(gateway: Gateway, directory: Path) -> None:
    """The plan has each line and whom it changes, and changes nothing; applying it reaches the phone. A deletion is
    told and has to be allowed; the edition before can be exported and applied again.
    """
    before = timer(gateway)
    (directory / "zz.toml").write_text(ZZ)
    done = gateway.done("plan", str(directory))
    assert done.returncode == 2
    assert "+ plan profile zz in zz.toml: added\n" in done.stdout
    assert '    + zz.toml:6  ims/Timer_T1  "2900"\n' in done.stdout
    assert "devices whose content changes: 1\n  alice.1\n" in done.stdout
    assert "alice.1" not in gateway.done("diff", str(directory)).stdout
    assert timer(gateway) == before
    assert not (gateway.folder / "profiles" / "zz.toml").exists()
    plan = gateway.done("plan", str(directory)).stdout.splitlines()[-1].split()[1]
    assert "by campaign c" in gateway.run(
        "apply", str(directory), "--plan", plan, "--over", "0", "--deadline", "7200", "--retries", "1"
    )
    made = gateway.api("GET", "/campaigns")[-1]
    assert (made["device_deadline_seconds"], made["retries"]) == (7200, 1)
    assert timer(gateway) == "2900"
    assert gateway.run("plan", str(directory)) == "nothing changes\n"
    (directory / "zz.toml").write_text(ZZ.replace("2900", "2800"))
    shown = gateway.done("diff", str(directory)).stdout
    assert '~ plan profile zz in zz.toml: changed\n    ~ zz.toml:6  ims/Timer_T1  "2900" -> "2800"\n' in shown
    (directory / "zz.toml").unlink()
    shown = gateway.done("plan", str(directory)).stdout
    assert "- plan profile zz in zz.toml: DELETED\n" in shown
    assert '    - zz.toml:6  ims/Timer_T1  was "2900"\n' in shown
    assert "deletes the profiles zz" in gateway.run("apply", str(directory), "--yes", fails=True)
    assert timer(gateway) == "2900"
    gateway.run("apply", str(directory), "--yes", "--allow-deletions", "--no-call")
    assert timer(gateway) == before
    edition = gateway.json("profile", "editions")[0]["edition"]
    gateway.run("profile", "export", str(directory.parent / "back"), "--edition", edition)
    assert (directory.parent / "back" / "zz.toml").read_text() == ZZ
    gateway.run("apply", str(directory.parent / "back"), "--yes", "--no-call")
    assert timer(gateway) == "2900"
    gateway.run("apply", str(directory), "--yes", "--allow-deletions", "--no-call")
    entries = [
        one for one in gateway.api("GET", "/audit") if one["action"] == "apply_profiles" and one["status"] == 200
    ]
    assert len(entries) >= 4
    assert "Timer_T1" in str(entries[0]["after"])
    assert "layer" not in str(entries[0]["asked"])


def test_a_plan_that_no_longer_holds_is_refused(gateway: Gateway, directory: Path) -> None:
    """Somebody edited the files on the server, or the directory, since: nothing is written."""
    (directory / "zz.toml").write_text(ZZ)
    plan = gateway.done("plan", str(directory)).stdout.splitlines()[-1].split()[1]
    server = gateway.folder / "profiles" / "plan-basic.toml"
    text = server.read_text()
    server.write_text(text + "# by hand\n")
    assert "make another plan" in gateway.run("apply", str(directory), "--plan", plan, fails=True)
    server.write_text(text)
    (directory / "zz.toml").write_text(ZZ.replace("2900", "2800"))
    assert "make another plan" in gateway.run("apply", str(directory), "--plan", plan, fails=True)
    assert not (gateway.folder / "profiles" / "zz.toml").exists()
    assert "--yes" in gateway.run("apply", str(directory), fails=True)


def test_an_edit_of_another_edition_is_refused(gateway: Gateway, directory: Path) -> None:
    """Planned and applied from the edition that it says it was made from, and from no other; a fault in it is told
    with its file, line and node, each by itself.
    """
    (directory / "zz.toml").write_text(ZZ)
    edition = gateway.json("profile", "export", str(directory.parent / "again"))["edition"]
    assert gateway.done("plan", str(directory), "--base", edition).returncode == 2
    files = gateway.api("GET", "/profiles/files")["profiles"]
    server = gateway.folder / "profiles" / "plan-basic.toml"
    server.write_text(files[server.name] + "# by hand\n")
    assert f"no longer those of edition {edition}" in gateway.run("plan", str(directory), "--base", edition, fails=True)
    refused = gateway.run("apply", str(directory), "--base", edition, "--yes", "--no-call", fails=True)
    assert "somebody else has changed them" in refused
    server.write_text(files[server.name])
    body = {"profiles": {**files, "zz.toml": ZZ.replace("2900", '"many"')}, "base": edition}
    with pytest.raises(urllib.error.HTTPError) as wrong:
        gateway.api("POST", "/profiles/plan", body)
    problem = json.load(wrong.value)
    assert (problem["status"], problem["file"], problem["line"], problem["key"]) == (422, "zz.toml", 6, "ims/Timer_T1")
    assert not (gateway.folder / "profiles" / "zz.toml").exists()


def test_what_is_shown_of_a_secret_is_not_served_as_one(gateway: Gateway, directory: Path) -> None:
    """Who may not see secrets gets files without them, and cannot write those back by mistake."""
    made = gateway.json("token", "create", "ci", "--permission", "profiles:read", "--permission", "profiles:write")
    others = {"MOGATE_ADMIN__TOKEN": made["token"]}
    copy = directory.parent / "covered"
    assert gateway.done("profile", "export", str(copy), **others).returncode == 0
    done = gateway.done("apply", str(copy), "--yes", "--no-call", **others)
    assert (done.returncode, "model-additional.toml:" in done.stderr) == (1, True), done.stderr
    assert gateway.run("plan", str(directory)) == "nothing changes\n"


def test_a_refused_edition_leaves_the_files_as_they_were(gateway: Gateway, directory: Path) -> None:
    """When the gateway cannot take the files up, those before are back, and served."""
    (directory / "zz.toml").write_text(ZZ)
    plan = gateway.done("plan", str(directory)).stdout.splitlines()[-1].split()[1]
    certificate = gateway.folder / "data" / "tls" / "server.pem"
    octets = certificate.read_bytes()
    certificate.write_bytes(b"no certificate")
    try:
        gateway.run("apply", str(directory), "--plan", plan, fails=True)
    finally:
        certificate.write_bytes(octets)
    assert not (gateway.folder / "profiles" / "zz.toml").exists()
    (directory / "zz.toml").unlink()
    assert gateway.run("plan", str(directory)) == "nothing changes\n"


def test_a_token_from_elsewhere_is_enough(gateway: Gateway, directory: Path, tmp_path: Path) -> None:
    """A machine that has neither the settings nor the data of the gateway plans with a URL and a token of its own."""
    made = gateway.json("token", "create", "ci", "--permission", "profiles:read")
    settings = tmp_path / "empty.toml"
    settings.write_text("")
    elsewhere = {
        "MOGATE_CONFIG": str(settings),
        "MOGATE_DATA": str(tmp_path / "none"),
        "MOGATE_ADMIN__URL": gateway.url("admin"),
        "MOGATE_ADMIN__TOKEN": made["token"],
    }
    (directory / "zz.toml").write_text(ZZ)
    done = gateway.done("plan", str(directory), **elsewhere)
    assert (done.returncode, "zz.toml: added" in done.stdout) == (2, True), done.stderr
    done = gateway.done("apply", str(directory), "--yes", **elsewhere)
    assert (done.returncode, "profiles:write" in done.stderr) == (1, True), done.stderr
