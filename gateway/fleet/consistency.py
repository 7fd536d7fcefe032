"""What values must be as a whole: rules over several nodes, from files beside the DDFs.

A rule is checked against every merge of profiles that some device could get, not file by file, and against what a
subscriber or device would hold with values of its own. A value that a variable fills is not known here, and breaks no
rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.errors import ConfigError, NotFound
from gateway.fleet.selection import Leaf, Selection, Source, Stratum, merge
from gateway.fleet.variables import fill, slots
from gateway.mo.catalogue import Catalogue

MAX_MERGES = 20_000
GROUP = "group"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule; nodes are written ``MO/path``.

    It holds where every node of ``when`` has that value (its default counts) and none of ``unless`` has. Then ``needs``
    must be set, ``begins`` must begin so, ``absent`` must not be there nor anything below, ``at_least`` is no smaller
    number, ``not_over`` is at most the other number (0 there is no limit), and ``same`` equals the other node where
    both are set.
    """

    says: str
    clause: str
    when: dict[str, str] = {}
    unless: dict[str, str] = {}
    needs: tuple[str, ...] = ()
    begins: dict[str, str] = {}
    absent: tuple[str, ...] = ()
    at_least: dict[str, int] = {}
    not_over: dict[str, str] = {}
    same: dict[str, str] = {}

    @property
    def nodes(self) -> frozenset[str]:
        """Every node that the rule looks at."""
        pairs = itertools.chain(self.not_over.items(), self.same.items())
        single = itertools.chain(self.when, self.unless, self.needs, self.begins, self.absent, self.at_least)
        return frozenset((*single, *itertools.chain.from_iterable(pairs)))


class Breach(NamedTuple):
    """A rule that does not hold: the node to look at, and who set it; ``source`` is None when nobody did.

    ``mend`` is what to do about it, naming the other nodes.
    """

    rule: Rule
    node: str
    source: Source | None
    mend: str

    def __str__(self) -> str:
        return f"{self.rule.says} ({self.rule.clause}): {self.mend}"


class Candidate(NamedTuple):
    """What a profile brings into a merge: whom it is for, and its content."""

    match: Mapping[str, frozenset[str]]
    content: Stratum


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...]


def load_rules(directories: Iterable[Path], catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules of every ``*.toml`` in these directories.

    Raises: ConfigError naming the file and the rule.
    """
    rules: list[Rule] = []
    for file in itertools.chain.from_iterable(sorted(directory.glob("*.toml")) for directory in directories):
        try:
            read = msgspec.toml.decode(file.read_bytes(), type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, OSError) as fault:
            raise ConfigError(str(fault), file=file, key="rule") from None
        for rule in read.rule:
            for node in rule.nodes:
                try:
                    catalogue.find(node)
                except NotFound as fault:
                    raise ConfigError(str(fault), file=file, key=rule.says) from None
        rules += read.rule
    return tuple(rules)


def breaches(selection: Selection, rules: Iterable[Rule], catalogue: Catalogue) -> Iterator[Breach]:
    """Every rule that this selection breaks."""
    state = _State(selection, catalogue)
    for rule in rules:
        offence = state.offence(rule)
        if offence is not None:
            node, mend = offence
            yield Breach(rule, node, next(filter(None, map(state.winner, (node, *rule.when, *rule.nodes))), None), mend)


def breach_of_any_merge(candidates: Sequence[Candidate], rules: Iterable[Rule], catalogue: Catalogue) -> Breach | None:
    """The first breach in any merge that a device could get of these, weakest first.

    A device has one value of each facet, but may be in several groups.
    """
    for rule in rules:
        touching = [found for one in candidates if (found := _touching(one, rule)) is not None]
        seen: set[tuple[int, ...]] = set()
        for answers in itertools.islice(_answers(touching), MAX_MERGES):
            chosen = tuple(index for index, one in enumerate(touching) if _applies(one, answers))
            if chosen in seen:
                continue
            seen.add(chosen)
            merged = merge({}, [touching[index].content for index in chosen], catalogue)
            for breach in breaches(merged, (rule,), catalogue):
                return breach
    return None


class _State:
    """A selection, asked node by node."""

    def __init__(self, selection: Selection, catalogue: Catalogue) -> None:
        self._leaves = selection.leaves
        self._catalogue = catalogue
        self._winners: dict[str, Source] = {}
        for mo, paths in selection.leaves.items():
            for path, leaf in paths.items():
                node = f"{mo}/{path}" if leaf.winner.template is not None else mo
                while node != mo and node not in self._winners:
                    self._winners[node] = leaf.winner
                    node = node.rpartition("/")[0]

    def offence(self, rule: Rule) -> tuple[str, str] | None:
        """The node that breaks the rule, and what would mend it; None when the rule holds or does not apply."""
        applies = (
            not rule.nodes.isdisjoint(self._winners)
            and all(self._value(node) == value for node, value in rule.when.items())
            and all(self._value(node) != value for node, value in rule.unless.items())
        )
        return next(itertools.chain(self._of_one(rule), self._of_two(rule)), None) if applies else None

    def _of_one(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """What is wrong with single nodes, now that the rule applies."""
        otherwise = "".join(f", or let {node} not be {value}" for node, value in itertools.islice(rule.when.items(), 1))
        for node in rule.needs:
            if self.winner(node) is None:
                yield node, f"set {node}{otherwise}"
        for node, start in rule.begins.items():
            template = self._template(node)
            if template is not None and not template.startswith((start, "{")):
                yield node, f"let {node} begin with {start}{otherwise}"
        for node in rule.absent:
            winner = self.winner(node)
            if winner is not None:
                yield node, f"take {node} away, which {_place(winner)} sets{otherwise}"
        for node, least in rule.at_least.items():
            number = self._value(node)
            if number and number.isdecimal() and int(number) < least:
                yield node, f"let {node} ({number}) be at least {least}{otherwise}"

    def _of_two(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """What is wrong between two nodes, now that the rule applies."""
        for node, limit in rule.not_over.items():
            number, most = self._value(node), self._value(limit)
            if number and most and number.isdecimal() and most.isdecimal() and 0 < int(most) < int(number):
                yield node, f"let {node} ({number}) be at most {most}, or {limit} ({most}) at least {number}"
        for node, other in rule.same.items():
            one, two = self._template(node), self._template(other)
            if one is not None and two is not None and one != two:
                yield node, f"let {node} ({one}) and {other} ({two}) be the same"

    def winner(self, node: str) -> Source | None:
        """Who set the node, or the first below it; None where neither has a value."""
        return self._winners.get(node)

    def _template(self, node: str) -> str | None:
        mo, _, path = node.partition("/")
        leaf: Leaf | None = self._leaves.get(mo, {}).get(path)
        return leaf.winner.template if leaf else None

    def _value(self, node: str) -> str | None:
        """The node's value, its default where it has none; None where a variable fills it."""
        template = self._template(node)
        if template is not None:
            return None if slots(template) else fill(template, {})
        _, _, definition = self._catalogue.find(node)
        return None if definition.default is None else definition.format.canonical(definition.default)


def _place(source: Source) -> str:
    """Where a value was set, for people."""
    return f"{source.profile} ({source.place})" if source.profile else f"the {source.layer} itself"


def _touching(candidate: Candidate, rule: Rule) -> Candidate | None:
    """The part of the candidate that matters to the rule; None when there is none."""
    nodes = [f"{node}/" for node in rule.nodes]
    values = {
        node: source
        for node, source in candidate.content.values.items()
        if any(f"{node}/".startswith(one) for one in nodes)
    }
    unset = {
        node: source
        for node, source in candidate.content.unset.items()
        if any(f"{node}/".startswith(one) or one.startswith(f"{node}/".replace("//", "/")) for one in nodes)
    }
    return Candidate(candidate.match, Stratum(values, unset)) if values or unset else None


def _answers(candidates: Sequence[Candidate]) -> Iterator[dict[str, frozenset[str]]]:
    """Everything that a device may be to these candidates, by facet."""
    asked: dict[str, set[str]] = {}
    for candidate in candidates:
        for facet, values in candidate.match.items():
            asked.setdefault(facet, set()).update(values)
    choices = [_choices(facet, sorted(values)) for facet, values in asked.items()]
    for answer in itertools.product(*choices):
        yield dict(zip(asked, answer, strict=True))


def _choices(facet: str, values: Sequence[str]) -> list[frozenset[str]]:
    """What a device may answer to one facet: none of these values, or one, or some of the groups."""
    most = len(values) if facet == GROUP else 1
    return [frozenset(some) for size in range(most + 1) for some in itertools.combinations(values, size)]


def _applies(candidate: Candidate, answers: Mapping[str, frozenset[str]]) -> bool:
    return not any(answers[facet].isdisjoint(values) for facet, values in candidate.match.items())
