"""Metrics: a public contract that is exported in full from the first scrape."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from generate import LATE_LABELS
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe import metrics
from gateway.observe.acs_steps import STEPS
from gateway.observe.requests import http_route
from gateway.observe.under_way import LONGEST_SECONDS, UnderWay

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "metrics.md"
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
        late = set(LATE_LABELS.get(name.removesuffix("_total"), ()))
        assert labels.keys() - {"le"} | late == said.keys()
        for label in said.keys() - {"code", "version", "python"} - late:
            assert set(labels[label]) == set(said[label].split(", ")), name


def test_names_follow_the_conventions(first_scrape: str) -> None:
    """One prefix, base units, no timestamps of creation, and never an identity as a label."""
    for family in text_string_to_metric_families(first_scrape):
        assert re.fullmatch(r"mogate_[a-z0-9_]+", family.name)
        assert not family.name.endswith(("_created", "_ms", "_kb"))
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert not sample.labels.keys() & {"imsi", "msisdn", "imei", "device", "subscriber", "path", "uri"}


def scraped(sample: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(sample, labels) or 0


def test_a_request_is_counted_timed_and_weighed() -> None:
    """One answered request is one more of its route, method and code, in the buckets of its duration and size."""

    def found() -> tuple[float, ...]:
        return (
            scraped("mogate_http_requests_total", frontend="dm", route="/tried", method="POST", code="413"),
            scraped("mogate_http_request_duration_seconds_bucket", frontend="dm", le="0.025"),
            scraped("mogate_http_request_duration_seconds_bucket", frontend="dm", le="0.01"),
            scraped("mogate_http_request_bytes_bucket", frontend="dm", le="1024.0"),
            scraped("mogate_http_request_bytes_bucket", frontend="dm", le="256.0"),
            scraped("mogate_http_request_bytes_sum", frontend="dm"),
        )

    before = found()
    http_route("dm", "/tried").observe("POST", 413, 1024, 0.02)
    assert found() == (before[0] + 1, before[1] + 1, before[2], before[3] + 1, before[4], before[5] + 1024)


def test_sizes_of_any_size_are_counted() -> None:
    """An empty request is in the first bucket, one above the last bound in the last alone."""
    bounds = ("64.0", "1.6777216e+07", "+Inf")
    before = [scraped_sizes(bound) for bound in bounds]
    route = http_route("dm", "/tried")
    route.observe("POST", 200, 0, 0.001)
    route.observe("POST", 200, 1 << 40, 99.0)
    assert [scraped_sizes(bound) - was for bound, was in zip(bounds, before, strict=True)] == [1, 1, 2]


def scraped_sizes(bound: str) -> float:
    return scraped("mogate_http_request_bytes_bucket", frontend="dm", le=bound)


def test_steps_of_clients_come_from_their_proofs() -> None:
    """Headers are the first step of cellular access, a cookie its second; a code by SMS stands for Wi-Fi."""

    def steps() -> dict[tuple[str, str, str], float]:
        metrics.render()
        return {
            (sample.labels["access"], sample.labels["step"], sample.labels["result"]): sample.value
            for family in metrics.registry.collect()
            if family.name == "mogate_acs_requests"
            for sample in family.samples
        }

    before = steps()
    for worth in ("trusted", "missing", "untrusted_source"):
        metrics.count(metrics.acs_enrichment, worth)
    for method, result in (
        ("cookie", "accepted"),
        ("otp", "challenged"),
        ("token", "refused"),
        ("old_token", "refused"),
    ):
        metrics.count(metrics.acs_proofs, method, result)
    assert {step: count - before[step] for step, count in steps().items() if count != before[step]} == {
        ("cellular", "http", "ok"): 1,
        ("cellular", "http", "refused"): 2,
        ("cellular", "https", "ok"): 1,
        ("wifi", "otp", "challenged"): 1,
        ("any", "token", "refused"): 2,
    }


def test_every_proof_is_a_step(first_scrape: str) -> None:
    """Whoever adds a way to prove an identity says what step it is."""
    (proofs,) = (f for f in text_string_to_metric_families(first_scrape) if f.name == "mogate_acs_proofs")
    assert {sample.labels["method"] for sample in proofs.samples} == STEPS.keys()


def test_a_method_that_nobody_knows_makes_no_series() -> None:
    """Whoever asks with made-up methods is counted as one."""
    before = scraped("mogate_http_requests_total", frontend="admin", route="other", method="other", code="405")
    for method in ("BREW", "TEA"):
        http_route("admin", "other").observe(method, 405, 20, 0.001)
    after = scraped("mogate_http_requests_total", frontend="admin", route="other", method="other", code="405")
    assert after == before + 2


def test_sessions_are_under_way_from_their_beginning_to_their_end() -> None:
    """A session counts until it ends, in whichever process that is, or is too old to be anything but given up."""
    now = 1_000_000.0
    here = UnderWay("mogate_x", "X.", lambda: now)
    there = UnderWay("mogate_x", "X.", lambda: now)

    def total() -> float:
        return sum(metric.samples[0].value for one in (here, there) for metric in one.collect())

    first, second = (datetime.fromtimestamp(now - age, UTC) for age in (30, 10))
    here.began(first)
    here.began(second)
    assert total() == 2
    there.ended(first)
    assert total() == 1
    now += LONGEST_SECONDS
    assert total() == 0
    here.ended(second)
    assert total() == 0
