"""The documentation does what it says: its tour runs against a real gateway, its links lead somewhere."""

from __future__ import annotations

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

from gateway import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
GUIDES = [
    page
    for folder in ("how-to", "tutorial")
    for page in (ROOT / "docs" / folder).glob("*.md")
    if "```console\n" in page.read_text()
]
DEMO_PORTS = {"8080": "plain", "8443": "tls", "8081": "admin"}
ANYTHING = "…"
SHOWN_FILE = re.compile(
    r"`((?:config/profiles/)?[\w-]+\.(?:json|jsonl|csv|toml))`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL
)


class Step(NamedTuple):
    """A command of the tour with the lines it is shown to print."""

    command: str
    printed: list[str]


def _tour(page: str) -> list[Step]:
    """The steps of a page's console blocks, in order."""
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ .venv/bin/mogate "), []))
            else:
                steps[-1].printed.append(line)
    return steps


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
    """Every command that a how-to page shows with its output does that, with the files that it shows.

    Profiles are beside the shipped ones; a package is some file of its name.
    """
    shutil.copytree(CONFIG / "profiles", tmp_path / "profiles")
    with serving(tmp_path, MOGATE_PROFILES=str(tmp_path / "profiles")) as gateway:
        for name, content in SHOWN_FILE.findall(page.read_text()):
            (gateway.folder / name.replace("config/", "")).write_text(content)
        for name in re.findall(r"\b[\w.-]+\.bin\b", page.read_text()):
            (gateway.folder / name).write_bytes(b"package")
        _take(_tour(page.read_text()), gateway)


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


def _take(steps: list[Step], gateway: Gateway) -> None:
    """Run the steps; files and directories they name are in the gateway's folder, and ``> FILE`` keeps output."""
    for command, printed in steps:
        words = [
            str(gateway.folder / word)
            if word.endswith((".json", ".jsonl", ".csv", ".bin", "/")) and not word.startswith("config/")
            else word
            for word in shlex.split(command, comments=True)
        ]
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
        with urllib.request.urlopen(_with_ports(address, gateway), timeout=10) as answer:
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
