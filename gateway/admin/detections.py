"""The admin API's routes for what the network sees: SIMs in phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.admin.models.detections import NewReplay, NewSighting, ReplayView, RuleView, SightingView
from gateway.admin.routes import JSON_LINES, OCTETS, Call, Route
from gateway.detections import MAX_REPLAYED, Detections, Replayed, Report
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.detection import Sighting, SourceName, parse_fields, parse_line
from gateway.fleet.detection_rules import Rule, calling, parse_rules

MAX_ROWS = 10_000
BULK_SOURCES: tuple[SourceName, ...] = ("rest", "csv")


MapDecoder = Callable[[bytes, str], Sequence[Sighting]]
"""Reads a MAP message: an argument of the named operation, or with no name a TCAP message."""


class DetectionRoutes:
    """Sightings, one by one and in bulk."""

    def __init__(self, detections: Detections, decode_map: MapDecoder) -> None:
        self._detections = detections
        self._decode_map = decode_map

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/detections", self.report, "Tell of a SIM in a phone",
                takes=NewSighting, gives=SightingView,
            ),
            Route(
                "POST", "/detections/bulk", self.report_bulk,
                f"Tell of many, each as JSON on a line of its own; at most {MAX_ROWS} lines",
                takes=JSON_LINES, gives=SightingView, many=True,
                query={"source": f"where they come from: {', '.join(BULK_SOURCES)}"},
            ),
            Route(
                "POST", "/detections/map", self.report_map,
                "Tell of what a MAP message says, in TCAP or an argument alone",
                takes=OCTETS, gives=SightingView, many=True,
                query={"operation": "whose argument it is, such as update-location; without it the body is TCAP"},
            ),
            Route(
                "GET", "/detections/rules", self.list_rules, "The rules in force, in their order",
                gives=RuleView, many=True,
            ),
            Route(
                "POST", "/detections/replay", self.replay,
                f"What rules would make of the detections of a time, {MAX_REPLAYED} at most; nothing is done",
                takes=NewReplay, gives=ReplayView, many=True, needs="detections:read",
            ),
        )  # fmt: skip

    async def report(self, call: Call) -> SightingView:
        """One sighting."""
        body: NewSighting = call.body
        sighting = parse_fields(body.model_dump())
        return sighting_view(1, await self._detections.report(sighting))

    async def report_bulk(self, call: Call) -> Sequence[SightingView]:
        """Lines of sightings; a line that is none is told in its place, and the others count."""
        source = call.query.get("source", "rest")
        if source not in BULK_SOURCES:
            raise DecodeError(f"source {source[:40]!r} is none of {', '.join(BULK_SOURCES)}")
        lines = [line for line in call.body.split(b"\n") if line.strip()]
        if len(lines) > MAX_ROWS:
            raise LimitExceeded(f"{len(lines)} lines, more than {MAX_ROWS}; send them in parts")
        return await report_rows(self._detections, lines, lambda line: [parse_line(line, source)])

    async def report_map(self, call: Call) -> Sequence[SightingView]:
        """What each operation of a message tells."""
        operation = call.query.get("operation", "")
        reports = await self._detections.report_all(self._decode_map(call.body, operation))
        return [sighting_view(row, report) for row, report in enumerate(reports, start=1)]

    async def list_rules(self, _: Call) -> Sequence[RuleView]:
        """All of them: a file has no more than can be read."""
        return [_rule_view(rule) for rule in self._detections.rules]

    async def replay(self, call: Call) -> Sequence[ReplayView]:
        """A dry run of rules."""
        body: NewReplay = call.body
        rules = None if body.rules is None else parse_rules(body.rules, "rules")
        return [_replay_view(one) for one in await self._detections.replay(body.since, body.until, rules)]


def _rule_view(rule: Rule) -> RuleView:
    same = ("name", "plan", "reach", "way", "within_seconds", "webhook")
    return RuleView(
        causes=sorted(rule.causes),
        sources=sorted(rule.sources or ()),
        match={facet: list(choices) for facet, choices in rule.match.items()},
        join=list(rule.join),
        leave=list(rule.leave),
        attributes=dict(rule.attributes),
        **{name: getattr(rule, name) for name in same},
    )


def _replay_view(replayed: Replayed) -> ReplayView:
    event, rules = replayed
    call = calling(rules)
    return ReplayView(
        seq=event.seq,
        at=event.at,
        subscriber_id=event.subscriber_id,
        device_id=event.device_id,
        cause=event.detail["cause"],
        rules=[rule.name for rule in rules],
        join=[group for rule in rules for group in rule.join],
        leave=[group for rule in rules for group in rule.leave],
        plan=next((rule.plan for rule in reversed(rules) if rule.plan is not None), None),
        attributes={name: value for rule in rules for name, value in rule.attributes.items()},
        reach=call is not None,
        way=call.way if call else "",
        within_seconds=call.within_seconds if call else 0.0,
        webhook=any(rule.webhook for rule in rules),
    )


async def report_rows(
    detections: Detections, rows: Sequence[bytes], parse: Callable[[bytes], Sequence[Sighting]]
) -> list[SightingView]:
    """What became of each row's sightings, in their order; a row that is none is told in its place."""
    sightings: list[Sighting] = []
    whose: list[int] = []
    views: list[SightingView] = []
    for row, octets in enumerate(rows, start=1):
        try:
            told = parse(octets)
        except DecodeError as error:
            views.append(sighting_view(row, Report("failed", why=str(error))))
            continue
        sightings += told
        whose += [row] * len(told)
    reports = await detections.report_all(sightings)
    views += [sighting_view(row, report) for row, report in zip(whose, reports, strict=True)]
    return sorted(views, key=lambda view: view.row)


def sighting_view(row: int, report: Report) -> SightingView:
    """A report for the API."""
    return SightingView(row=row, **report._replace(causes=list(report.causes))._asdict())  # type: ignore[arg-type]
