"""Profiles: what a file may say, to whom it applies, and who wins."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError, NotFound
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.profile import Profile, ProfileSet, check_override, load_profiles, parse_profile
from gateway.fleet.selection import Layer, Node, Selection, content_digest
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject, Permitted
from gateway.tree.format import Format

SUBSCRIBER = Subscriber(id="s", imsis=("001010123456789",), tenant="t", plan="gold", groups=("a", "b"))
DEVICE = Device(id="s.1", imei="001015000000015", manufacturer="Acme", model="A1Pro")
HEAD = 'name = "x"\nlayer = "operator"\n'


def layered(name: str, layer: str, body: str, match: str = 'plan = "gold"') -> str:
    return f'name = "{name}"\nlayer = "{layer}"\n{body}\n[match]\n{match}\n'


def timer(selection: Selection) -> str | None:
    leaf = selection.leaves.get("ims", {}).get("Timer_T1")
    return leaf.winner.template if leaf else None


@pytest.mark.parametrize(
    ("path", "stated", "template"),
    [
        ("Name", '"IMS"', "IMS"),
        ("Name", '"{impi}/{{x}}"', "{impi}/{{x}}"),
        ("Name", '"{{x}}"', "{{x}}"),
        ("Name", '""', ""),
        ("Name", "7", "7"),
        ("Timer_T1", "2_000", "2000"),
        ("Timer_T1", '"02000"', "2000"),
        ("Reg", "15", "15"),
        ("SMS", "true", "true"),
        ("SMS", "0", "false"),
        ("SMS", '"1"', "true"),
        ("Q", "0.50", "0.5"),
        ("Since", "2026-01-31", "2026-01-31"),
        ("At", "07:30:00", "07:30:00"),
        ("Key", '"AAE="', "AAE="),
        ("Either", '"x"', "x"),
        ("Servers/1/Type", '"FQDN"', "FQDN"),
    ],
)
def test_value(parse: Callable[[str], Profile], path: str, stated: str, template: str) -> None:
    """A TOML value becomes the canonical text of the node's format."""
    profile = parse(f'{HEAD}[mo.ims]\n"{path}" = {stated}\n')
    source = profile.content.values[Node("ims", path)]
    assert (source.template, source.place, source.profile) == (template, "test.toml:4", "x")


def test_mo_by_identifier(parse: Callable[[str], Profile]) -> None:
    """A table may name its MO by identifier; the MO's key is what counts."""
    profile = parse(f'{HEAD}[mo."urn:oma:mo:ext-3gpp-ims:1.0"]\nTimer_T1 = 1\n')
    assert list(profile.content.values) == [Node("ims", "Timer_T1")]


def test_provisional_node(parse: Callable[[str], Profile]) -> None:
    """A value that only a provisional definition does not permit is taken, with a warning that names the place."""
    profile = parse(f"{HEAD}[mo.ims]\nGuess = 99\n")
    assert profile.content.values[Node("ims", "Guess")].template == "99"
    (warning,) = profile.warnings
    assert warning.startswith("profiles/test.toml:4: ims/Guess: ")


@pytest.mark.parametrize(
    ("source", "line", "key", "says"),
    [
        ("name = ", 1, None, "not TOML"),
        ('layer = "operator"', None, "name", "needs a name"),
        ('name = ""\nlayer = "operator"', 1, "name", "needs a name"),
        ('name = "x"', None, "layer", "one of operator, tenant, model, plan, group"),
        ('name = "x"\nlayer = "modle"', 2, "layer", "did you mean model?"),
        ('name = "x"\nlayer = "subscriber"', 2, "layer", "mogate set"),
        ('name = "x"\nlayer = "plan"', 2, "layer", "needs [match]"),
        (f"{HEAD}moo = 1", 3, "moo", "did you mean mo?"),
        (f"{HEAD}mo = 1", 3, "mo", "must be a table"),
        (f"{HEAD}[mo]\nims = 1", 4, "mo.ims", "must be a table"),
        (f"{HEAD}match = 1", 3, "match", "must be a table"),
        (f'{HEAD}[match]\nmodle = "A1"', 4, "match.modle", "did you mean model?"),
        (f"{HEAD}[match]\nplan = []", 4, "match.plan", "list"),
        (f"{HEAD}[match]\ntac = 35123456", 4, "match.tac", "quotes"),
        (f'{HEAD}[match]\ntac = ["3512345"]', 4, "match.tac", "8 digits"),
        (f'{HEAD}[match]\nplmn = "0010"', 4, "match.plmn", "5 or 6 digits"),
        (f"{HEAD}[match.attributes]\nregion = 1", 4, "match.attributes.region", "quotes"),
        (f"{HEAD}[mo.ism]\nName = 1", 4, "ism/Name", "did you mean ims?"),
        (f"{HEAD}[mo.ims]\n\nTimer_T11 = 1", 5, "ims/Timer_T11", "did you mean Timer_T1"),
        (f'{HEAD}[mo.ims]\n"Servers/1" = "x"', 4, "ims/Servers/1", "interior node"),
        (f'{HEAD}[mo.ims]\n"Servers/<X>/Address" = "x"', 4, "ims/Servers/<X>/Address", "such as 1"),
        (f'{HEAD}[mo.ims]\n"Servers//Address" = "x"', 4, "ims/Servers//Address", "no node ''"),
        (f'{HEAD}[mo.ims]\nTimer_T1 = "soon"', 4, "ims/Timer_T1", "'soon' is not a whole number"),
        (f"{HEAD}[mo.ims]\nTimer_T1 = true", 4, "ims/Timer_T1", "format int"),
        (f"{HEAD}[mo.ims]\nTimer_T1 = 1.5", 4, "ims/Timer_T1", "format int"),
        (f"{HEAD}[mo.ims]\nName = 1.50", 4, "ims/Name", "quotes"),
        (f"{HEAD}[mo.ims]\nSince = 2026-01-31T00:00:00Z", 4, "ims/Since", "format date"),
        (f"{HEAD}[mo.ims]\nName = [1]", 4, "ims/Name", "one value"),
        (f"{HEAD}[mo.ims]\nServers.1.Address = 'x'", 4, "ims/Servers", "one value"),
        (f"{HEAD}[mo.ims]\nName.first = 'x'", 4, "ims/Name", "one value"),
        (f"{HEAD}[mo.ims]\nReg = 16", 4, "ims/Reg", "not permitted"),
        (f'{HEAD}[mo.ims]\nName = "\\u0007"', 4, "ims/Name", "character"),
        (f'{HEAD}[mo.ims]\nName = "{{imsi"', 4, "ims/Name", "lone '{'"),
        (f'{HEAD}[mo.ims]\nTimer_T1 = "{{t}}"', 4, "ims/Timer_T1", "variables"),
        (f'{HEAD}[mo.ims]\n"Servers/1/Type" = "{{t}}"', 4, "ims/Servers/1/Type", "variables"),
        (f"{HEAD}[mo.ims]\nSMS = 1\nSMS = 0", 5, None, "not TOML"),
        (
            f'{HEAD}[mo.ims]\nSMS = 1\n[mo."urn:oma:mo:ext-3gpp-ims:1.0"]\nSMS = 0',
            6,
            "urn:oma:mo:ext-3gpp-ims:1.0/SMS",
            "already set at test.toml:4",
        ),
        (f'{HEAD}unset = "ims/SMS"', 3, "unset", "list of nodes"),
        (f'{HEAD}unset = ["ims/SMSS"]', 3, "ims/SMSS", "did you mean SMS?"),
    ],
)
def test_refused(parse: Callable[[str], Profile], source: str, line: int | None, key: str | None, says: str) -> None:
    """A fault is named by file, line and key, with the mend."""
    with pytest.raises(ConfigError) as caught:
        parse(source)
    fault = caught.value
    assert (fault.file, fault.line, fault.key) == ("profiles/test.toml", line, key)
    assert says in fault.reason


def test_a_variable_of_few_values_may_fill_a_node_that_permits_them() -> None:
    """All of them, and the whole node: any other variable there could be anything."""
    types = Permitted(tuple((text, "") for text in ("BASIC", "DIGEST", "HMAC")))
    digest = Permitted((("DIGEST", ""),))
    leaves = tuple(
        Definition(name, (Format.CHR,), permitted=permitted) for name, permitted in (("Type", types), ("Other", digest))
    )
    root = Definition("", (Format.NODE,), children=leaves)
    catalogue = Catalogue([ManagementObject("account", "", root)])

    def stated(path: str, text: str) -> Profile:
        return parse_profile(f'{HEAD}[mo.account]\n{path} = "{text}"\n', "profiles/test.toml", catalogue)

    values = stated("Type", "{dm_client_auth}").content.values
    assert values[Node("account", "Type")].template == "{dm_client_auth}"
    for path, text in (("Other", "{dm_client_auth}"), ("Type", "{dm_client_auth}X"), ("Type", "{dm_client_name}")):
        with pytest.raises(ConfigError, match=r"DIGEST|variables"):
            stated(path, text)


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ("", True),
        ('tenant = "t"', True),
        ('tenant = ["other", "t"]', True),
        ('tenant = "other"', False),
        ('plan = "gold"\ntenant = "other"', False),
        ('plan = "gold"\ntenant = "t"', True),
        ('group = "b"', True),
        ('group = ["c", "d"]', False),
        ('manufacturer = "ACME"\nmodel = ["a1", "a1pro"]', True),
        ('model = "A1"', False),
        ('tac = "00101500"', True),
        ('tac = "00101501"', False),
        ('plmn = ["00102", "00101"]', True),
        ('plmn = "001010"', True),
        ('plmn = "00102"', False),
        ('attributes = { region = ["north", "south"] }', True),
        ('attributes = { region = "east" }', False),
        ('attributes = { colour = "red" }', False),
        ('attributes = { region = "north", colour = "red" }', False),
    ],
)
def test_match(profiles: Callable[..., ProfileSet], match: str, applies: bool) -> None:
    """A list means any of it, several keys mean all of them; makers and models in any case."""
    subscriber = Subscriber(
        id="s",
        imsis=SUBSCRIBER.imsis,
        tenant="t",
        plan="gold",
        groups=("a", "b"),
        attributes={"region": "north"},
    )
    selection = profiles(layered("x", "operator", "mo.ims.Timer_T1 = 1", match)).select(subscriber, DEVICE)
    assert (timer(selection) is not None) == applies


def test_the_network_is_that_of_the_sim_in_the_device(profiles: Callable[..., ProfileSet]) -> None:
    """Of a subscriber with SIMs of two networks, each device matches by the one that was proven to be in it."""
    subscriber = Subscriber(id="s", imsis=("001010000000001", "262010000000002"))
    chosen = profiles(layered("x", "operator", "mo.ims.Timer_T1 = 1", 'plmn = "26201"'))
    second = replace(DEVICE, rcc14=Rcc14State(imsi="262010000000002"))
    assert timer(chosen.select(subscriber, second)) is not None
    for other in (DEVICE, replace(DEVICE, rcc14=Rcc14State(imsi="001010000000001"))):
        assert timer(chosen.select(subscriber, other)) is None


def test_strength(profiles: Callable[..., ProfileSet]) -> None:
    """The later layer wins, and within a layer the later name, however the files are ordered; subscriber and device
    come last. The losers stand strongest first."""
    words = [
        ("z", "operator", 1),
        ("y", "tenant", 2),
        ("x", "model", 3),
        ("w", "plan", 4),
        ("a", "group", 5),
        ("b", "group", 6),
    ]
    sources = [layered(name, layer, f"mo.ims.Timer_T1 = {value}") for name, layer, value in words]
    own = {"overrides": {"ims": {"Timer_T1": "7"}}}
    subscriber = Subscriber(id="s", plan="gold", **own)
    device = Device(id="s.1", overrides={"ims": {"Timer_T1": "8"}})
    for ordered in (sources, sources[::-1]):
        leaf = profiles(*ordered).select(subscriber, device).leaves["ims"]["Timer_T1"]
        assert (leaf.winner.layer, leaf.winner.template) == (Layer.DEVICE, "8")
        assert [loser.template for loser in leaf.losers] == ["7", "6", "5", "4", "3", "2", "1"]
        assert [loser.layer for loser in leaf.losers] == ["subscriber", "group", *list(Layer)[4::-1]]


def test_unset(profiles: Callable[..., ProfileSet]) -> None:
    """``unset`` takes away what weaker layers set at or below a node, but neither its siblings nor what the same
    profile or a stronger layer sets."""
    below = profiles(
        HEAD + '[mo.ims]\n"Servers/1/Address" = "a"\n"Servers/2/Address" = "b"\nTimer_T1 = 1\nTimer_T2 = 2\n',
        layered("t", "tenant", 'unset = ["ims/Servers", "ims/Timer_T1"]\nmo.ims."Servers/1/Address" = "c"'),
        layered("g", "group", "mo.ims.Timer_T1 = 3"),
    )
    selection = below.select(SUBSCRIBER, DEVICE)
    assert selection.templates("ims") == {"Servers/1/Address": "c", "Timer_T1": "3", "Timer_T2": "2"}
    assert [source.template for source in selection.leaves["ims"]["Timer_T1"].losers] == [None, "1"]
    assert [source.template for source in selection.leaves["ims"]["Servers/1/Address"].losers] == ["a"]
    gone = selection.leaves["ims"]["Servers/2/Address"]
    assert (gone.winner.profile, gone.winner.place, gone.winner.template) == ("t", "1.toml:3", None)
    assert profiles(HEAD + 'unset = ["nas/Name"]').select(SUBSCRIBER, DEVICE).templates("nas") == {}


def test_unset_whole_mo(profiles: Callable[..., ProfileSet]) -> None:
    """A device that cannot bear an MO at all is spared it by naming its root."""
    both = profiles(HEAD + 'mo.ims.Name = "x"\nmo.nas.Name = "y"', layered("m", "model", 'unset = ["nas"]'))
    selection = both.select(SUBSCRIBER, DEVICE)
    assert (selection.templates("ims"), selection.templates("nas")) == ({"Name": "x"}, {})


def test_order(profiles: Callable[..., ProfileSet]) -> None:
    """Leaves stand in the order of the DDF, instances by number, whatever layer set them; nodes that the DDF does not
    have come last."""
    entries = "\n".join(f'"Servers/{n}/Address" = "s{n}"' for n in (10, 2))
    subscriber = Subscriber(
        id="s", overrides={"ims": {"Gone": "", "Servers/1/Type": "FQDN", "Name": ""}, "old": {"x": "1"}}
    )
    selection = profiles(f"{HEAD}[mo.ims]\nTimer_T1 = 1\n{entries}\n").select(subscriber, DEVICE)
    assert list(selection.templates("ims")) == [
        "Name",
        "Servers/1/Type",
        "Servers/2/Address",
        "Servers/10/Address",
        "Timer_T1",
        "Gone",
    ]
    assert selection.templates("old") == {"x": "1"}


def test_shared(profiles: Callable[..., ProfileSet]) -> None:
    """Devices that differ only in what no profile asks for share one Selection, own values or not."""
    both = profiles(HEAD + "mo.ims.Timer_T1 = 1", layered("m", "model", "mo.ims.Timer_T1 = 2", 'model = "A1Pro"'))
    selection = both.select(SUBSCRIBER, DEVICE)
    assert both.select(Subscriber(id="other", groups=("b",)), Device(id="other.1", model="a1pro")) is selection
    plain = both.select(SUBSCRIBER, Device(id="s.2", model="B7"))
    assert both.select(SUBSCRIBER, Device(id="s.3", model="C9")) is plain
    assert plain is not selection
    own = {"overrides": {"ims": {"Timer_T1": "3"}}}
    assert both.select(Subscriber(id="p", **own), DEVICE) is both.select(Subscriber(id="q", **own), DEVICE)


def test_digest(profiles: Callable[..., ProfileSet]) -> None:
    """The digest tells templates apart, and nothing else: not who set them, nor where."""
    one = profiles(HEAD + 'mo.ims.Timer_T1 = 1\nmo.ims.Name = "{imsi}"')
    same = profiles(HEAD + 'mo.ims.Name = "{imsi}"', layered("p", "plan", "mo.ims.Timer_T1 = 1"))
    other = profiles(HEAD + 'mo.ims.Timer_T1 = 1\nmo.ims.Name = "{imei}"')
    digests = [each.select(SUBSCRIBER, DEVICE).digest for each in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert one.select(SUBSCRIBER, DEVICE).variables == {"imsi"}


def test_content_digest() -> None:
    """The digest of texts sees MO, path and text, but neither their order nor an MO without any."""
    digest = content_digest({"a": {"x": "1", "y": "2"}, "b": {"x": "3"}})
    assert content_digest({"c": {}, "b": {"x": "3"}, "a": {"y": "2", "x": "1"}}) == digest
    for other in ({"a": {"x": "2", "y": "1"}, "b": {"x": "3"}}, {"a": {"x": "1", "y": "2"}, "b": {"y": "3"}}):
        assert content_digest(other) != digest


def test_override_text_is_literal(profiles: Callable[..., ProfileSet]) -> None:
    """Braces in a value set on a subscriber are no variables."""
    selection = profiles(HEAD).select(Subscriber(id="s", overrides={"ims": {"Name": "{imsi}"}}), DEVICE)
    assert selection.templates("ims") == {"Name": "{{imsi}}"}
    assert selection.variables == frozenset()


@pytest.mark.parametrize(
    ("address", "text", "canonical", "doubtful"),
    [
        ("ims/Timer_T1", "02000", "2000", False),
        ("urn:oma:mo:ext-3gpp-ims:1.0/SMS", "1", "true", False),
        ("ims/Name", "{x", "{x", False),
        ("ims/Guess", "99", "99", True),
    ],
)
def test_check_override(catalogue: Catalogue, address: str, text: str, canonical: str, doubtful: bool) -> None:
    """A value for one subscriber is checked as a profile's is, and canonical."""
    checked, warning = check_override(catalogue, address, text)
    assert (checked, bool(warning)) == (canonical, doubtful)


@pytest.mark.parametrize(
    ("address", "text", "error"),
    [
        ("ims/Timer_T11", "1", NotFound),
        ("ism/Timer_T1", "1", NotFound),
        ("ims/Timer_T1", "soon", ConfigError),
        ("ims/Reg", "99", ConfigError),
        ("ims/Servers/1", "x", ConfigError),
        ("ims/Servers/<X>/Address", "x", ConfigError),
        ("ims/Name", "\x00", ConfigError),
        ("ims/Name", "\ud800", ConfigError),
    ],
)
def test_check_override_refuses(catalogue: Catalogue, address: str, text: str, error: type[Exception]) -> None:
    """What a node cannot have is refused, and the message names the node."""
    with pytest.raises(error, match=address.split("/")[0]):
        check_override(catalogue, address, text)


def test_load_profiles(tmp_path: Path, catalogue: Catalogue) -> None:
    """All *.toml of the directory are read; a name taken twice names both files."""
    (tmp_path / "b.toml").write_text(HEAD)
    (tmp_path / "a.toml").write_text(layered("y", "plan", "mo.ims.Guess = 99"))
    (tmp_path / "notes.txt").write_text("not a profile")
    loaded = load_profiles(tmp_path, catalogue)
    assert [profile.name for profile in loaded.profiles] == ["x", "y"]
    assert len(loaded.warnings) == 1
    (tmp_path / "c.toml").write_text(HEAD)
    with pytest.raises(ConfigError, match=r"c\.toml.*b\.toml"):
        load_profiles(tmp_path, catalogue)


def test_load_profiles_refuses(tmp_path: Path, catalogue: Catalogue) -> None:
    """A directory that is not there and a file that is not text are named."""
    with pytest.raises(ConfigError, match="absent: there is no such directory"):
        load_profiles(tmp_path / "absent", catalogue)
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"a\.toml: is not UTF-8"):
        load_profiles(tmp_path, catalogue)


@pytest.mark.parametrize(
    ("stated", "told"), [("{office_key}", ["office_key_secret"]), ("{office_psk}", []), ("{imsi}", []), ("fixed", [])]
)
def test_a_secret_comes_from_an_attribute_that_is_known_as_one(stated: str, told: list[str]) -> None:
    """Of another the operator is told what to call it: it would lie in the store in clear."""
    shipped = Catalogue.load(Path(__file__).parents[4] / "config" / "mo", identifiers={})
    profile = parse_profile(f'{HEAD}[mo.ims]\n"Ext/GSMA/UserPwd" = "{stated}"\n', "x.toml", shipped)
    assert [warning.split()[-3] for warning in profile.warnings if "attribute" in warning] == told
