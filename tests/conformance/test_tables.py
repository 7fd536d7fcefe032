"""The conformance tables are true: every requirement is well stated, and the tests they name are there."""

from __future__ import annotations

import ast
import functools

import conformance
import pytest
from conformance import PROTOCOLS, ROOT, TABLES, Requirement

REQUIREMENTS = [
    (protocol, requirement)
    for protocol in PROTOCOLS
    for part in conformance.load(protocol)
    for requirement in part.requirements
]


@functools.cache
def _tests_in(file: str) -> frozenset[str]:
    """The names of all test functions of a file; those of a class with the class before them."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        members = (
            [(f"{node.name}::", member) for member in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
        )
        found |= {
            prefix + one.name for prefix, one in members if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return frozenset(name for name in found if "test_" in name)


@pytest.mark.parametrize(
    ("protocol", "requirement"), [pytest.param(*one, id=f"{one[0]}-{one[1].text[:50]}") for one in REQUIREMENTS]
)
def test_a_requirement_that_is_met_names_tests_that_exist(protocol: str, requirement: Requirement) -> None:
    """A renamed or deleted test takes its requirement with it until somebody looks."""
    for test in requirement.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{protocol}: there is no file {file}"
        assert name in _tests_in(file), f"{protocol}: {file} has no test {name}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_requirement_stands_twice(protocol: str) -> None:
    """One requirement, one row."""
    texts = [requirement[:3] for name, requirement in REQUIREMENTS if name == protocol]
    assert len(texts) == len(set(texts))


def test_every_table_belongs_to_a_protocol() -> None:
    """A table in the wrong directory would never be read."""
    assert {file.parent.name for file in TABLES.rglob("*.toml")} <= PROTOCOLS.keys()
