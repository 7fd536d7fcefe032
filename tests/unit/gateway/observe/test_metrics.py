"""Metrics: a public contract that is exported in full from the first scrape."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from generate import LATE_LABELS
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe import metrics

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "metrics.md"
LATE = set(LATE_LABELS.values())
ROW = re.compile(r"^\| `(mogate_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def first_scrape() -> str:
    """What a process that has done nothing yet exports."""
    command = [sys.executable, "-c", "from gateway.observe import metrics; print(metrics.render().decode())"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_documented_series_are_exported_and_no_others(first_scrape: str) -> None:
    """Every row of the page is there with its labels and their values before anything happened, and nothing else is."""
    documented = {name: (kind, labels) for name, kind, labels in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    exported = {}
    for family in text_string_to_metric_families(first_scrape):
        assert family.samples or family.name in LATE_LABELS, family.name
        name = family.name + ("_total" if family.type == "counter" else "")
        labels: dict[str, list[str]] = {}
        for sample in family.samples:
            for label, value in sample.labels.items():
                labels.setdefault(label, []).append(value)
        exported[name] = (family.type, labels)
    assert exported.keys() == documented.keys()
    for name, (kind, labels) in exported.items():
        said = dict(re.findall(r"`(\w+)`: ([^;]*)", documented[name][1]))
        assert kind == documented[name][0]
        assert labels.keys() - {"le"} == said.keys() - LATE
        for label in said.keys() - {"code", "version", "python"} - LATE:
            assert set(labels[label]) == set(said[label].split(", ")), name


def test_names_follow_the_conventions(first_scrape: str) -> None:
    """One prefix, base units, no timestamps of creation, and never an identity as a label."""
    for family in text_string_to_metric_families(first_scrape):
        assert re.fullmatch(r"mogate_[a-z0-9_]+", family.name)
        assert not family.name.endswith(("_created", "_ms", "_kb"))
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert not sample.labels.keys() & {"imsi", "msisdn", "imei", "device", "subscriber", "path", "uri"}


def test_a_request_is_counted_and_timed() -> None:
    """One answered request is one more of its front end and code, in the bucket of its duration."""

    def scraped(sample: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(sample, labels) or 0

    timed = "mogate_http_request_duration_seconds_bucket"
    before = scraped("mogate_http_requests_total", frontend="dm", code="413"), scraped(timed, frontend="dm", le="0.025")
    metrics.observe_http("dm", 413, 0.02)
    after = scraped("mogate_http_requests_total", frontend="dm", code="413"), scraped(timed, frontend="dm", le="0.025")
    assert after == (before[0] + 1, before[1] + 1)
