"""Rules of detection: what follows when a phone of some kind is seen for the first time, or a SIM is changed.

Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from gateway.errors import ConfigError
from gateway.fleet.detection import Cause, Detection, SourceName
from gateway.fleet.device import Device
from gateway.fleet.profile import ATTRIBUTES, FACETS, networks_of
from gateway.fleet.reaching import Way
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.toml_lines import key_lines, line_of

MAX_RULES = 1000
_TOML_LINE = re.compile(r"\(at line ([0-9]+)")
_UNKNOWN = re.compile(r"unknown field `(.+?)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Choices = Annotated[tuple[Name, ...], Meta(min_length=1)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule as its file says it."""

    causes: Annotated[tuple[Cause, ...], Meta(min_length=1)]
    sources: Annotated[tuple[SourceName, ...], Meta(min_length=1)] | None = None
    match: dict[str, Name | Choices | dict[str, Name | Choices]] = {}
    join: tuple[Name, ...] = ()
    leave: tuple[Name, ...] = ()
    plan: Name | None = None
    attributes: dict[Name, Annotated[str, Meta(max_length=200)]] = {}
    reach: bool = False
    way: Literal["rcscfg", "dm_notify", "bootstrap", "cp"] | None = None
    within_seconds: Annotated[float, Meta(ge=0, le=604_800)] = 0.0
    webhook: bool = False


Test = Callable[[Subscriber, Device, Detection], bool]


class Rule(NamedTuple):
    """One rule: the causes it is for, whom it is for, and what follows.

    ``join`` and ``leave`` are groups; ``plan`` and ``attributes`` are set where they say something. With ``reach`` the
    phone is made to call, within ``within_seconds``, by ``way`` as long as that leads to it (empty: by any); with
    ``webhook`` the match is told as an event of its own.
    ``match`` is what ``tests`` were made of, for people to read.
    """

    name: str
    causes: frozenset[Cause]
    sources: frozenset[str] | None
    tests: tuple[Test, ...]
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    plan: str | None = None
    attributes: Mapping[str, str] = {}
    reach: bool = False
    within_seconds: float = 0.0
    webhook: bool = False
    match: Mapping[str, tuple[str, ...]] = {}
    way: Way | Literal[""] = ""

    def applies(self, subscriber: Subscriber, device: Device, detection: Detection, source: str) -> bool:
        """Whether the rule is for this detection."""
        if detection.cause not in self.causes or (self.sources is not None and source not in self.sources):
            return False
        return all(test(subscriber, device, detection) for test in self.tests)

    def changed(self, subscriber: Subscriber) -> Subscriber:
        """The subscriber with what the rule sets; the same object when that is nothing new."""
        groups = tuple(group for group in subscriber.groups if group not in self.leave)
        groups += tuple(group for group in self.join if group not in groups)
        plan = subscriber.plan if self.plan is None else self.plan
        attributes = subscriber.attributes | dict(self.attributes)
        if (groups, plan, attributes) == (subscriber.groups, subscriber.plan, subscriber.attributes):
            return subscriber
        return replace(
            subscriber,
            groups=groups,
            plan=plan,
            attributes=attributes,
            content_revision=subscriber.content_revision + 1,
        )


class Following(NamedTuple):
    """What follows from a detection: the subscriber as it is then, and the rules that said so, in their order."""

    subscriber: Subscriber
    rules: tuple[Rule, ...]


def follow(
    rules: Iterable[Rule], subscriber: Subscriber, device: Device, detection: Detection, source: str
) -> Following:
    """What follows from a detection. Every rule that is for it counts, as things were before the first did anything."""
    applying = tuple(rule for rule in rules if rule.applies(subscriber, device, detection, source))
    for rule in applying:
        subscriber = rule.changed(subscriber)
    return Following(subscriber, applying)


class Calling(NamedTuple):
    """That rules make a phone call: the first that says so, how soon, and by which way (empty: by any)."""

    rule: str
    within_seconds: float
    way: Way | Literal[""]


def calling(rules: Iterable[Rule]) -> Calling | None:
    """What several rules together say of making the phone call: the shortest time, the first way; None for nothing."""
    reach = [rule for rule in rules if rule.reach]
    if not reach:
        return None
    way: Way | Literal[""] = next((rule.way for rule in reach if rule.way), "")
    return Calling(reach[0].name, min(rule.within_seconds for rule in reach), way)


def load_rules(file: Path) -> tuple[Rule, ...]:
    """The rules in that file.

    Raises: ConfigError naming file, line and key.
    """
    try:
        source = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text", file=file) from None
    return parse_rules(source, str(file))


def parse_rules(source: str, file: str) -> tuple[Rule, ...]:
    """The rules that this TOML text states, each as a table ``[rules.NAME]``; ``file`` is what messages call it.

    Raises: ConfigError naming file, line and key.
    """
    try:
        content: dict[str, Any] = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found else source.count("\n") + 1
        raise ConfigError(f"is not TOML: {error}", file=file, line=line) from None
    lines = key_lines(source)

    def fault(reason: str, *path: str) -> ConfigError:
        return ConfigError(reason, file=file, line=line_of(lines, *path), key=".".join(path))

    tables = content.get("rules", {})
    for key in content:
        if key != "rules" or not isinstance(tables, dict):
            raise fault("there are only rules here, each as a table [rules.NAME]", key)
    if len(tables) > MAX_RULES:
        raise fault(f"{len(tables)} rules, more than {MAX_RULES}", "rules")
    rules = []
    for name, table in tables.items():
        try:
            stated = msgspec.convert(table, _Table)
        except msgspec.ValidationError as error:
            found = _PLACE.search(str(error))
            path = found[1].partition("[")[0].split(".") if found and found[1] else []
            path += _UNKNOWN.findall(str(error))
            raise fault(_PLACE.sub("", str(error)), "rules", name, *path) from None
        if stated.way and not stated.reach:
            raise fault("says how a phone is to be reached that is not: add reach = true", "rules", name, "way")
        tests = []
        for facet, choices in stated.match.items():
            try:
                tests += _tests(facet, choices)
            except ValueError as error:
                raise fault(str(error), "rules", name, "match", facet) from None
        rules.append(_rule(name, stated, tests))
    return tuple(rules)


def _rule(name: str, stated: _Table, tests: Sequence[Test]) -> Rule:
    return Rule(
        name,
        frozenset(stated.causes),
        frozenset(stated.sources) if stated.sources else None,
        tuple(tests),
        stated.join,
        stated.leave,
        stated.plan,
        stated.attributes,
        stated.reach,
        stated.within_seconds,
        stated.webhook,
        dict(_said(stated.match)),
        stated.way or "",
    )


def _said(
    match: Mapping[str, str | tuple[str, ...] | dict[str, str | tuple[str, ...]]],
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A match with each attribute as a facet of its own."""
    for facet, choices in match.items():
        if isinstance(choices, dict):
            yield from ((f"{facet}.{name}", _tuple(values)) for name, values in choices.items())
        else:
            yield facet, _tuple(choices)


def _tests(facet: str, choices: str | tuple[str, ...] | dict[str, str | tuple[str, ...]]) -> list[Test]:
    """What a line of a match asks. Raises: ValueError."""
    if facet == ATTRIBUTES:
        if not isinstance(choices, dict):
            raise ValueError(f"name the attribute: {ATTRIBUTES}.NAME")
        return [_attribute(name, _tuple(values)) for name, values in choices.items()]
    if isinstance(choices, dict):
        raise ValueError("must be one text or several")
    wanted = _tuple(choices)
    if facet in _NUMBERS:
        return [_within(facet, [_range(choice) for choice in wanted])]
    if facet not in FACETS:
        raise ValueError(f"there is no such match; there are {', '.join((*FACETS, *_NUMBERS, ATTRIBUTES))}")
    if facet == "plmn":
        return [lambda _, __, detection: not frozenset(wanted).isdisjoint(networks_of(detection.imsi))]
    values, ask = frozenset(choice.casefold() for choice in wanted), FACETS[facet]
    return [lambda subscriber, device, _: not values.isdisjoint(one.casefold() for one in ask(subscriber, device))]


def _tuple(choices: str | tuple[str, ...]) -> tuple[str, ...]:
    return (choices,) if isinstance(choices, str) else choices


def _attribute(name: str, values: tuple[str, ...]) -> Test:
    return lambda subscriber, _, __: subscriber.attributes.get(name, "") in values


_NUMBERS: Mapping[str, Callable[[Subscriber, Detection], str]] = {
    "imsi": lambda _, detection: detection.imsi,
    "msisdn": lambda subscriber, _: subscriber.msisdn.removeprefix("+"),
}
"""What is matched by ranges of numbers of one length."""


def _within(facet: str, ranges: Sequence[tuple[str, str]]) -> Test:
    ask = _NUMBERS[facet]

    def test(subscriber: Subscriber, _: Device, detection: Detection) -> bool:
        number = ask(subscriber, detection)
        return any(len(number) == len(first) and first <= number <= last for first, last in ranges)

    return test


def _range(text: str) -> tuple[str, str]:
    """The first and the last number of a range, which one number is too. Raises: ValueError."""
    first, dash, last = (part.strip().removeprefix("+") for part in text.partition("-"))
    last = last if dash else first
    digits = first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal()
    if not digits or len(first) != len(last) or first > last:
        raise ValueError(f"{text!r} is no number and no range FIRST-LAST of numbers of one length")
    return first, last
