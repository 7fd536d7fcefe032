"""The command line on a terminal: the shell completes it, and long work shows how far it is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from live_gateway import DEADLINE_SECONDS, Gateway

BIN = Path(sys.executable).parent


def completed(gateway: Gateway, *words: str) -> list[str]:
    """What bash offers for the last of the words, as it does it: by the function that the script made."""
    script = 'eval "$(mogate completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mogate_completion mogate'
    environment = gateway.environment | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f'{script}; printf "%s\\n" "${{COMPREPLY[@]}}"', "bash", "mogate", *words],
        env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_and_options(gateway: Gateway) -> None:
    """Commands at every level, options, and the values of those that have a choice."""
    assert {"reload", "render", "reach"} <= set(completed(gateway, "re"))
    assert completed(gateway, "render", "alice", "--as", "") == ["omadm", "rcc14", "cp", "manual"]
    assert completed(gateway, "subscriber", "sh") == ["show"]
    assert completed(gateway, "import", "sub") == ["subscribers"]
    assert "--allow-deletions" in completed(gateway, "apply", "--a")


@pytest.mark.parametrize(("shell", "has"), [("zsh", "#compdef mogate"), ("fish", "complete --no-files")])
def test_other_shells_have_a_script_too(gateway: Gateway, shell: str, has: str) -> None:
    """The script is what that shell reads."""
    assert has in gateway.run("completion", shell)


def on_a_terminal(gateway: Gateway, *arguments: str) -> tuple[str, str]:
    """What a command prints, and what it shows besides when its standard error is a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "gateway", *arguments]
    done = subprocess.run(
        command, env=gateway.environment, stdout=subprocess.PIPE, stderr=its, timeout=DEADLINE_SECONDS, check=True
    )
    os.write(its, b"\n")  # so that there is something to read
    shown = os.read(ours, 65_536).decode()
    os.close(its)
    os.close(ours)
    return done.stdout.decode(), shown


def test_long_work_shows_how_far_it_is(gateway: Gateway, tmp_path: Path) -> None:
    """On a terminal, and not where a program reads: neither piped nor with --json."""
    rows = tmp_path / "rows.csv"
    rows.write_text("id,imsis\n" + "".join(f"t{number},00101000077{number:04d}\n" for number in range(3)))
    printed, shown = on_a_terminal(gateway, "import", "subscribers", str(rows))
    assert printed == f"{rows}: 3 created\n"
    assert "rows.csv" in shown
    assert "100%" in shown or "4/4" in shown, shown
    printed, shown = on_a_terminal(gateway, "import", "subscribers", str(rows), "--json")
    assert shown.strip() == ""
    assert gateway.done("import", "subscribers", str(rows)).stderr == ""
    export = tmp_path / "all.jsonl"
    printed, shown = on_a_terminal(gateway, "export", str(export))
    assert printed.startswith(f"{export}: ")
    assert "all.jsonl" in shown
