"""Differences between MOs and their documents: the shipped mappings explain theirs, and a changed DDF is found."""

from pathlib import Path

import pytest

from adapters.provisioning.check import Kind, differences, unexplained
from adapters.provisioning.mapping import Mapping
from gateway.mo.catalogue import Catalogue

ROOT = Path(__file__).parents[4]
MO = ROOT / "config" / "mo"


@pytest.fixture(scope="module")
def identified() -> Catalogue:
    """The shipped MOs, each with an identifier, so that none is passed over."""
    unknown = [mo.key for mo in Catalogue.load(MO, identifiers={}) if not mo.moi]
    return Catalogue.load(MO, identifiers={key: f"example.net:mo:{key}:1.0" for key in unknown})


def test_every_shipped_difference_has_its_reason(identified: Catalogue) -> None:
    """No MO of the catalogue differs from its document, in either layout, without the mapping saying why."""
    found = list(differences(Mapping.load(ROOT / "config" / "mapping", identified), identified))
    assert unexplained(found) == []
    assert {(one.mo, one.kind) for one in found} == {
        ("dmacc", Kind.RENAMED),
        ("dmacc", Kind.UNMAPPED),
        ("ims", Kind.RENAMED),
        ("ims", Kind.UNMAPPED),
        ("rcs", Kind.RENAMED),
        ("rcs", Kind.UNMAPPED),
        ("scomo", Kind.RENAMED),
    }


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("<NodeName>Timer_T4<", "<NodeName>Timer_T5<"), ("A", "Timer_T5", Kind.UNDECIDED)),
        (("<NodeName>ICSI_List<", "<NodeName>ICSI_Lists<"), ("A", "ICSI_Lists/<X>/ICSI", Kind.UNDECIDED)),
    ],
)
def test_a_leaf_that_the_mapping_does_not_know_is_found(
    tmp_path: Path, change: tuple[str, str], found: tuple[str, str, Kind]
) -> None:
    """A leaf that is new in a DDF is never carried into a closed layout, and the check names it."""
    (tmp_path / "ims.xml").write_text((MO / "ims.xml").read_text().replace(*change))
    mapping = tmp_path / "mapping"
    mapping.mkdir()
    text = (ROOT / "config" / "mapping" / "ims.toml").read_text()
    gone = {
        "Timer_T5": '    "Timer_T4",\n',
        "ICSI_Lists/<X>/ICSI": '"ICSI_List/<X>" = ["ICSI", "ICSI_Resource_Allocation_Mode"]\n',
    }
    (mapping / "ims.toml").write_text(text.replace(gone[found[1]], ""))
    catalogue = Catalogue.load(tmp_path, identifiers={})
    told = [
        (one.layout, one.node, one.kind)
        for one in unexplained(differences(Mapping.load(mapping, catalogue), catalogue))
    ]
    assert found in told


def check(tmp_path: Path, mapping: str) -> list[tuple[str, str, Kind, str]]:
    (tmp_path / "ims.toml").write_text(f'mo = "ims"\n{mapping}')
    catalogue = Catalogue.load(MO, identifiers={})
    return [
        (one.layout, one.node, one.kind, one.why)
        for one in differences(Mapping.load(tmp_path, catalogue), catalogue)
        if one.mo == "ims"
    ]


def test_kinds(tmp_path: Path) -> None:
    """A leaf that is moved, left out or loses something is told by kind with the reason at or above it; so is a reason
    without a difference."""
    told = check(
        tmp_path,
        '[A]\napplication = "x"\nlists = "numbered"\n[A.only]\n"." = ["Timer_T1", "Timer_T4", "Name"]\n'
        '"ConRefs/<X>" = ["ConRef"]\n[A.leave_out]\nTimer_T2 = "no use"\n'
        '[A.place]\nTimer_T1 = "T1"\nName = "ConRefs/ConRef2"\n[A.why]\nTimer_T1 = "short"\nTimer_T4 = "none"\n',
    )
    assert [one for one in told if one[2] is not Kind.UNDECIDED] == [
        ("A", "Name", Kind.RENAMED, ""),
        ("A", "ConRefs/<X>/ConRef", Kind.LOSSY, ""),
        ("A", "Timer_T1", Kind.RENAMED, "short"),
        ("A", "Timer_T2", Kind.UNMAPPED, "no use"),
        ("A", "Timer_T4", Kind.STALE, "none"),
    ]


def test_words_of_the_document(tmp_path: Path) -> None:
    """A layout that has other words for values loses nothing."""
    assert check(tmp_path, '[A.values]\nSS_domain_setting = {0 = "ps", 1 = "cs"}') == []
