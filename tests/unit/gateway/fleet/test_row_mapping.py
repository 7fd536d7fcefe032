"""Rows of another server's export, and what a mapping makes of them."""

from __future__ import annotations

import re

import pytest

from gateway.errors import ConfigError
from gateway.fleet.row_mapping import TRANSFORMATIONS, flat, map_row, parse_mapping


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        ("lower", "MD5", "md5"),
        ("upper", "md5", "MD5"),
        ("digits", "IMEI:49-015420-323751-8", "490154203237518"),
        ("international", "0049 (155) 501-00001", "+4915550100001"),
        ("international", "+4915550100001", "+4915550100001"),
        # printf nonce | base64; printf nonce | xxd -p
        ("hex-to-base64", "6e6f6e6365", "bm9uY2U="),
        ("text-to-base64", "nonce", "bm9uY2U="),
        ("base64-to-text", "bm9uY2U", "nonce"),
        ("pad-base64", "bm9uY2U", "bm9uY2U="),
        # date -u -d @1798761600
        ("seconds-to-time", "1798761600", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_transformations(name: str, text: str, made: str) -> None:
    """Each makes of a value what its name says."""
    assert TRANSFORMATIONS[name](text) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "needs a table"),
        ("[devices", "no mapping of rows"),
        ('[devices]\nloc = "A"', "devices.loc: there is no such field"),
        ('[devices]\nimei = {column = "A", with = ["rot13"]}', "devices.imei.with: 'rot13' is none of"),
        ("[devices]\nimei = {}", "devices.imei: comes from a column or from a text"),
        ('[devices]\nimei = {column = "A", text = "B"}', "say one of them"),
        ('[devices]\nimei = {column = "A", split = ","}', "only imsis and groups"),
        ('[devices]\nimei = {colum = "A"}', "devices.imei: "),
        ('delimiter = "ab"\n[devices]\nimei = "A"', "delimiter: is one character"),
    ],
)
def test_a_mapping_that_is_none_is_refused(text: str, why: str) -> None:
    """With the key, and what there is in its place."""
    with pytest.raises(ConfigError, match=re.escape(why)):
        parse_mapping(text, "map.toml")


def test_a_row_is_made_field_by_field() -> None:
    """Columns, texts of several, values by table, lists, attributes and defaults; what is empty is left out."""
    (table,) = parse_mapping(
        """
        [subscribers]
        when = {column = "STATE", is = ["on"]}
        id = {text = "{NET}-{NO}", with = ["lower"]}
        imsis = {column = "SIMS", split = ","}
        plan = {column = "TIER", values = {g = "gold"}, default = "basic"}
        msisdn = {column = "TEL", with = ["international"]}
        "attribute.area" = "AREA"
        """,
        "map.toml",
    ).tables
    row = {"STATE": "on", "NET": "A", "NO": "7", "SIMS": "001, 002", "TIER": "x", "TEL": "", "AREA": " north "}
    made = map_row(table, row)
    assert made == {"id": "a-7", "imsis": ["001", "002"], "plan": "basic", "attributes": {"area": "north"}}
    assert map_row(table, row | {"STATE": "off"}) is None


def test_what_is_wrong_with_a_row_names_the_field_and_not_the_value() -> None:
    """For the value may be a secret."""
    text = '[devices]\nclient_digest = {column = "D", with = ["hex-to-base64"], required = true}\nauth = {column = "A", values = {1 = "md5"}}'  # noqa: E501
    (table,) = parse_mapping(text, "map.toml").tables
    for row, why in (
        ({"D": "s3cret!", "A": "1"}, "client_digest: is not hexadecimal"),
        ({"D": "", "A": "1"}, "client_digest: is empty"),
        ({"D": "00", "A": "s3cret!"}, "auth: has a value that the mapping does not know"),
        ({"D": "0" * 5000, "A": "1"}, "client_digest: is longer than"),
    ):
        with pytest.raises(ConfigError, match=re.escape(why)) as refused:
            map_row(table, row)
        assert "s3cret" not in str(refused.value)


def test_an_object_is_a_row() -> None:
    """What is inside is named with dots, several values have blanks between."""
    value = {"a": {"b": 1, "c": None}, "d": ["x", "y"], "e": True}
    assert flat(value) == {"a.b": "1", "a.c": "", "d": "x y", "e": "true"}
