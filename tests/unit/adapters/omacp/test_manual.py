"""Instructions for somebody who types settings in: which words, in which order, and what is not typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.omacp.manual import ManualWords
from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError
from gateway.fleet.instructions import Entry, Part

CONFIG = Path(__file__).parents[4] / "config"
WORDS = """
[[part]]
characteristic = "APPLICATION"
with = { APPID = "w4" }
title = "MMS"
where = "Messages"
fields = { ADDR = "MMSC" }
where_on = { "Acme A1" = "Menu, Messages" }

[[part]]
characteristic = "NAPDEF"
title = "Zugangspunkt"
fields = { NAP-ADDRESS = "APN", "NAPAUTHINFO/AUTHTYPE" = "Anmeldung" }
values = { CHAP = "sicher" }
"""
APPLICATIONS = [
    Characteristic("APPLICATION", (Parm("APPID", one), Parm("ADDR", f"https://{one}")), ()) for one in ("w4", "w7")
]
ACCESS = Characteristic(
    "NAPDEF",
    (Parm("NAPID", "n1"), Parm("NAP-ADDRESS", "apn.example")),
    (Characteristic("NAPAUTHINFO", (Parm("AUTHTYPE", "CHAP"), Parm("AUTHSECRET", "")), ()),),
)
DOCUMENT = Characteristic("wap-provisioningdoc", (), (ACCESS, *APPLICATIONS))


@pytest.fixture
def words(tmp_path: Path) -> ManualWords:
    (tmp_path / "de.toml").write_text(WORDS)
    return ManualWords.load(tmp_path)


def test_what_is_typed_in_the_order_of_the_words(words: ManualWords) -> None:
    """Each part with its place in the menus of that phone and its fields; what has no field is told apart."""
    made = words.instructions(DOCUMENT, "", "ACME A1")
    assert made.parts == (
        Part("MMS", "Menu, Messages", (Entry("MMSC", "https://w4"),)),
        Part("Zugangspunkt", "", (Entry("APN", "apn.example"), Entry("Anmeldung", "sicher"))),
    )
    assert (made.language, words.instructions(DOCUMENT, "de", "").parts[0].where) == ("de", "Messages")
    assert made.left_out == ("NAPDEF/NAPID", "APPLICATION/APPID", "APPLICATION/ADDR")


def test_a_language_without_words_is_told(words: ManualWords, tmp_path: Path) -> None:
    """With those that there are; without any at all, too."""
    with pytest.raises(ConfigError, match="no words for instructions in 'fr'; there are: de"):
        words.instructions(DOCUMENT, "fr", "")
    with pytest.raises(ConfigError, match="there are: none"):
        ManualWords.load(tmp_path / "nowhere").instructions(DOCUMENT, "", "")


def test_words_that_are_none_are_refused(tmp_path: Path) -> None:
    """By the name of their file."""
    (tmp_path / "en.toml").write_text('[[part]]\ncharacteristic = "NAPDEF"\ntitle = "x"\nfield = {}\n')
    with pytest.raises(ConfigError, match=r"en\.toml"):
        ManualWords.load(tmp_path)


def test_the_words_that_are_shipped() -> None:
    """They have fields for an access point, its APN and how one signs in there, and for the centre of MMS."""
    access, mms = ManualWords.load(CONFIG / "mapping" / "manual").instructions(DOCUMENT, "en", "").parts
    assert access.entries == (Entry("APN", "apn.example"), Entry("Authentication type", "CHAP"))
    assert mms.entries == (Entry("MMSC", "https://w4"),)
