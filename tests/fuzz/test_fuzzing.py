"""A bounded run of the coverage-guided fuzzer over each target, from the inputs it found before."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.targets import TARGETS

from gateway.errors import DecodeError

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
RUNS = 4000


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the fuzzer is built for Linux on x86-64 only"
)
@pytest.mark.parametrize("target", TARGETS)
def test_no_octets_break_a_reader(target: str, tmp_path: Path) -> None:
    """Whatever strangers send is read or refused with DecodeError, in bounded time; never anything else."""
    found = tmp_path / "found"
    found.mkdir()
    command = [sys.executable, HERE / "run.py", target, f"-runs={RUNS}", "-seed=1", "-timeout=10"]
    run = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/", found, CORPUS / target], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert f"Done {RUNS} runs" in run.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_reaches_into_the_reader(target: str) -> None:
    """The fuzzer starts from inputs that are understood, not only from refused ones."""

    def is_read(file: Path) -> bool:
        try:
            TARGETS[target](file.read_bytes())
        except DecodeError:
            return False
        return True

    assert any(is_read(file) for file in (CORPUS / target).iterdir())
