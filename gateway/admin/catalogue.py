"""The admin API's routes for the catalogue of management objects: what each may hold."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models import ObjectSummary, ObjectView
from gateway.admin.routes import Call, Route
from gateway.mo.catalogue import Catalogue
from gateway.mo.outline import as_json


class CatalogueRoutes:
    """What is known of management objects."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/mos", self.list_objects, "All management objects", gives=ObjectSummary, many=True,
                needs="profiles:read", confined=True,
            ),
            Route(
                "GET", "/mos/{mo}", self.show_object, "One management object, node by node", gives=ObjectView,
                needs="profiles:read", confined=True,
            ),
        )  # fmt: skip

    async def list_objects(self, _: Call) -> Sequence[ObjectSummary]:
        """Every MO."""
        return [
            ObjectSummary(
                key=managed.key,
                moi=managed.moi,
                title=managed.title,
                specification=managed.specification,
                nodes=sum(1 for _ in managed.root.walk()),
            )
            for managed in self._catalogue
        ]

    async def show_object(self, call: Call) -> ObjectView:
        """One MO, by its key or identifier."""
        return ObjectView.model_validate(as_json(self._catalogue.get(call.path["mo"])))
