"""Backups that are made over the API, and what it tells of secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_gateway import Gateway, serving

PASSWORD = "a-password-that-nobody-is-shown"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that may write backups, with a password that it does not use."""
    folder = tmp_path_factory.mktemp("gateway")
    backups = str(folder / "backups")
    with serving(folder, MOGATE_ADMIN__BACKUPS=backups, MOGATE_SMS__HTTP__PASSWORD=PASSWORD) as one:
        yield one


def test_a_backup_that_was_made_over_the_api_is_restored(gateway: Gateway) -> None:
    """Its file is whole, for its owner alone, and the audit log has who made it. The command has it back elsewhere."""
    made = gateway.api("POST", "/backups")
    assert gateway.api("GET", "/backups") == [made]
    file = gateway.folder / "backups" / made["id"]
    assert (str(file), file.stat().st_mode & 0o777) == (made["file"], 0o600)
    (entry,) = gateway.api("GET", f"/audit?action=make_backup&subject={made['id']}")
    assert (entry["who"], entry["status"]) == ("admin.token", 201)
    done = gateway.done("restore", made["file"], MOGATE_DATA=str(gateway.folder / "elsewhere"))
    assert "restored of" in done.stdout, done.stderr
    assert (gateway.folder / "elsewhere" / "seal.key").read_bytes() == (gateway.folder / "data/seal.key").read_bytes()


def test_not_everybody_makes_one(gateway: Gateway) -> None:
    """The NOC sees which there are; only administrators make one."""
    noc = gateway.api("POST", "/tokens", {"name": "noc", "role": "noc"})["permissions"]
    assert ("backups:read" in noc, "backups:write" in noc) == (True, False)


def test_secrets_are_told_of_and_not_told(gateway: Gateway) -> None:
    """Where each was said, whether it is set, when its file was written and how it is changed; and never what it is."""
    found = gateway.api("GET", "/settings/secrets")
    assert PASSWORD not in str(found)
    by_key = {one["key"]: one for one in found}
    password, key = by_key["sms.http.password"], by_key["seal_key"]
    assert (password["is_set"], password["origin"]) == (True, "environment MOGATE_SMS__HTTP__PASSWORD")
    assert (key["is_set"], key["problem"], key["file"]) == (True, "", str(gateway.folder / "data" / "seal.key"))
    assert key["changed_at"]
    assert not by_key["store.password"]["is_set"]
    assert "mogate reload" in next(one for name, one in by_key.items() if name.startswith("listeners."))["rotate"]
