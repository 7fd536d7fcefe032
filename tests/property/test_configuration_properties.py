"""What holds of every merge of layers, whatever they say."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.fleet.configuration import configuration, configuration_key, explain
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.selection import Layer
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import escape, fill, slots
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject
from gateway.tree.format import Format

INSTANCE = Definition("", (Format.NODE,), children=tuple(Definition(name, (Format.CHR,)) for name in "ab"))
ROOT = Definition(
    "",
    (Format.NODE,),
    children=(
        *(Definition(name, (Format.CHR,)) for name in "xyz"),
        Definition("List", (Format.NODE,), children=(INSTANCE,)),
    ),
)
CATALOGUE = Catalogue([ManagementObject(key, "", ROOT) for key in ("one", "two")])
LEAVES = [f"{mo}/{path}" for mo in ("one", "two") for path in ("x", "y", "z", "List/1/a", "List/1/b", "List/2/a")]
UNSETTABLE = [*LEAVES, "one/List", "two/List/1", "two"]
VARIABLES = {"imsi": "1", "imei": "{2}"}
TEMPLATES = ["", "plain", "{imsi}", "{absent}", "{{}}", "a{imei}b{imsi}"]
SUBSCRIBER = Subscriber(id="s", plan="p")
DEVICE = Device(id="s.1")


class Said(NamedTuple):
    """What one profile says: values by address, and addresses to take away."""

    layer: Layer
    values: Mapping[str, str]
    unset: tuple[str, ...]

    def toml(self, name: str) -> str:
        """The profile as a file says it, its leaves in the order of the mapping."""
        lines = [f'name = "{name}"', f'layer = "{self.layer}"', f"unset = {list(self.unset)}", '[match]\nplan = "p"']
        for mo in ("one", "two"):
            lines.append(f"[mo.{mo}]")
            lines += [
                f'"{address.partition("/")[2]}" = "{template}"'
                for address, template in self.values.items()
                if address.startswith(f"{mo}/")
            ]
        return "\n".join(lines)


said = st.builds(
    Said,
    st.sampled_from(list(Layer)[:5]),
    st.dictionaries(st.sampled_from(LEAVES), st.sampled_from(TEMPLATES)),
    st.lists(st.sampled_from(UNSETTABLE), unique=True, max_size=2).map(tuple),
)
overrides = st.dictionaries(
    st.sampled_from(["one", "two", "unknown"]),
    st.dictionaries(st.sampled_from(["x", "List/1/a", "List/3/b", "gone/here"]), st.text(max_size=4)),
    max_size=2,
)


def profile_set(profiles: list[Said]) -> ProfileSet:
    parsed = [
        parse_profile(profile.toml(f"p{number}"), f"{number}.toml", CATALOGUE)
        for number, profile in enumerate(profiles)
    ]
    return ProfileSet(parsed, CATALOGUE)


def texts(profiles: ProfileSet, subscriber: Subscriber = SUBSCRIBER) -> dict[str, str]:
    selection = profiles.select(subscriber, DEVICE)
    return {f"{mo}/{path}": text for mo in selection.leaves for path, text in selection.templates(mo).items()}


@given(st.lists(said, max_size=5))
def test_model(profiles: list[Said]) -> None:
    """A merge is each profile in turn, weakest first: take away what it unsets, then set what it sets."""
    expected: dict[str, str] = {}
    strength = list(Layer)
    for _, profile in sorted(enumerate(profiles), key=lambda item: (strength.index(item[1].layer), f"p{item[0]}")):
        expected = {
            address: template
            for address, template in expected.items()
            if not any(f"{address}/".startswith(f"{gone}/") for gone in profile.unset)
        }
        expected |= profile.values
    assert texts(profile_set(profiles)) == expected


@given(st.lists(said, max_size=4), st.randoms(use_true_random=False))
def test_order_does_not_matter(profiles: list[Said], random: object) -> None:
    """Neither the order of the files nor that of the leaves in a file changes the result, its order or its digest."""
    shuffled = []
    for profile in profiles:
        items = list(profile.values.items())
        random.shuffle(items)
        shuffled.append(profile._replace(values=dict(items), unset=profile.unset[::-1]))
    one = profile_set(profiles).select(SUBSCRIBER, DEVICE)
    named = [(f"p{number}", profile) for number, profile in enumerate(shuffled)]
    random.shuffle(named)
    other = ProfileSet(
        [parse_profile(profile.toml(name), "x.toml", CATALOGUE) for name, profile in named], CATALOGUE
    ).select(SUBSCRIBER, DEVICE)
    assert one.digest == other.digest
    assert [(mo, list(one.templates(mo).items())) for mo in one.leaves] == [
        (mo, list(other.templates(mo).items())) for mo in other.leaves
    ]


@given(st.lists(said, max_size=4), said)
def test_stronger_layer_touches_only_its_own(profiles: list[Said], more: Said) -> None:
    """A further, strongest profile changes the leaves that it sets or unsets, and no other."""
    weaker = [profile._replace(layer=Layer.PLAN) for profile in profiles]
    before = texts(profile_set(weaker))
    after = texts(profile_set([*weaker, more._replace(layer=Layer.GROUP)]))
    untouched = [
        address
        for address in LEAVES
        if address not in more.values and not any(f"{address}/".startswith(f"{gone}/") for gone in more.unset)
    ]
    assert {a: before.get(a) for a in untouched} == {a: after.get(a) for a in untouched}
    assert {a: after.get(a) for a in more.values} == more.values


@given(st.lists(said, max_size=4), overrides, overrides)
def test_explanation_is_the_configuration(profiles: list[Said], own: dict, of_device: dict) -> None:
    """Explanation and configuration say the same of every leaf: its value, or what it lacks."""
    subscriber = Subscriber(id="s", plan="p", overrides=own)
    selection = profile_set(profiles).select(subscriber, Device(id="s.1", overrides=of_device))
    made = configuration(selection, VARIABLES)
    leaves = explain(selection, VARIABLES)
    assert [(leaf.mo, leaf.path, leaf.value) for leaf in leaves if leaf.value is not None] == [
        (mo, path, text) for mo, paths in made.values.items() for path, text in paths.items()
    ]
    assert [(leaf.mo, leaf.path, leaf.missing) for leaf in leaves if leaf.missing] == [
        (*omission.node, omission.missing) for omission in made.omitted
    ]
    for leaf in leaves:
        words = [leaf.winner, *leaf.losers]
        assert words == sorted(words, key=lambda word: list(Layer).index(word.layer), reverse=True)
    for mo, paths in {**own, **of_device}.items():
        for path, text in paths.items():
            assert made.values[mo][path] == (of_device.get(mo, {}).get(path, text))


@given(st.lists(said, max_size=3), st.lists(said, max_size=3))
def test_digest_is_the_content(profiles: list[Said], others: list[Said]) -> None:
    """Two selections have one digest when, and only when, they have the same templates."""
    one, other = profile_set(profiles), profile_set(others)
    same = one.select(SUBSCRIBER, DEVICE).digest == other.select(SUBSCRIBER, DEVICE).digest
    assert same == (texts(one) == texts(other))


@given(st.lists(said, max_size=3), st.integers(1, 5), st.integers(1, 5))
def test_key_follows_revisions(profiles: list[Said], one: int, other: int) -> None:
    """Two revisions of a subscriber or a device never share a key."""
    assume(one != other)
    selection = profile_set(profiles).select(SUBSCRIBER, DEVICE)
    keys = {
        configuration_key(Subscriber(id="s", content_revision=a), Device(id="s.1", content_revision=b), selection)
        for a in (one, other)
        for b in (one, other)
    }
    assert len(keys) == 4


@given(st.text(max_size=20))
def test_escape(text: str) -> None:
    """An escaped text has no variables and fills to itself."""
    assert slots(escape(text)) == ()
    assert fill(escape(text), {}) == text


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.device import Device
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject
from gateway.tree.format import Format
root = Definition("", (Format.NODE,), children=tuple(Definition(name, (Format.CHR,)) for name in "xyz"))
catalogue = Catalogue([ManagementObject("one", "", root)])
source = {source!r}
selection = ProfileSet([parse_profile(source, "0.toml", catalogue)], catalogue).select(
    Subscriber(id="s", plan="p", overrides={{"one": {{"z": "3", "y": "2"}}}}), Device(id="s.1")
)
print(selection.digest)
"""


def test_same_digest_in_every_process() -> None:
    """The digest does not depend on how a process hashes its strings."""
    source = Said(Layer.PLAN, {"one/x": "{imsi}", "one/y": "1"}, ()).toml("p")
    program = PROGRAM.format(path=sys.path, source=source)
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(digests) == 1
