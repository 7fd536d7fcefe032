"""The management tree and its diff against plain dicts: whatever the commands, both say the same."""

import contextlib
import itertools
from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.errors import TreeError
from gateway.fleet.mirror import Mirror, Read
from gateway.mo.definition import Access, Definition, Occurrence
from gateway.tree.diff import diff
from gateway.tree.format import Format
from gateway.tree.node import Acl
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Address, Uri

ALL: frozenset[Access] = frozenset({"Add", "Copy", "Delete", "Get", "Replace"})
NAMES = ("Int", "Text", "Kept", "Folder", "x", "y")
MO = Uri(("MO",))

LEAVES = (
    Definition("Int", (Format.INT,), Occurrence.ZERO_OR_ONE, access=ALL),
    Definition("Text", (Format.CHR,), Occurrence.ZERO_OR_ONE, access=ALL),
    Definition("Kept", (Format.CHR,), Occurrence.ONE, access=ALL, permanent=True),
)
ENTRY = Definition("", (Format.NODE,), Occurrence.ZERO_OR_MORE, access=ALL, children=LEAVES)
FOLDER = Definition("Folder", (Format.NODE,), Occurrence.ZERO_OR_ONE, access=ALL, children=(*LEAVES, ENTRY))
DDF = Definition("MO", (Format.NODE,), Occurrence.ZERO_OR_ONE, access=ALL, children=(*LEAVES, FOLDER, ENTRY))

PATHS = [path for depth in (1, 2, 3) for path in itertools.product(NAMES, repeat=depth)]
LEAF_PATHS = [path for path in PATHS if (found := DDF.find(path)) is not None and not found.is_interior]

paths = st.sampled_from(PATHS)
known_paths = st.sampled_from([path for path in PATHS if DDF.find(path)])
texts = st.sampled_from(["", "1", "01", "7", "-7", "word"])


class TreeAgainstDict(RuleBasedStateMachine):
    """The tree refuses exactly what the rules of TND 7.2 refuse, and otherwise holds what a dict would."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = ManagementTree()
        self.tree.mount(MO, DDF)
        self.tree.record(MO, fmt=Format.NODE)
        self.tree.record(MO / "Kept", "k")
        self.model: dict[tuple[str, ...], str | None] = {(): None, ("Kept",): "k"}

    def attempt(self, expected: int | None, command: str, *args: object, **kwargs: object) -> bool:
        """Whether the command was carried out; its refusal must be the expected one."""
        status = None
        try:
            getattr(self.tree, command)(*args, **kwargs)
        except TreeError as refused:
            status = refused.status
        assert status == expected
        return status is None

    def why_not_add(self, path: tuple[str, ...], text: str, parent: tuple[str, ...]) -> int | None:
        definition = DDF.find(path)
        if path in self.model:
            return 418
        if parent not in self.model:
            return 404
        if self.model[parent] is not None or definition is None or definition.permanent:
            return 405
        return self.why_not_hold(definition, text)

    @staticmethod
    def why_not_hold(definition: Definition, text: str) -> int | None:
        if definition.is_interior:
            return 415 if text else None
        return 415 if definition.format is Format.INT and not text.lstrip("-").isdigit() else None

    @rule(path=known_paths, text=texts)
    def add(self, path: tuple[str, ...], text: str) -> None:
        if self.attempt(self.why_not_add(path, text, path[:-1]), "add", MO.join(path), text):
            self.model[path] = None if DDF.find(path).is_interior else text

    @rule(path=known_paths)
    def add_with_parents(self, path: tuple[str, ...]) -> None:
        existing = next(path[:n] for n in range(len(path) - 1, -1, -1) if path[:n] in self.model)
        text = "" if DDF.find(path).is_interior else "5"
        if self.attempt(self.why_not_add(path, text, existing), "add", MO.join(path), text, implicit=True):
            self.model |= {path[:n]: None for n in range(len(existing) + 1, len(path))}
            self.model[path] = text or None

    @rule(path=paths, text=texts)
    def replace(self, path: tuple[str, ...], text: str) -> None:
        expected = 404 if path not in self.model else 405 if self.model[path] is None else None
        if self.attempt(expected or self.why_not_hold(DDF.find(path) or DDF, text), "replace", MO.join(path), text):
            self.model[path] = text

    @rule(path=paths)
    def delete(self, path: tuple[str, ...]) -> None:
        expected = 404 if path not in self.model else 405 if path[-1] == "Kept" else None
        if self.attempt(expected, "delete", MO.join(path)):
            self.model = {at: value for at, value in self.model.items() if at[: len(path)] != path}

    @rule(source=paths, copied=known_paths)
    def copy(self, source: tuple[str, ...], copied: tuple[str, ...]) -> None:
        value = self.model.get(source)
        if value is None:
            expected = 405 if source in self.model else 404
        else:
            expected = self.why_not_add(copied, value, copied[:-1])
            if expected in (None, 415) and DDF.find(copied).format is not DDF.find(source).format:
                expected = 415
        if self.attempt(expected, "copy", MO.join(source), MO.join(copied)):
            self.model[copied] = value

    @rule(path=paths, name=st.sampled_from(NAMES))
    def rename(self, path: tuple[str, ...], name: str) -> None:
        renamed = (*path[:-1], name)
        expected = None
        if path not in self.model:
            expected = 404
        elif path[-1] == "Kept":
            expected = 405
        elif renamed in self.model:
            expected = 418
        elif DDF.find(renamed) is not DDF.find(path):
            expected = 405
        if self.attempt(expected, "replace_property", MO.join(path), "Name", name):
            depth = len(path)
            self.model = {
                (*renamed, *at[depth:]) if at[:depth] == path else at: value for at, value in self.model.items()
            }

    @rule()
    def go_on_with_a_snapshot(self) -> None:
        left = self.tree
        self.tree = left.snapshot()
        left.record(Uri(("Elsewhere",)))
        left.record(MO)

    @invariant()
    def both_hold_the_same(self) -> None:
        held = [(uri[1:], node.value) for uri, node in self.tree.walk(MO)]
        assert held == sorted(self.model.items(), key=lambda item: item[0])
        assert all(node.name == uri.name for uri, node in self.tree.walk(MO))


TestTreeAgainstDict = TreeAgainstDict.TestCase
TestTreeAgainstDict.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def holding(values: dict[tuple[str, ...], str], *, leaf_format: Format | None = None) -> ManagementTree:
    tree = ManagementTree()
    tree.mount(MO, DDF, strict=False)
    if values:
        tree.record(MO, fmt=Format.NODE)
    for path, text in values.items():
        definition = DDF.find(path)
        tree.record(MO.join(path), text, leaf_format or (definition.format if definition else Format.CHR))
    return tree


desired_values = st.dictionaries(st.sampled_from(LEAF_PATHS), st.sampled_from(["1", "01", "2"]), min_size=1)
reported_values = st.dictionaries(
    st.sampled_from([path for path in PATHS if "Kept" not in path[:-1]]), st.sampled_from(["1", "001", "3", "word"])
)


@settings(deadline=None)
@given(desired=desired_values, reported=reported_values)
def test_the_edits_lead_from_reported_to_desired(
    desired: dict[tuple[str, ...], str], reported: dict[tuple[str, ...], str]
) -> None:
    """Each edit can be carried out in turn, they end in the desired values, and then there is nothing left to do.

    What only the device has is untouched, entries of desired lists and what gave way to another kind of node excepted.
    """
    wanted, device = holding(desired), holding(reported, leaf_format=Format.CHR)
    before = {uri: node.value for uri, node in device.walk()}
    edits = diff(wanted, device, roots=[MO])
    for edit in edits:
        if edit.verb == "Delete":
            assert edit.uri.name != "Kept"
            device.delete(edit.uri)
        elif edit.verb == "Add":
            device.add(edit.uri, edit.value, fmt=edit.format)
        else:
            if edit.uri.name == "Kept" and device.find(edit.uri) is None:
                device.record(edit.uri, "from the factory")
            device.replace(edit.uri, edit.value, fmt=edit.format)
    assert diff(wanted, device, roots=[MO]) == []
    for uri, node in wanted.walk(MO):
        held = device.find(uri)
        # A permanent node that is not reported is taken to be there, and interior ones have nothing to compare.
        assert held is not None
        assert node.format.same(node.value, held.value)
    deleted = [edit.uri for edit in edits if edit.verb == "Delete"]
    replaced = {edit.uri for edit in edits if edit.verb == "Replace"}
    for uri, value in before.items():
        if uri not in replaced and not any(uri.is_under(gone) for gone in deleted):
            assert device.get(uri).value == value


@given(st.dictionaries(st.sampled_from(LEAF_PATHS), texts, min_size=1))
def test_equal_trees_differ_in_nothing(values: dict[tuple[str, ...], str]) -> None:
    """A tree needs no edit to become itself, unreadable values included."""
    assert diff(holding(values), holding(values, leaf_format=Format.CHR), roots=[MO]) == []


@given(st.sampled_from(list(Format)), st.text(), st.text())
def test_sameness_is_that_of_canonical_texts(fmt: Format, one: str, other: str) -> None:
    """A value is the same as its own canonical text, and sameness has no direction."""
    assert fmt.same(one, other) == fmt.same(other, one)
    try:
        canonical = fmt.canonical(one)
    except ValueError:
        assert fmt.same(one, other) == (one == other)
    else:
        assert fmt.canonical(canonical) == canonical
        assert fmt.same(one, canonical) or fmt in (Format.NODE, Format.NULL)


SERVERS = st.text(st.characters(exclude_characters="=&*+ \t\r\n"), min_size=1)
RIGHTS = st.sampled_from(["Add", "Delete", "Exec", "Get", "Replace"])


@given(st.dictionaries(RIGHTS, st.one_of(st.just(frozenset("*")), st.frozensets(SERVERS, min_size=1))))
def test_an_acl_survives_its_text(entries: dict[str, frozenset[str]]) -> None:
    """``parse`` reads what an ACL prints."""
    assert Acl.parse(str(Acl(entries))) == Acl(entries)


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers_of_addresses(text: str) -> None:
    """Any text is an address or is refused with a status; an ACL is read or refused as a ValueError."""
    status = None
    try:
        address = Address.parse(text)
        assert Address.parse(str(address)) == address
    except TreeError as refused:
        status = refused.status
    assert status in (None, 404, 406, 414)
    with contextlib.suppress(ValueError):
        Acl.parse(text)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=5), st.none() | st.text(max_size=5)), max_size=8))
def test_a_mirror_takes_whatever_a_device_says(said: list[tuple[str, str, str | None]]) -> None:
    """No reading raises, and every fact is under the one spelling of a URI."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    mirror = Mirror(device_id="s.1").read([Read(uri, fmt, value=value) for uri, fmt, value in said], now)
    assert all(str(Uri.parse(uri)) == uri and fact.exists for uri, fact in mirror.facts.items())
