"""The admin API's routes for what comparing with another server found."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.shadow import Cleared, DifferenceView, FindingView, PlaceView, Sample, ShadowSummary
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import ConfigError
from gateway.shadow import OUTCOMES, PROTOCOLS, Finding, Findings


class ShadowRoutes:
    """Findings."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/shadow", self.list_findings, "What clients of the server before got, beside what they would",
                gives=FindingView, many=True, pages_by="id",
                query={
                    "protocol": "those of this protocol: " + ", ".join(PROTOCOLS),
                    "outcome": "those with this outcome: " + ", ".join(OUTCOMES),
                    "place": "those that differ in this place",
                    "after": "after this id",
                    "limit": f"how many, at most {MAX_LISTED}",
                },
            ),
            Route(
                "GET", "/shadow/summary", self.sum_up, "How many clients would get something else, and in what",
                gives=ShadowSummary,
                query={"protocol": "those of this protocol: " + ", ".join(PROTOCOLS)},
            ),
            Route("DELETE", "/shadow", self.clear_findings, "Forget all findings, to begin anew", gives=Cleared),
        )  # fmt: skip

    async def list_findings(self, call: Call) -> Sequence[FindingView]:
        """Findings, a page at a time."""
        found = await self._findings.list(
            protocol=_chosen(call, "protocol", PROTOCOLS),
            outcome=_chosen(call, "outcome", OUTCOMES),
            place=call.query.get("place", ""),
            after=call.query.get("after", ""),
            limit=call.limit,
        )
        return list(map(_view, found))

    async def sum_up(self, call: Call) -> ShadowSummary:
        """The summary."""
        outcomes, places = await self._findings.sum_up(_chosen(call, "protocol", PROTOCOLS))
        return ShadowSummary(
            outcomes=outcomes,
            places=[
                PlaceView(
                    kind=one.kind,
                    place=one.place,
                    clients=one.clients,
                    samples=[Sample(subscriber=whose, theirs=theirs, ours=ours) for whose, theirs, ours in one.samples],
                )
                for one in places
            ],
        )

    async def clear_findings(self, _: Call) -> Cleared:
        """Forget them."""
        return Cleared(count=await self._findings.clear())


def _chosen(call: Call, name: str, known: Sequence[str]) -> str:
    """What is asked for; empty for all. Raises: ConfigError."""
    chosen = call.query.get(name, "")
    if chosen and chosen not in known:
        raise ConfigError(f"{chosen[:40]!r} is none of {', '.join(known)}", key=name)
    return chosen


def _view(finding: Finding) -> FindingView:
    differences = [
        DifferenceView(kind=one.kind, place=one.place, theirs=one.theirs, ours=one.ours) for one in finding.differences
    ]
    fields = {name: getattr(finding, name) for name in FindingView.model_fields if name != "differences"}
    return FindingView(**fields, differences=differences)
