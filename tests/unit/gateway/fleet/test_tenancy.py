"""Ids that a tenant's callers choose."""

from __future__ import annotations

import re

import pydantic
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.models.base import Identifier
from gateway.fleet.tenancy import own_id, own_reference

taken = pydantic.TypeAdapter(Identifier).validate_python
ids = st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True)
marked = st.one_of(ids, st.builds(own_id, ids, st.text(min_size=1, max_size=60)))
tenants = st.one_of(ids, st.text(min_size=1, max_size=60))


@given(ids, ids, tenants, tenants)
def test_no_two_tenants_meet(one: str, other: str, left: str, right: str) -> None:
    """Ids of two tenants differ, and so do two ids of one."""
    same = (one, left) == (other, right)
    assert (own_id(one, left) == own_id(other, right)) is same


@given(marked, tenants, tenants)
def test_nobody_writes_anothers_mark(chosen: str, tenant: str, other: str) -> None:
    """Whatever a caller chooses that may be an id at all: what is kept is its own tenant's, as said or said again."""
    kept = own_id(chosen, tenant)
    assert own_id(kept, tenant) == kept
    assert (own_id(kept, other) == kept) is (tenant == other)


@given(ids, tenants)
def test_it_is_an_id(chosen: str, tenant: str) -> None:
    """It may stand wherever an id may, an export that is read in again among them; and it is nothing that was one."""
    kept = own_id(chosen, tenant)
    assert taken(kept) == kept
    assert not re.fullmatch("[A-Za-z0-9_-]{1,64}", kept)


def test_a_device_is_named_by_its_subscriber() -> None:
    """The number of a device stays where it is."""
    assert own_reference("s1.2", "bluebird") == "s1~bluebird.2"
    assert own_reference("s1~bluebird.2", "bluebird") == "s1~bluebird.2"
    assert own_reference("s1", "Blue Bird & Co").startswith("s1~")
