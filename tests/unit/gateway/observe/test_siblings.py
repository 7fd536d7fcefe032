"""One exposition of several workers' metrics."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.siblings import Siblings, merge

ONE = b"""# HELP a_total Count.
# TYPE a_total counter
a_total{code="x} y"} 1.0
# HELP b Gauge.
# TYPE b gauge
b 2.5
"""
TWO = ONE.replace(b"1.0", b"4.0")


def test_families_stay_whole_and_series_tell_their_worker() -> None:
    """Each family has one head; a series with labels and one without both get ``worker``."""
    families = list(text_string_to_metric_families(merge({"1": ONE, "2": TWO}).decode()))
    assert [(family.name, family.type, family.documentation) for family in families] == [
        ("a", "counter", "Count."),
        ("b", "gauge", "Gauge."),
    ]
    assert [(sample.labels, sample.value) for family in families for sample in family.samples] == [
        ({"code": "x} y", "worker": "1"}, 1.0),
        ({"code": "x} y", "worker": "2"}, 4.0),
        ({"worker": "1"}, 2.5),
        ({"worker": "2"}, 2.5),
    ]


async def test_a_dead_sibling_is_left_out(tmp_path: Path) -> None:
    """A socket nobody listens on costs nothing but its series."""
    mine, other = Siblings(tmp_path, 1), Siblings(tmp_path, 2)
    await mine.start()
    await other.start()
    assert b'worker="2"' in await mine.render()
    await other.close()
    assert b'worker="2"' not in await mine.render()
    await mine.close()
