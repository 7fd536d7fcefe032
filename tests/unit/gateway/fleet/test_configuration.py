"""The configuration of one device, its key, and why it is so; and that of the demo operator."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.fleet.configuration import configuration, configuration_key, explain
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet, load_profiles
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of
from gateway.mo.catalogue import Catalogue, check_value
from gateway.settings import load_settings

PROFILE = """
name = "base"
layer = "operator"
unset = ["nas/Name"]
[mo.ims]
Name = "{impi} {{x}} {region}"
"Servers/1/Address" = "{home_domain}"
Timer_T1 = 2000
"""
PLAN = """
name = "gold"
layer = "plan"
unset = ["ims/Timer_T1"]
[match]
plan = "gold"
[mo.ims]
"Servers/1/Address" = "gold.example.net"
"""
SUBSCRIBER = Subscriber(id="s", plan="gold", overrides={"nas": {"Name": "{own}"}})
DEVICE = Device(id="s.1")


def test_values(profiles: Callable[..., ProfileSet]) -> None:
    """Variables are filled in; a leaf that lacks one is left out and reported, never half filled."""
    selection = profiles(PROFILE).select(SUBSCRIBER, DEVICE)
    full = configuration(selection, {"impi": "i@d", "region": "north", "home_domain": "d"})
    assert full.values == {
        "ims": {"Name": "i@d {x} north", "Servers/1/Address": "d", "Timer_T1": "2000"},
        "nas": {"Name": "{own}"},
    }
    assert full.omitted == ()
    partial = configuration(selection, {"region": "north"})
    assert partial.values["ims"] == {"Timer_T1": "2000"}
    assert [(str(omission.node), omission.missing) for omission in partial.omitted] == [
        ("ims/Name", ("impi",)),
        ("ims/Servers/1/Address", ("home_domain",)),
    ]


def test_mo_without_leaves(profiles: Callable[..., ProfileSet]) -> None:
    """An MO all of whose leaves are left out is not in the configuration at all."""
    selection = profiles('name = "x"\nlayer = "operator"\nmo.nas.Name = "{imsi}"').select(Subscriber(id="s"), DEVICE)
    assert configuration(selection, {}).values == {}


def test_key(profiles: Callable[..., ProfileSet]) -> None:
    """The key changes with the templates and with either record's content, and with nothing else."""
    both = profiles(PROFILE, PLAN)

    def key(subscriber: Subscriber, device: Device) -> str:
        return configuration_key(subscriber, device, both.select(subscriber, device))

    changed = [
        (replace(SUBSCRIBER, plan="silver"), DEVICE),
        (replace(SUBSCRIBER, content_revision=2), DEVICE),
        (SUBSCRIBER, replace(DEVICE, content_revision=2)),
        (SUBSCRIBER, replace(DEVICE, overrides={"ims": {"Timer_T1": "1"}})),
    ]
    keys = {key(*records) for records in [(SUBSCRIBER, DEVICE), *changed]}
    assert len(keys) == 1 + len(changed)
    assert key(replace(SUBSCRIBER, revision=9, state=0), replace(DEVICE, revision=9, software="2")) in keys


def test_explain(profiles: Callable[..., ProfileSet]) -> None:
    """Each leaf names the layer, profile and place that won and those that lost; a leaf without value says why."""
    selection = profiles(PROFILE, PLAN).select(SUBSCRIBER, DEVICE)
    leaves = {f"{leaf.mo}/{leaf.path}": leaf for leaf in explain(selection, {"home_domain": "d"})}
    assert list(leaves) == ["ims/Name", "ims/Servers/1/Address", "ims/Timer_T1", "nas/Name"]
    address = leaves["ims/Servers/1/Address"]
    assert (address.value, address.missing) == ("gold.example.net", ())
    assert address.winner == ("plan", "gold", "1.toml:8", "gold.example.net")
    assert address.losers == (("operator", "base", "0.toml:7", "{home_domain}"),)
    name = leaves["ims/Name"]
    assert (name.value, name.missing) == (None, ("impi", "region"))
    gone = leaves["ims/Timer_T1"]
    assert (gone.value, gone.missing, gone.winner) == (None, (), ("plan", "gold", "1.toml:4", None))
    own = leaves["nas/Name"]
    assert (own.value, own.winner) == ("{own}", ("subscriber", "", "", "{{own}}"))


@pytest.mark.parametrize(
    ("node", "paths"),
    [
        ("ims", ["Name", "Servers/1/Address", "Timer_T1"]),
        ("ims/Servers", ["Servers/1/Address"]),
        ("ims/Servers/1/Address", ["Servers/1/Address"]),
        ("ims/Serv", []),
        ("im", []),
    ],
)
def test_explain_subtree(profiles: Callable[..., ProfileSet], node: str, paths: list[str]) -> None:
    """Only the node that is asked for and what is below it."""
    selection = profiles(PROFILE).select(SUBSCRIBER, DEVICE)
    assert [leaf.path for leaf in explain(selection, {}, node)] == paths


TENANTS, PLANS, GROUPS, MODELS = ("", "bluebird"), ("premium", "basic", ""), ((), ("staff-pilot",)), ("A1Pro", "Other")


@pytest.fixture(scope="module")
def shipped() -> tuple[Catalogue, ProfileSet]:
    """The shipped DDFs and the demo operator's profiles."""
    settings = load_settings(Path(__file__).parents[4] / "config/gateway.toml")
    catalogue = Catalogue.load(settings.mo, identifiers=settings.catalogue.identifiers)
    return catalogue, load_profiles(settings.profiles, catalogue)


def test_demo_profiles_are_sound(shipped: tuple[Catalogue, ProfileSet]) -> None:
    """The demo operator's profiles load without error or doubt, and each of them applies to somebody."""
    _, profiles = shipped
    assert profiles.warnings == ()
    assert {profile.layer for profile in profiles.profiles} == {"operator", "tenant", "model", "plan", "group"}


@pytest.mark.parametrize(("tenant", "plan", "groups", "model"), [*product(TENANTS, PLANS, GROUPS, MODELS)])
def test_demo_configurations(
    shipped: tuple[Catalogue, ProfileSet], tenant: str, plan: str, groups: tuple[str, ...], model: str
) -> None:
    """Whatever the plan, tenant, group and model, nothing is left out, every value suits its node, and the RCS settings
    agree with each other (RCC.07 Annex A): a group chat has its factory and size, file transfer its server, chatbots
    need chat, and To-AppRef names the IMS settings of the same configuration."""
    catalogue, profiles = shipped
    subscriber = Subscriber(
        id="s", imsis=("001010123456789",), msisdn="+15550100123", tenant=tenant, plan=plan, groups=groups
    )
    device = Device(id="s.1", manufacturer="Acme", model=model)
    made = configuration(profiles.select(subscriber, device), variables_of(subscriber, device, ["00101"]))
    assert made.omitted == ()
    assert set(made.values) == {"ims", "rcs", "mmtel", "xcap", "nas-config", "andsf", "connmo-nap"}
    for mo, texts in made.values.items():
        for path, text in texts.items():
            assert check_value(catalogue.find(f"{mo}/{path}")[2], text) is None, path
    ims, rcs = made.values["ims"], made.values["rcs"]
    assert rcs["To-AppRef"] == ims["Ext/GSMA/AppRef"]
    assert "UP_2.4" in rcs["SERVICES/SupportedRCSProfileVersions"].split(",")
    assert rcs["SERVICES/ChatAuth"] == "true" or not any(path.startswith("MESSAGING/Chatbot/") for path in rcs)
    if rcs["SERVICES/GroupChatAuth"] == "true":
        assert rcs["MESSAGING/Chat/conf-fcty-uri"].startswith("sip:")
        assert int(rcs["MESSAGING/Chat/max_adhoc_group_size"]) >= 3
    assert rcs["SERVICES/ftAuth"] == "false" or rcs["MESSAGING/FileTransfer/ftHTTPCSURI"].startswith("https://")
    assert int(rcs["MESSAGING/FileTransfer/ftWarnSize"]) <= int(rcs["MESSAGING/FileTransfer/MaxSizeFileTr"])
    assert int(rcs["MESSAGING/StandaloneMsg/SwitchoverSize"]) <= int(rcs["MESSAGING/StandaloneMsg/MaxSize"])


def test_demo_layers(shipped: tuple[Catalogue, ProfileSet]) -> None:
    """The demo shows each kind of layer at work."""
    _, profiles = shipped

    def values(device: Device = DEVICE, **of_subscriber: object) -> dict[str, str]:
        selection = profiles.select(Subscriber(id="s", **of_subscriber), device)
        return {f"{mo}/{path}": text for mo in selection.leaves for path, text in selection.templates(mo).items()}

    acme = Device(id="s.1", manufacturer="ACME", model="A1")
    assert values()["ims/Timer_T1"] == "2000"
    assert values(acme)["ims/Timer_T1"] == "4000"
    assert "ims/Timer_Emerg-reg" in values()
    assert "ims/Timer_Emerg-reg" not in values(acme)
    assert values(groups=("staff-pilot",))["ims/SMS_Over_IP_Networks_Indication"] == "true"
    assert values(plan="premium")["rcs/SERVICES/IR94VideoAuth"] == "true"
    assert values(plan="basic")["rcs/SERVICES/GroupChatAuth"] == "false"
    servers = {text for node, text in values(tenant="bluebird").items() if node.startswith("ims/LBO_P-CSCF_Address/")}
    assert servers == {"pcscf.bluebird.example.net", "FQDN"}
