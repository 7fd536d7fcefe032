"""What may be asked of a device over the admin API."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.admin.models.operations import NewOperation

SET = {"verb": "Replace", "uri": "./A/B", "value": "x"}


@pytest.mark.parametrize(
    ("verb", "member", "says"),
    [
        ("Atomic", {"verb": "Get", "uri": "./A"}, "no Get can be in a group of kind Atomic"),
        ("Atomic", {"verb": "Exec", "uri": "./A"}, "no Exec can be in a group of kind Atomic"),
        ("Atomic", {"verb": "Atomic", "members": [SET]}, "no Atomic can be in a group of kind Atomic"),
        ("Sequence", {"verb": "Sequence", "members": [SET]}, "no Sequence can be in a group of kind Sequence"),
    ],
)
def test_what_no_group_holds_is_refused(verb: str, member: dict[str, Any], says: str) -> None:
    """A device would answer 500 or 406 and carry out nothing; the others may be in a group.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Atomic, Sequence)
    """
    with pytest.raises(ValidationError, match=says):
        NewOperation.model_validate({"verb": verb, "members": [SET, member]})
    grouped = NewOperation.model_validate({"verb": "Sequence", "members": [SET, {"verb": "Atomic", "members": [SET]}]})
    assert [one.verb for one in grouped.members] == ["Replace", "Atomic"]
