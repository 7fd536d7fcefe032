"""The documentation does what it says: its tour runs against a real gateway, its links lead somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from live_gateway import CONFIG, Gateway, serving
from redis_servers import RedisServer

from gateway import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
GUIDES = [
    page
    for folder in ("how-to", "tutorial")
    for page in (ROOT / "docs" / folder).glob("*.md")
    if "```console\n" in page.read_text() or "```sh\n" in page.read_text()
]
BIN = ROOT / ".venv" / "bin"
SHOWN_REDIS = "redis://10.0.0.1:6379"
DEMO_PORTS = {"8080": "plain", "8443": "tls", "8081": "admin"}
ANYTHING = "…"
DONE = re.compile(
    r"^```(console|sh)\n(.*?)^```"
    r"|`((?:config/profiles/|/etc/mogate/mo/)?[\w-]+\.(?:json|jsonl|csv|toml|xml))`:\n\n```\w+\n(.*?)^```",
    re.MULTILINE | re.DOTALL,
)
"""What a page has its reader do: commands with what they print, commands alone, and files, the settings among them."""
NOT_RUN = {
    ("give-people-access", "mogate user add anna"): "asks for a password: tests/e2e/test_terminal.py",
    ("give-people-access", "mogate user change anna"): "anna is not there",
    ("keep-profiles-as-code", "mogate apply"): "names a plan and an edition of somebody else's: tests/e2e/test_plan.py",
    ("keep-profiles-as-code", "mogate profile export old-profiles"): "the same",
    ("keep-profiles-as-code", "mogate plan profiles/"): "of another gateway: tests/e2e/test_access.py",
    (
        "migrate-from-an-oma-dm-server",
        "mogate import rows",
    ): "a real export: tests/e2e/test_import_rows.py",
    ("migrate-from-an-oma-dm-server", "mogate campaign"): "moves phones away: tests/e2e/test_cutover.py",
    (
        "prove-who-a-client-is",
        "mogate subscriber sim",
    ): "reads keys: tests/e2e/test_identity.py",
    ("rotate-accounts", "mogate device move"): "moves a phone away: tests/e2e/test_cutover.py",
    (
        "run-a-campaign",
        "mogate campaign show ID",
    ): "of a campaign that waits for somebody else: test_campaign_approval.py",
    ("run-a-campaign", "mogate campaign approve"): "the same",
    ("run-a-campaign", "mogate --reason"): "the same",
    ("serve-as-eir", "mogate serve-eir"): "serves until Ctrl-C: tests/e2e/test_eir.py",
    ("use-the-api", "curl -N"): "tells until Ctrl-C: tests/e2e/test_admin_api.py",
    ("use-the-api", "mogate import tokens"): "tokens of another server: tests/unit/gateway/admin/test_imports.py",
    ("watch-with-opentelemetry", "pip install"): "a package that is not published",
}
"""Commands of `sh` blocks that are not run here, each with why, or with what runs such a one."""


class Step(NamedTuple):
    """A command of the tour with the lines it is shown to print."""

    command: str
    printed: list[str]


def _steps(block: str) -> list[Step]:
    """The steps of a console block, in order."""
    steps: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line.removeprefix("$ .venv/bin/mogate "), []))
        else:
            steps[-1].printed.append(line)
    return steps


def _tour(page: str) -> list[Step]:
    """The steps of a page's console blocks, in order."""
    return [step for language, block, *_ in DONE.findall(page) if language == "console" for step in _steps(block)]


def _with_settings(text: str, shown: str) -> str:
    """Settings with what a page shows of some tables put in, in place of what they have of the same names."""
    for table, content in re.findall(r"^\[([\w.-]+)\].*\n((?:(?!\[).*\n)*)", shown, re.MULTILINE):
        head, header, rest = text.partition(f"\n[{table}]")
        if not header:
            text += f"\n[{table}]\n{content}"
            continue
        own, bracket, others = rest.partition("\n[")
        names = re.findall(r"^([\w-]+) *=", content, re.MULTILINE)
        title, *kept = own.splitlines()
        kept = [line for line in kept if line.partition("=")[0].strip() not in names]
        text = head + header + "\n".join([title, *content.splitlines(), *kept]) + bracket + others
    return text


def _with_ports(text: str, gateway: Gateway) -> str:
    """The text with the demo's ports replaced by those of this gateway."""
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: str(gateway.ports[DEMO_PORTS[port[0]]]), text)


def _pattern(printed: list[str]) -> re.Pattern[str]:
    """What matches a shown output: a lone … is any lines, one within a line any text, and white space counts as one."""
    lines = [" ".join(line.split()) for line in printed]
    patterns = ["(?:.*\n)*?" if line == ANYTHING else re.escape(line).replace(ANYTHING, ".*") + "\n" for line in lines]
    return re.compile("".join(patterns))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that ``make run`` starts, with ports of its own."""
    with serving(tmp_path_factory.mktemp("tour")) as one:
        yield one


def test_the_tour_of_the_readme(gateway: Gateway) -> None:
    """Every command of the tour succeeds and prints the lines that are shown, in their order."""
    steps = _tour(README)
    assert len(steps) >= 8
    _take(steps, gateway)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_commands_of_a_guide(page: Path, tmp_path: Path) -> None:
    """Every command that a guide shows does what it says there, with the files and the settings that it shows.

    Profiles are beside the shipped ones; a package is some file of its name; a server of Redis is one that runs here.
    """
    text = page.read_text()
    shutil.copytree(CONFIG / "profiles", tmp_path / "profiles")
    (tmp_path / "mo").mkdir()
    with contextlib.ExitStack() as stack:
        if SHOWN_REDIS in text:
            redis = RedisServer("appendonly yes", "appendfsync always", "maxmemory-policy noeviction").start()
            stack.callback(redis.kill)
            text = text.replace(SHOWN_REDIS, redis.url)
        gateway = stack.enter_context(serving(tmp_path, MOGATE_PROFILES=str(tmp_path / "profiles")))
        for name in re.findall(r"\b[\w.-]+\.bin\b", text):
            (tmp_path / name).write_bytes(b"package")
        for language, block, file, shown in DONE.findall(text):
            if file and file != "gateway.toml":
                (tmp_path / file.replace("config/", "").removeprefix("/etc/mogate/")).write_text(shown)
            elif file:
                gateway.stop()
                shown = shown.replace("/etc/mogate", str(tmp_path))
                gateway.settings.write_text(_with_settings(gateway.settings.read_text(), shown))
                gateway.start()
            elif language == "console":
                _take(_steps(block), gateway)
            else:
                _shell(page.stem, block, gateway)


def test_what_is_not_run_is_there() -> None:
    """Each command that has a reason not to be run stands in the guide."""
    for guide, command in NOT_RUN:
        (page,) = (page for page in GUIDES if page.stem == guide)
        assert any(line.startswith(command) for line in _commands(page.read_text())), f"{guide}: {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    """Every `mogate …` that a page shows, in a text or in a block, is a command with such options."""
    text = page.read_text().replace("\\\n", " ")
    for shown in re.findall(r"(?:`|^ *(?:\$ )?(?:\.venv/bin/)?)mogate ([^`\n]+)", text, re.MULTILINE):
        command: click.Command = cli.main
        context = click.Context(cli.main)
        words = re.split(r" [|>#;&]", f" {shown}")[0].split()
        while isinstance(command, click.Group) and words and words[0][0] not in "-<…":
            found = command.get_command(context, words.pop(0).partition("|")[0])
            assert found is not None, shown
            command = found
        options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, shown


def _commands(block: str) -> list[str]:
    """The commands of a shell block, those that go on over several lines as one."""
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def _shell(guide: str, block: str, gateway: Gateway) -> None:
    """Run the commands in a shell, in the gateway's folder, but for those that have a reason not to be."""
    environment = gateway.environment | {"TOKEN": gateway.token, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for command in _commands(block):
        if any(guide == page and command.startswith(words) for page, words in NOT_RUN):
            continue
        done = subprocess.run(
            ["bash", "-c", _with_ports(command, gateway)],
            cwd=gateway.folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "/problems/" not in done.stdout, f"{command}\n{done.stdout}"


def _take(steps: list[Step], gateway: Gateway) -> None:
    """Run the steps; files and directories they name are in the gateway's folder, and ``> FILE`` keeps output.

    ``serve`` ends the gateway and starts it with the options that are shown.
    """
    for command, printed in steps:
        words = [
            str(gateway.folder / word)
            if word.endswith((".json", ".jsonl", ".csv", ".bin", "/")) and not word.startswith("config/")
            else word
            for word in shlex.split(command, comments=True)
        ]
        if words[0] == "serve":
            gateway.stop()
            output = gateway.start(*words[1:])
        else:
            output = gateway.run(*words[: words.index(">")] if ">" in words else words)
        if ">" in words:
            Path(words[-1]).write_text(output)
            continue
        squeezed = "".join(" ".join(line.split()) + "\n" for line in output.splitlines())
        shown = [_with_ports(line, gateway) for line in printed]
        assert _pattern(shown).match(squeezed), f"mogate {command} printed:\n{output}"


def test_one_change_is_one_command(gateway: Gateway) -> None:
    """What the tour says of a change holds: one command reaches a phone that was up to date, and none the next time."""
    gateway.run("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T4=9000")
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == ["Replace ./3GPP_IMS/Timer_T4 200"]
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []


def test_the_addresses_of_the_readme_answer(gateway: Gateway) -> None:
    """Every address given in angle brackets can be fetched."""
    addresses = re.findall(r"<(http://127\.0\.0\.1:\d+/[^>]+)>", README)
    assert len(addresses) == 4
    for address in addresses:
        with urllib.request.urlopen(_with_ports(address, gateway), timeout=60) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name files that are there."""
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_the_index_lists_every_page() -> None:
    """docs/README.md leads to every page of docs; a folder with an index of its own is reached through that."""
    index = ROOT / "docs" / "README.md"
    for page in (ROOT / "docs").rglob("*.md"):
        nearest = next(folder / "README.md" for folder in page.parents if (folder / "README.md").exists())
        leads_to = index if page.name == "README.md" else nearest
        assert page == index or f"({page.relative_to(leads_to.parent)})" in leads_to.read_text(), page


def test_every_decision_has_the_same_three_parts() -> None:
    """A decision says its context, what was decided and what was given up."""
    for page in (ROOT / "docs" / "adr").glob("*.md"):
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "What was given up"], page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_proofs_exist(page: Path) -> None:
    """A page that names a test names one that is there."""
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        assert f"def {test}" in (ROOT / file).read_text(), f"{file}::{test}"


def test_the_site_builds(tmp_path: Path) -> None:
    """`make docs` makes a site of every page without a warning, and nothing on it is fetched from elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("")
        made = tmp_path / (name.parent if name.name == "README" else name) / "index.html"
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', made.read_text())
        assert not fetched, f"{page}: {fetched}"
