import contextlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import ConfigError
from gateway.mo.ddf import format_ddf, parse_ddf
from gateway.mo.definition import Definition, ManagementObject, Occurrence, Permitted, Provenance
from gateway.tree.format import Format

DTD = etree.DTD(str(Path(__file__).parents[1] / "vectors" / "ddf" / "dmddf-1.2.dtd"))

# XML 1.0 characters, with those that need escaping made common.
TEXTS = st.text(
    st.sampled_from("&<>\"'?;=. \r\n\t]é")
    | st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=12,
)
PROSE = TEXTS.map(lambda text: " ".join(text.split()))
PATHS = TEXTS.map(str.strip)
NAMES = PATHS.filter(lambda text: "/" not in text)
MIME = PROSE.filter(bool)
ACCESS = st.frozensets(st.sampled_from(["Add", "Copy", "Delete", "Exec", "Get", "Replace"]))
STATUSES = st.sampled_from(["confirmed", "attrs-only", "implementation", "name-only", "derived", "unconfirmed", ""])
BOUNDS = st.none() | st.integers(-(10**19), 10**19)
VALUES = {
    Format.CHR: TEXTS,
    Format.XML: TEXTS,
    Format.INT: st.integers(-(10**9), 10**9).map(str),
    Format.BOOL: st.sampled_from(["0", "1", "true", "false"]),
    Format.FLOAT: st.floats(allow_nan=False, allow_infinity=False).map(repr),
    Format.DATE: st.dates().map(lambda date: date.isoformat()),
    Format.TIME: st.times().map(lambda time: time.isoformat()),
    Format.BIN: st.sampled_from(["", "AQID"]),
    Format.B64: st.sampled_from(["", "AQID"]),
}


LEAF_FORMATS = st.sampled_from([fmt for fmt in Format if fmt is not Format.NODE])
PERMITTED = {fmt: st.lists(st.tuples(values, TEXTS), max_size=3).map(tuple) for fmt, values in VALUES.items()}
DEFAULTS = {fmt: st.none() | values for fmt, values in VALUES.items()}
RANGES = st.tuples(BOUNDS, BOUNDS).filter(lambda bounds: None in bounds or bounds[0] <= bounds[1])
COUNTED = st.none() | st.integers(2, 65536)
TYPES = st.lists(MIME, max_size=3).map(tuple)
SENSES = st.none() | st.booleans()


def definition(draw: st.DrawFn, fmt: Format, children: tuple[Definition, ...] = ()) -> Definition:
    occurrence = draw(st.sampled_from(Occurrence))
    counted = occurrence in (Occurrence.ZERO_OR_N, Occurrence.ONE_OR_N)
    values = draw(PERMITTED[fmt]) if fmt in VALUES else ()
    return Definition(
        name=draw(NAMES),
        formats=(fmt,),
        occurrence=occurrence,
        max_occurs=draw(COUNTED) if counted else None,
        access=draw(ACCESS),
        default=draw(DEFAULTS[fmt]) if fmt in VALUES else None,
        title=draw(PROSE),
        description=draw(PROSE),
        permanent=draw(st.booleans()),
        types=draw(TYPES)[: 1 if fmt is Format.NODE else None],
        case_sensitive=draw(SENSES),
        permitted=Permitted(values, *draw(RANGES)),
        provenance=Provenance(draw(STATUSES), draw(TEXTS)),
        children=children,
    )


def interior(draw: st.DrawFn, levels: int) -> Definition:
    """An interior node with up to two children, whose names differ, and at most so many levels below it."""
    below = [
        interior(draw, levels - 1) if levels > 1 and draw(st.booleans()) else definition(draw, draw(LEAF_FORMATS))
        for _ in range(draw(st.integers(0, 2)) if levels else 0)
    ]
    return definition(draw, Format.NODE, tuple({node.name: node for node in below}.values()))


@st.composite
def objects(draw: st.DrawFn) -> ManagementObject:
    root = interior(draw, 3)
    return ManagementObject(
        key="any",
        moi=root.types[0] if root.types else "",
        root=root,
        title=root.title,
        specification=draw(TEXTS),
        manufacturer=draw(PROSE),
        model=draw(PROSE),
        path=draw(PATHS),
    )


@settings(max_examples=60, deadline=None)
@given(objects())
def test_a_ddf_survives_writing_and_reading(mo: ManagementObject) -> None:
    """What is written is valid by the DTD and reads as the same object, for whatever text (TND 8.5)."""
    data = format_ddf([mo])
    assert DTD.validate(etree.fromstring(data)), DTD.error_log.last_error
    assert parse_ddf(data, source="any.xml") == (mo,)


SHIPPED = (Path(__file__).parents[2] / "config" / "mo" / "fumo.xml").read_bytes()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SHIPPED)), st.integers(0, 40), st.binary(max_size=12))
def test_a_damaged_ddf_is_read_or_refused(offset: int, length: int, replacement: bytes) -> None:
    """Any damage to a DDF ends in objects or in a ConfigError, never in another failure."""
    data = SHIPPED[:offset] + replacement + SHIPPED[offset + length :]
    with contextlib.suppress(ConfigError):
        assert parse_ddf(data, source="damaged.xml")
