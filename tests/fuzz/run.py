"""Fuzz one target: ``python tests/fuzz/run.py TARGET [options of libFuzzer] [directories]``.

Coverage steers the fuzzer; whatever a target raises but DecodeError ends the run and leaves the octets that did it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["adapters", "gateway"]):
    from fuzz.targets import TARGETS

    from gateway.errors import DecodeError


def main() -> None:
    """Run until the options say that it is enough."""
    target = TARGETS[sys.argv.pop(1)]

    def one(octets: bytes) -> None:
        try:
            target(octets)
        except DecodeError:
            return

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


main()
