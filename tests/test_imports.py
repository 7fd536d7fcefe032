"""The direction of imports: what a module may know of is decided by where it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TIERS = (
    ("gateway.errors", "gateway.status", "gateway.peers"),
    ("gateway.tree", "gateway.mo"),
    ("gateway.fleet", "gateway.objects", "gateway.openid"),
    (
        "gateway.store.protocol",
        "gateway.store.times",
        "gateway.access",
        "gateway.sealing",
        "gateway.accounts",
        "gateway.ims_credentials",
        "gateway.settings",
        "gateway.service",
        "gateway.inventory",
        "gateway.new_accounts",
        "gateway.subscriptions",
    ),
    (
        "gateway.store",
        "gateway.observe",
        "gateway.openid.provider",
        "gateway.trace",
        "gateway.awaited",
        "gateway.outreach",
        "gateway.serving",
        "gateway.archive",
        "gateway.bulk",
        "gateway.editions",
        "gateway.packages",
        "gateway.jobs",
        "gateway.detections",
        "gateway.registrations",
        "gateway.nodes",
        "gateway.node_sets",
        "gateway.tacs",
        "gateway.learnt",
        "gateway.shadow",
        "gateway.admin",
        "gateway.report",
    ),
    ("adapters",),
    (
        "gateway.app",
        "gateway.assembly",
        "gateway.files",
        "gateway.reload",
        "gateway.serving.workers",
        "gateway.datadir",
        "gateway.playing",
        "gateway.backup",
        "gateway.cli",
        "gateway.__main__",
    ),
)
"""From the bottom up: a module imports from its own tier and from those before it. The longest matching name counts."""

SHARED_ADAPTERS = {"aka", "wbxml", "syncml", "provisioning", "sms"}
COMPOSITION_ROOTS = {
    "gateway.assembly.admin",
    "gateway.assembly.listeners",
    "gateway.assembly.omadm",
    "gateway.assembly.outreach",
    "gateway.assembly.rcc14",
    "gateway.assembly.shadows",
    "gateway.assembly.sms",
    "gateway.assembly.watching",
    "gateway.files",
    "gateway.playing",
    "gateway.cli.eir",
    "gateway.cli.mapping",
    "gateway.cli.shadow",
    "gateway.cli.simulate",
    "gateway.cli.takeover",
}
PURE_TIERS = 3
IMPURE_ADAPTER_PARTS = {
    "accounts",
    "handlers",
    "idle",
    "documents",
    "provider",
    "tracing",
    "simulator",
    "proving",
    "bearer",
    "spool",
    "eir",
    "journal",
    "shadow",
    "steps",
    "counting",
    "elsewhere",
}  # handlers, what they ask the service with or hand to the tracer, clients, and what asks other servers
IMPURE_LIBRARIES = {
    "aiohttp", "asyncio", "http", "os", "random", "redis", "secrets", "socket", "sqlite3", "structlog", "subprocess",
    "threading", "time", "uuid", "uvloop",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for package in ("gateway", "adapters"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(file.read_text(), str(file))


MODULES = dict(_modules())


def _imports(name: str) -> set[str]:
    """What a module imports anywhere in it: our modules by full name, others as they are written."""
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{name} imports from where it stands; imports are absolute"
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= inner or {node.module}
    return found


def _ours(name: str) -> set[str]:
    return {other for other in _imports(name) if other in MODULES}


def _tier(name: str) -> int:
    ranked = [
        (len(prefix), tier)
        for tier, prefixes in enumerate(TIERS)
        for prefix in prefixes
        if name == prefix or name.startswith(prefix + ".")
    ]
    assert ranked, f"{name} stands in no tier; give it a place in TIERS"
    return max(ranked)[1]


def _is_pure(name: str) -> bool:
    if name.startswith("adapters"):
        return IMPURE_ADAPTER_PARTS.isdisjoint(name.split("."))
    return _tier(name) < PURE_TIERS or name == "gateway.store.protocol"


CODE = sorted(MODULES.keys() - {"gateway", "adapters"})
PURE = [name for name in CODE if _is_pure(name)]


@pytest.mark.parametrize("name", CODE)
def test_imports_point_down(name: str) -> None:
    """A module knows only its own tier and the tiers below."""
    above = {other for other in _ours(name) if _tier(other) > _tier(name)}
    assert not above


def test_only_the_composition_roots_know_adapters() -> None:
    """The core knows no wire format."""
    knowing = {
        name for name in CODE if name.startswith("gateway") and any(o.startswith("adapters") for o in _ours(name))
    }
    assert knowing == COMPOSITION_ROOTS


@pytest.mark.parametrize("name", [name for name in CODE if name.startswith("adapters.")])
def test_adapters_do_not_know_each_other(name: str) -> None:
    """An adapter imports itself and the shared ones, so any protocol can be taken out alone."""
    allowed = SHARED_ADAPTERS | {name.split(".")[1]}
    others = {other for other in _ours(name) if other.startswith("adapters.") and other.split(".")[1] not in allowed}
    assert not others


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_take_time_and_chance_as_arguments(name: str) -> None:
    """The middle of the gateway has no input or output, no clock and no randomness."""
    assert not {library.split(".")[0] for library in _imports(name)} & IMPURE_LIBRARIES
    clocks = [
        f"line {node.lineno}: {ast.unparse(node.func)}"
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert not clocks


@pytest.mark.parametrize("name", [name for name in PURE if name.startswith("adapters.")])
def test_pure_adapter_parts_know_only_values_of_the_core(name: str) -> None:
    """Codecs, sessions and documents work on records and trees; services and stores are for the handlers."""
    beyond = {other for other in _ours(name) if other.startswith("gateway.") and _tier(other) >= PURE_TIERS}
    assert not beyond


def test_imports_have_no_circle() -> None:
    """Modules can be read one after the other, each after those it needs."""
    assert len(list(TopologicalSorter({name: _ours(name) for name in CODE}).static_order())) >= len(CODE)
