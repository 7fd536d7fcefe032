"""HTTP requests by route: counted for next to nothing, and made into series when somebody asks for them."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

OTHER = "other"
"""In place of a route or a method that is none of ours: whoever asks must not make series."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FRONTENDS = {
    "dm": ("POST",), "dm_shadow": ("POST",), "acs": ("GET", "POST"), "acs_shadow": ("GET", "POST"),
    "admin": (*METHODS, OTHER),
}  # fmt: skip
"""Each with the methods of which there are series from the start."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SIZE_BITS = tuple(range(6, 25, 2))
"""Sizes are told apart by these powers of two."""


class HttpRoute:
    """The requests of one route of a front end; ``http_route`` gives the only one that there is.

    Its name is a path of the settings or of a route table, and never what somebody asked for.
    """

    __slots__ = ("answers", "frontend", "name", "seconds", "seconds_sum", "size_sum", "sizes")

    def __init__(self, frontend: str, name: str) -> None:
        self.frontend = frontend
        self.name = name
        self.answers: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.seconds = [0] * (len(SECONDS) + 1)
        self.seconds_sum = 0.0
        self.sizes = [0] * (SIZE_BITS[-1] + 2)
        self.size_sum = 0

    def observe(self, method: str, status: int, size_bytes: int, seconds: float) -> None:
        """Count one answered request, whose target and body were of that size."""
        self.answers[method, status] += 1
        self.seconds[bisect_left(SECONDS, seconds)] += 1
        self.seconds_sum += seconds
        bits = (size_bytes - 1).bit_length()
        self.sizes[bits if bits < len(self.sizes) else -1] += 1
        self.size_sum += size_bytes


class Requests(Collector):
    """All routes, as series."""

    def __init__(self) -> None:
        self.routes: list[HttpRoute] = []

    def collect(self) -> Iterable[Metric]:
        counts: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        seconds = HistogramMetricFamily(
            "mogate_http_request_duration_seconds", "Time from a parsed request to its answer.", labels=["frontend"]
        )
        sizes = HistogramMetricFamily(
            "mogate_http_request_bytes", "Octets of a request's target and body.", labels=["frontend"]
        )
        for frontend in FRONTENDS:
            routes = [route for route in self.routes if route.frontend == frontend]
            for route in routes:
                for (method, status), number in route.answers.items():
                    named = method if method in METHODS else OTHER
                    counts[frontend, route.name, named, str(status)] += number
            _add(seconds, frontend, SECONDS, [route.seconds for route in routes], sum(r.seconds_sum for r in routes))
            by_size = [_by_bounds(route.sizes) for route in routes]
            _add(sizes, frontend, [1 << bits for bits in SIZE_BITS], by_size, sum(r.size_sum for r in routes))
        answered = CounterMetricFamily(
            "mogate_http_requests", "HTTP requests answered.", labels=["frontend", "route", "method", "code"]
        )
        for labels, number in counts.items():
            answered.add_metric(labels, number)
        return answered, seconds, sizes


requests = Requests()


@functools.cache
def http_route(frontend: str, name: str) -> HttpRoute:
    """What counts the requests of that route."""
    requests.routes.append(route := HttpRoute(frontend, name))
    if name == OTHER or frontend != "admin":
        route.answers.update({(method, 200): 0 for method in FRONTENDS[frontend]})
    return route


def _by_bounds(sizes: Sequence[int]) -> list[int]:
    """Counts by the bounds that are shown, of counts by each power of two."""
    starts = (0, *(bits + 1 for bits in SIZE_BITS))
    return [sum(sizes[start:end]) for start, end in zip(starts, (*starts[1:], len(sizes)), strict=True)]


def _add(
    family: HistogramMetricFamily, frontend: str, bounds: Sequence[float], counts: Sequence[Sequence[int]], total: float
) -> None:
    """Add what several routes counted, by bounds and above the last."""
    seen, buckets = 0, []
    for bound, numbers in zip((*bounds, float("inf")), zip(*counts, strict=True), strict=True):
        seen += sum(numbers)
        buckets.append((floatToGoString(bound), float(seen)))  # type: ignore[no-untyped-call]
    family.add_metric([frontend], buckets, total)


for _frontend in FRONTENDS:
    http_route(_frontend, OTHER)
