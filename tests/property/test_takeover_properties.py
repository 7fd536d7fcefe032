"""What the shipped profiles give a device is read back from its document, or it is said why it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.provisioning.check import differences
from adapters.provisioning.mapping import LAYOUTS, Layout, Mapping
from adapters.provisioning.takeover import read_document, take_templates, take_values
from adapters.provisioning.template import document
from adapters.rcc14.documents import Documents
from adapters.rcc14.messages import Request
from adapters.rcc14.session import Terms
from gateway.accounts import Accounts
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.profile import ProfileSet, load_profiles, parse_profile
from gateway.fleet.profile_format import format_profile
from gateway.fleet.selection import Layer
from gateway.fleet.subscriber import Subscriber
from gateway.ims_credentials import ImsCredentials
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Rcc14

CONFIG = Path(__file__).parents[2] / "config"
IDENTIFIERS = {name: f"example.net:mo:{name}:1.0" for name in ("rcs", "xcap", "mmtel")}
CATALOGUE = Catalogue.load(CONFIG / "mo", identifiers=IDENTIFIERS)
MAPPING = Mapping.load(CONFIG / "mapping", CATALOGUE)
SHIPPED = load_profiles(CONFIG / "profiles", CATALOGUE, ())
SEALER = Sealer(bytes(32))
DIFFERENCES = {(one.mo, one.layout, one.node): one.why for one in differences(MAPPING, CATALOGUE)}

subscribers = st.builds(
    Subscriber,
    id=st.just("ann"),
    imsis=st.just(("001010000000001",)),
    msisdn=st.just("+15550100001"),
    tenant=st.sampled_from(["", "bluebird"]),
    plan=st.sampled_from(["", "basic", "premium"]),
    groups=st.sampled_from([(), ("staff-pilot",)]),
)
devices = st.builds(
    Device,
    id=st.just("ann.1"),
    manufacturer=st.just("Acme"),
    model=st.sampled_from(["A1", "B7"]),
    rcc14=st.sampled_from([None, Rcc14State(additional=True, ims_serial=1)]),
)


def documents_of(profiles: ProfileSet) -> tuple[Service, Documents]:
    service = Service(CATALOGUE, profiles, plmns=["00101"], roots={})
    accounts = Accounts(SEALER, server_id="mogate", life_seconds=1000)
    terms = Terms(86400, 0, 1000)
    return service, Documents(MAPPING, service, accounts, ImsCredentials(SEALER), settings=Rcc14(), terms=terms)


def request(layout: Layout) -> Request:
    """What asks for every application there is in that layout."""
    about = {"rcs_profile": "UP_2.4", "provisioning_version": "5.0"} if layout == "B" else {}
    asked = Request(apps=tuple(sorted(MAPPING.applications(layout))), about=about)
    assert asked.layout == layout
    return asked


def template_of(mo: str, path: str) -> str:
    """The path with list entries as the DDF writes them."""
    node, names = CATALOGUE.get(mo).root, []
    for name in path.split("/"):
        child = node.child(name)
        assert child is not None
        names.append("<X>" if child.is_dynamic else name)
        node = child
    return "/".join(names)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(subscriber=subscribers, device=devices)
def test_every_value_comes_back_or_is_explained(layout: Layout, subscriber: Subscriber, device: Device) -> None:
    """For any plan, tenant, group, model and role: what a document does not have, `mapping check` explains."""
    service, documents = documents_of(SHIPPED)
    content = documents.content(subscriber, device, request(layout))
    taken = take_values(read_document(document(content)), MAPPING, CATALOGUE)
    assert taken.left == ()
    variables = service.variables(subscriber, device)
    credential = ImsCredentials(SEALER).credential(device, variables)
    given_out = {name: dict(paths) for name, paths in service.configuration(subscriber, device).values.items()}
    if credential is not None:
        given_out["ims"] |= {
            "Private_user_identity": credential.username,
            "Ext/GSMA/Realm": credential.realm,
            "Ext/GSMA/UserName": credential.username,
            "Ext/GSMA/UserPwd": credential.password,
        }
    for mo, paths in given_out.items():
        if MAPPING.rules(mo, layout) is None:
            assert mo not in taken.texts
            continue
        for path, text in paths.items():
            if MAPPING.carries(mo, layout, path):
                assert taken.texts[mo].pop(path) == text, (mo, path)
            elif path != "AppID":
                assert DIFFERENCES[mo, layout, template_of(mo, path)], (mo, path)
    assert not any(taken.texts.values())


@pytest.mark.parametrize("layout", LAYOUTS)
@given(subscriber=subscribers, device=devices.filter(lambda device: device.role == "primary"))
def test_a_profile_made_of_a_document_gives_that_document(
    layout: Layout, subscriber: Subscriber, device: Device
) -> None:
    """A gateway with nothing but the profile made of a document hands out the same octets, to that subscriber and with
    their own identities to another."""
    service, documents = documents_of(SHIPPED)
    content = documents.content(subscriber, device, request(layout))
    variables = service.variables(subscriber, device)
    taken = take_templates(read_document(document(content)), MAPPING, CATALOGUE, variables)
    assert taken.left == ()
    profile = parse_profile(format_profile("taken", Layer.OPERATOR, {}, taken.texts, CATALOGUE), "taken", CATALOGUE)
    _, again = documents_of(ProfileSet([profile], CATALOGUE))
    assert again.content(subscriber, device, request(layout)) == content
    other = Subscriber(id="bob", imsis=("001010000000002",), msisdn="+15550100002")
    assert b"001010000000001" not in again.content(other, device, request(layout))
