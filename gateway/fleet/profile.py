"""Profiles: named layers of values in TOML files, and the choice of those that apply to one device."""

from __future__ import annotations

import datetime
import difflib
import functools
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import ConfigError, NotFound
from gateway.fleet.consistency import Breach, Candidate, Rule, breach_of_any_merge, breaches
from gateway.fleet.device import Device, sim_of
from gateway.fleet.owners import WORDS, OwnerRule
from gateway.fleet.secret import is_secret
from gateway.fleet.selection import Layer, Node, Selection, Source, Stratum, merge
from gateway.fleet.subscriber import Overrides, Subscriber
from gateway.fleet.toml_lines import key_lines, line_of
from gateway.fleet.variables import CHOICES, GIVEN, escape, fill, parse_template, slots
from gateway.mo.catalogue import Catalogue, Severity, check_value
from gateway.mo.definition import UNNAMED, Definition, Permitted
from gateway.tree.format import Format

MAX_LOOKS = 4096
MAX_SELECTIONS = 256
MAX_OVERRIDDEN = 1024
MAX_NAME_LENGTH = 200

_LAYERS = (Layer.OPERATOR, Layer.TENANT, Layer.MODEL, Layer.PLAN, Layer.GROUP)
_KEYS = ("name", "layer", "match", "unset", "owners", "mo")
_OVERRIDES = msgspec.msgpack.Decoder(Overrides)
_TEXT_FORMATS = frozenset({Format.CHR, Format.XML})
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOML_LINE = re.compile(r"\(at line ([0-9]+)")


def networks_of(imsi: str) -> tuple[str, ...]:
    """The networks that an IMSI may be of: how long an MNC is, a match does not ask."""
    return imsi[:5], imsi[:6]


Facet = Callable[[Subscriber, Device], tuple[str, ...]]

FACETS: Mapping[str, Facet] = {
    "tenant": lambda subscriber, _: (subscriber.tenant,),
    "plan": lambda subscriber, _: (subscriber.plan,),
    "group": lambda subscriber, _: subscriber.groups,
    "manufacturer": lambda _, device: (device.manufacturer.casefold(),),
    "model": lambda _, device: (device.model.casefold(),),
    "tac": lambda _, device: (device.tac,),
    "role": lambda _, device: (device.role,),
    "plmn": lambda subscriber, device: networks_of(sim_of(subscriber, device)),
}
"""What a match looks at. A network is known by how the IMSI of the SIM in the device begins; names of makers and models
are in any case."""

ATTRIBUTES = "attributes"
ANY_CASE = ("manufacturer", "model")
_DIGITS = {"tac": (8,), "plmn": (5, 6)}


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile as its file says it.

    ``match`` is facet -> values of which one must be the device's; all facets must agree. A subscriber's attribute is
    the facet ``attributes.<name>``. ``owners`` says which protocol writes an MO. ``warnings`` are
    doubts about values of nodes whose definition is provisional.
    """

    name: str
    layer: Layer
    file: str
    match: Mapping[str, frozenset[str]]
    content: Stratum
    warnings: tuple[str, ...] = ()
    owners: Mapping[str, OwnerRule] = field(default_factory=dict)


class ProfileSet:
    """All profiles, weakest first: by layer, within a layer by name.

    ``digest`` is the same for profiles that say the same, in every process.
    """

    def __init__(self, profiles: Iterable[Profile], catalogue: Catalogue, rules: Iterable[Rule] = ()) -> None:
        """The set of these profiles, in whatever order they come; ``rules`` are those that values keep as a whole.

        Raises: ConfigError naming file, line and node when some device could get a merge that breaks a rule.
        """
        strength = list(Layer)
        self.profiles = tuple(sorted(profiles, key=lambda profile: (strength.index(profile.layer), profile.name)))
        self._catalogue = catalogue
        self._rules = tuple(rules)
        self._check_merges()
        asked: dict[str, frozenset[str]] = {}
        for profile in self.profiles:
            for facet, values in profile.match.items():
                asked[facet] = asked.get(facet, frozenset()) | values
        self._asked = asked
        self._looks = tuple(map(look_at, asked))
        self.digest = hashlib.blake2b(msgspec.msgpack.encode([*map(_said, self.profiles)]), digest_size=16).hexdigest()
        self._looked = functools.lru_cache(MAX_LOOKS)(self._look)
        self._selected = functools.lru_cache(MAX_SELECTIONS)(self._select)
        self._overridden = functools.lru_cache(MAX_OVERRIDDEN)(self._override)
        self._broken = functools.lru_cache(MAX_SELECTIONS)(self._breaches)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful but taken as it stands, each with file, line and node."""
        return tuple(warning for profile in self.profiles for warning in profile.warnings)

    def breaches(self, selection: Selection) -> tuple[Breach, ...]:
        """The rules that a selection breaks with what is set on the subscriber and device."""
        return self._broken(selection)

    def check_values(self, match: Mapping[str, Iterable[str]], values: Mapping[str, str]) -> None:
        """Devices that match can have these values of their own, by canonical address, whatever their profiles are.

        Raises: ConfigError naming the node when some device could get a merge that breaks a rule.
        """
        own = {Node(*address.partition("/")[::2]): escape(text) for address, text in values.items()}
        content = Stratum({node: Source(Layer.DEVICE, "", "", template) for node, template in own.items()}, {})
        breach = self._breach(Candidate(sought(match), content))
        if breach is not None:
            raise ConfigError(str(breach), key=breach.node)

    def _breaches(self, selection: Selection) -> tuple[Breach, ...]:
        return tuple(breaches(selection, self._rules, self._catalogue))

    def _breach(self, *more: Candidate) -> Breach | None:
        candidates = [Candidate(profile.match, profile.content) for profile in self.profiles]
        return breach_of_any_merge([*candidates, *more], self._rules, self._catalogue)

    def _check_merges(self) -> None:
        breach = self._breach()
        if breach is None:
            return
        files = {profile.name: profile.file for profile in self.profiles}
        source = breach.source
        line = source.place.rpartition(":")[2] if source else ""
        raise ConfigError(
            str(breach),
            file=files.get(source.profile) if source else None,
            line=int(line) if line.isdecimal() else None,
            key=breach.node,
        )

    def select(self, subscriber: Subscriber, device: Device) -> Selection:
        """What this device of this subscriber shall hold, their own values included.

        Subscribers and devices that give the profiles' matches the same answers share one Selection object.
        """
        answers, selection = self._looked(tuple([look(subscriber, device) for look in self._looks]))
        if not subscriber.overrides and not device.overrides:
            return selection
        encode = msgspec.msgpack.encode
        return self._overridden(answers, encode(subscriber.overrides), encode(device.overrides))

    def _look(self, looks: tuple[tuple[str, ...], ...]) -> tuple[tuple[frozenset[str], ...], Selection]:
        """What the profiles' matches are told by these looks, and what follows."""
        answers = tuple([asked.intersection(seen) for asked, seen in zip(self._asked.values(), looks, strict=True)])
        return answers, self._selected(answers)

    def _select(self, answers: tuple[frozenset[str], ...]) -> Selection:
        given = dict(zip(self._asked, answers, strict=True))
        applying = [
            profile
            for profile in self.profiles
            if not any(given[facet].isdisjoint(values) for facet, values in profile.match.items())
        ]
        owners = {mo: rule for profile in applying for mo, rule in profile.owners.items()}
        return merge({}, (profile.content for profile in applying), self._catalogue, owners)

    def _override(self, answers: tuple[frozenset[str], ...], subscriber: bytes, device: bytes) -> Selection:
        strata = (
            _own_values(Layer.SUBSCRIBER, _OVERRIDES.decode(subscriber)),
            _own_values(Layer.DEVICE, _OVERRIDES.decode(device)),
        )
        selected = self._selected(answers)
        return merge(selected.leaves, strata, self._catalogue, selected.owners)


def _said(profile: Profile) -> tuple[object, ...]:
    """All that a profile says, in one order, for whichever reason it says it."""
    return (
        profile.name,
        profile.layer.value,
        sorted((facet, sorted(values)) for facet, values in profile.match.items()),
        sorted((node.mo, node.path, source.template) for node, source in profile.content.values.items()),
        sorted((node.mo, node.path) for node in profile.content.unset),
        sorted((mo, rule.protocol) for mo, rule in profile.owners.items()),
    )


def load_profiles(directory: Path, catalogue: Catalogue, rules: Iterable[Rule] = ()) -> ProfileSet:
    """The profiles of every ``*.toml`` in the directory, which keep these rules as they come together.

    Raises: ConfigError naming file, line and node; two profiles of one name are an error too.
    """
    texts = {str(directory / name): text for name, text in read_profiles(directory).items()}
    return parse_profiles(texts, catalogue, rules)


def read_profiles(directory: Path) -> dict[str, str]:
    """The text of every ``*.toml`` in the directory, by the name of the file.

    Raises: ConfigError naming the file.
    """
    if not directory.is_dir():
        raise ConfigError("there is no such directory; it holds the profiles", file=directory)
    texts: dict[str, str] = {}
    for file in sorted(directory.glob("*.toml")):
        try:
            texts[file.name] = file.read_text(encoding="utf-8")
        except OSError as fault:
            raise ConfigError(f"cannot be read: {fault.strerror}", file=file) from None
        except UnicodeDecodeError:
            raise ConfigError("is not UTF-8 text", file=file) from None
    return texts


def parse_profiles(texts: Mapping[str, str], catalogue: Catalogue, rules: Iterable[Rule] = ()) -> ProfileSet:
    """The profiles that these texts, by file, state. Raises: as ``load_profiles`` does."""
    named: dict[str, Profile] = {}
    for file, source in texts.items():
        profile = parse_profile(source, file, catalogue)
        if profile.name in named:
            raise ConfigError(
                f"{profile.name!r} is already the profile in {named[profile.name].file}", file=file, key="name"
            )
        named[profile.name] = profile
    return ProfileSet(named.values(), catalogue, rules)


def parse_profile(source: str, file: str, catalogue: Catalogue) -> Profile:
    """The profile that this TOML text states; ``file`` is what messages and places call it.

    Raises: ConfigError naming file, line and node.
    """
    return _Reading(source, file, catalogue).profile()


def check_override(catalogue: Catalogue, address: str, text: str) -> tuple[str, str]:
    """The canonical text of a value for the node at ``MO/path``, and a warning, empty when there is no doubt.

    Braces mean nothing here: the text is the value.

    Raises: NotFound when there is no such node, ConfigError when it cannot have that value.
    """
    _, path, definition = catalogue.find(address)
    try:
        _check_instance_names(path, definition)
        return _literal(definition, text)
    except ValueError as fault:
        raise ConfigError(str(fault), key=address) from None


def check_match(match: Mapping[str, Iterable[str]]) -> None:
    """These facets can be matched. Raises: ConfigError naming those that cannot."""
    for facet in match:
        if facet not in FACETS and not facet.startswith(f"{ATTRIBUTES}."):
            known = (*FACETS, f"{ATTRIBUTES}.NAME")
            raise ConfigError(f"there is no such match; there are {', '.join(known)}{_near(facet, known)}", key=facet)


def sought(match: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """What a match asks for, in the letters in which devices answer."""
    return {
        name: frozenset(value.casefold() if name in ANY_CASE else value for value in values)
        for name, values in match.items()
    }


def look_at(name: str, known: Mapping[str, Facet] = FACETS) -> Facet:
    """What a match by that name looks at: a subscriber's attribute, or one of the ``known``."""
    group, _, attribute = name.partition(".")
    if group == ATTRIBUTES:
        return lambda subscriber, _: (subscriber.attributes.get(attribute, ""),)
    return known[name]


def _own_values(layer: Layer, overrides: Overrides) -> Stratum:
    values = {
        Node(mo, path): Source(layer, "", "", escape(text))
        for mo, paths in overrides.items()
        for path, text in paths.items()
    }
    return Stratum(values, {})


class _Reading:
    """The reading of one file: what all its errors need to name their place."""

    def __init__(self, source: str, file: str, catalogue: Catalogue) -> None:
        self._file = file
        self._catalogue = catalogue
        self._warnings: list[str] = []
        try:
            self._content: dict[str, Any] = tomllib.loads(source)
        except tomllib.TOMLDecodeError as fault:
            found = _TOML_LINE.search(str(fault))
            line = int(found[1]) if found else source.count("\n") + 1
            raise ConfigError(f"is not TOML: {fault}", file=file, line=line) from None
        self._lines = key_lines(source)

    def profile(self) -> Profile:
        for key in self._content:
            if key not in _KEYS:
                raise self._fault(f"a profile has no such key{_near(key, _KEYS)}", key)
        name = self._content.get("name")
        if not isinstance(name, str) or not name:
            raise self._fault("a profile needs a name, as text", "name")
        layer = self._layer()
        match = self._match()
        if layer is not Layer.OPERATOR and not match:
            raise self._fault(f"a {layer} profile needs [match], or it would apply to everybody", "layer")
        content = Stratum(self._values(name, layer), self._unset(name, layer))
        owners = self._owners(name, layer)
        return Profile(name, layer, self._file, match, content, tuple(self._warnings), owners)

    def _layer(self) -> Layer:
        layer = self._content.get("layer")
        if layer in _LAYERS:
            return Layer(layer)
        if layer in (Layer.SUBSCRIBER, Layer.DEVICE):
            raise self._fault(f"values of one {layer} are set with `mogate set`, not by a profile", "layer")
        raise self._fault(f"must be one of {', '.join(_LAYERS)}{_near(layer, _LAYERS)}", "layer")

    def _match(self) -> dict[str, frozenset[str]]:
        match: dict[str, frozenset[str]] = {}
        for facet in self._table("match"):
            if facet in FACETS:
                match[facet] = self._choices(facet)
            elif facet != ATTRIBUTES:
                known = (*FACETS, ATTRIBUTES)
                message = f"there is no such match; there are {', '.join(known)}{_near(facet, known)}"
                raise self._fault(message, "match", facet)
        for attribute in self._table("match", ATTRIBUTES):
            match[f"{ATTRIBUTES}.{attribute}"] = self._choices(ATTRIBUTES, attribute)
        return match

    def _choices(self, *facet: str) -> frozenset[str]:
        table = self._table("match", *facet[:-1])
        stated = table[facet[-1]]
        choices = stated if isinstance(stated, list) else [stated]
        if not choices or not all(isinstance(choice, str) and choice for choice in choices):
            raise self._fault("must be a text in quotes or a list of such texts", "match", *facet)
        lengths = _DIGITS.get(facet[0])
        for choice in choices:
            if lengths and not (choice.isascii() and choice.isdecimal() and len(choice) in lengths):
                raise self._fault(f"{choice!r} is not {' or '.join(map(str, lengths))} digits", "match", *facet)
        return frozenset(choice.casefold() if facet[0] in ANY_CASE else choice for choice in choices)

    def _values(self, profile: str, layer: Layer) -> dict[Node, Source]:
        values: dict[Node, Source] = {}
        for mo in self._table("mo"):
            for path, stated in self._table("mo", mo).items():
                line = line_of(self._lines, "mo", mo, path)
                address = f"{mo}/{path}"
                node, definition = self._find(address, line)
                if node in values:
                    raise self._node_fault(f"is already set at {values[node].place}", address, line)
                try:
                    template, warning = _template(definition, stated)
                except ValueError as fault:
                    raise self._node_fault(str(fault), address, line) from None
                clear = [name for name in slots(template) if name not in GIVEN and not is_secret(name)]
                if clear and is_secret(path):
                    warning = (
                        f"is a secret, and the attribute {clear[0]} is stored and shown in clear; "
                        f"one called {clear[0]}_secret is not"
                    )
                if warning:
                    self._warnings.append(str(self._node_fault(warning, address, line)))
                values[node] = Source(layer, profile, self._place(line), template)
        return values

    def _owners(self, profile: str, layer: Layer) -> dict[str, OwnerRule]:
        owners: dict[str, OwnerRule] = {}
        for name, protocol in self._table("owners").items():
            if protocol not in WORDS:
                message = f"must be one of {', '.join(WORDS)}{_near(protocol, WORDS)}"
                raise self._fault(message, "owners", name)
            try:
                mo = self._catalogue.get(name).key
            except NotFound as fault:
                raise self._fault(str(fault), "owners", name) from None
            place = self._place(line_of(self._lines, "owners", name))
            if mo in owners:
                raise self._fault(f"{mo} has its owner at {owners[mo].place} already", "owners", name)
            owners[mo] = OwnerRule(protocol, layer, profile, place)
        return owners

    def _unset(self, profile: str, layer: Layer) -> dict[Node, Source]:
        addresses = self._content.get("unset", [])
        if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
            raise self._fault('must be a list of nodes, such as ["ims/Timer_T1"]', "unset")
        line = line_of(self._lines, "unset")
        source = Source(layer, profile, self._place(line), None)
        return {self._find(address, line)[0]: source for address in addresses}

    def _find(self, address: str, line: int | None) -> tuple[Node, Definition]:
        try:
            mo, path, definition = self._catalogue.find(address)
            _check_instance_names(path, definition)
        except (NotFound, ValueError) as fault:
            raise self._node_fault(str(fault), address, line) from None
        return Node(mo.key, "/".join(path)), definition

    def _table(self, *keys: str) -> dict[str, Any]:
        table = self._content
        for key in keys:
            table = table.get(key, {})
            if not isinstance(table, dict):
                raise self._fault("must be a table", *keys)
        return table

    def _place(self, line: int | None) -> str:
        return f"{Path(self._file).name}:{line}"

    def _fault(self, message: str, *keys: str) -> ConfigError:
        return ConfigError(message, file=self._file, line=line_of(self._lines, *keys), key=".".join(keys))

    def _node_fault(self, message: str, address: str, line: int | None) -> ConfigError:
        return ConfigError(message, file=self._file, line=line, key=address)


def _template(definition: Definition, stated: object) -> tuple[str, str]:
    """The template that a TOML value gives such a node, and a warning or the empty text.

    Raises: ValueError when the node cannot have it.
    """
    text = _text(definition, stated)
    if not slots(text):
        literal, warning = _literal(definition, fill(text, {}))
        return escape(literal), warning
    _check_characters(text)
    if definition.format in _TEXT_FORMATS and definition.permitted == Permitted():
        return text, ""
    choices = CHOICES.get(text.strip("{}"), ()) if len(parse_template(text)) == 1 else ()
    if not choices:
        raise ValueError("may not have variables: only a node that takes any text may")
    return text, next(filter(None, [_literal(definition, choice)[1] for choice in choices]), "")


def _literal(definition: Definition, text: str) -> tuple[str, str]:
    """The canonical text of this value of such a node, and a warning or the empty text."""
    _check_characters(text)
    problem = check_value(definition, text)
    if problem and problem.severity is Severity.ERROR:
        raise ValueError(problem.message)
    return _canonical(definition, text), problem.message if problem else ""


def _canonical(definition: Definition, text: str) -> str:
    for fmt in definition.formats:
        try:
            return fmt.canonical(text)
        except ValueError:
            continue
    return text


def _text(definition: Definition, stated: object) -> str:
    """The text that stands for a TOML value, when that kind of value suits the node at all."""
    if isinstance(stated, dict | list):
        raise ValueError('must be one value; write the whole path as one key, such as "ConRefs/1/ConRef"')
    if definition.is_interior:
        raise ValueError("is an interior node and has no value; set the leaves below it")
    match stated:
        case str():
            return stated
        case bool() if Format.BOOL in definition.formats:
            return str(stated).lower()
        case int() if not isinstance(stated, bool):
            return str(stated)
        case float() if Format.FLOAT in definition.formats:
            return repr(stated)
        case datetime.datetime():
            pass
        case datetime.date() if Format.DATE in definition.formats:
            return stated.isoformat()
        case datetime.time() if Format.TIME in definition.formats:
            return stated.isoformat()
    raise ValueError(f"is of format {' or '.join(definition.formats)}, and {stated} is not; put other text in quotes")


def _check_characters(text: str) -> None:
    if _FORBIDDEN.search(text):
        raise ValueError(f"{text!r} has a character that no XML document can carry")


def _check_instance_names(path: Sequence[str], definition: Definition) -> None:
    for name in path:
        if name == UNNAMED:
            raise ValueError(f"{UNNAMED} stands for any name; give the node one, such as 1")
        if "{" in name or "}" in name:
            raise ValueError(f"{name!r} has a brace; variables are for values, and names do without")
        if name in (".", "..") or "?" in name or len(name) > MAX_NAME_LENGTH:
            raise ValueError(
                f"{name[:40]!r} is no name of a node: a name has at most {MAX_NAME_LENGTH} characters, no question "
                "mark, and is neither . nor .."
            )
        _check_characters(name)
    # In a provisioning document the leaf is a parm of that name, and clients take it for the document's version.
    if definition.is_dynamic and not definition.is_interior and path[-1].casefold() == "version":
        raise ValueError(f"no leaf may be called {path[-1]!r}; provisioning documents keep that name for themselves")


def _near(name: object, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(names), 1)
    return f"; did you mean {near[0]}?" if near else ""
