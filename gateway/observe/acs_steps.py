"""Steps of RCC.14 clients on the way to a document, as one set of series, made from what was counted of each proof."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

ENRICHED = {"trusted": "ok"}
"""What headers were worth that let a client on; with any other worth it is refused."""
PROVEN = {"accepted": "ok", "challenged": "challenged", "refused": "refused"}
STEPS = {
    "cookie": ("cellular", "https"),
    "otp": ("wifi", "otp"),
    "eap": ("wifi", "eap"),
    "oidc": ("wifi", "oidc"),
    "gba": ("wifi", "gba"),
    "token": ("any", "token"),
    "old_token": ("any", "token"),
}
"""What each proof of identity is a step of: the access it stands for, and which."""


class AcsSteps(Collector):
    """The steps, counted from the worth of headers and from proofs; it costs requests nothing."""

    def __init__(self, enrichment: Counter, proofs: Counter) -> None:
        self._enrichment = enrichment
        self._proofs = proofs

    def collect(self) -> Iterable[Metric]:
        counts: dict[tuple[str, str, str], float] = {}
        for labels, value in _series(self._enrichment):
            step = "cellular", "http", ENRICHED.get(labels["result"], "refused")
            counts[step] = counts.get(step, 0) + value
        for labels, value in _series(self._proofs):
            step = *STEPS[labels["method"]], PROVEN[labels["result"]]
            counts[step] = counts.get(step, 0) + value
        family = CounterMetricFamily(
            "mogate_acs_requests",
            "Steps of RCC.14 clients on the way to a document: the access that a proof of identity stands for, "
            "the step, and whether the client was let on.",
            labels=["access", "step", "result"],
        )
        for values, number in counts.items():
            family.add_metric(values, number)
        return (family,)


def _series(counter: Counter) -> Iterable[tuple[dict[str, str], float]]:
    for metric in counter.collect():
        for sample in metric.samples:
            if sample.name.endswith("_total"):
                yield sample.labels, sample.value
