"""The admin API's routes for what is read from files: what management objects may hold, and what profiles say."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.catalogue import ObjectSummary, ObjectView, ProfileLeaf, ProfileView
from gateway.admin.routes import Call, Route
from gateway.fleet.profile import Profile
from gateway.mo.outline import as_json
from gateway.service import Service


class CatalogueRoutes:
    """Management objects and profiles, as ``service`` has them now."""

    def __init__(self, service: Service) -> None:
        self._service = service

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
            Route(
                "GET", "/profiles", self.list_profiles, "Profiles, the weakest first", gives=ProfileView, many=True,
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
            for managed in self._service.catalogue
        ]

    async def show_object(self, call: Call) -> ObjectView:
        """One MO, by its key or identifier."""
        return ObjectView.model_validate(as_json(self._service.catalogue.get(call.path["mo"])))

    async def list_profiles(self, _: Call) -> Sequence[ProfileView]:
        """Every profile with what it says."""
        return [_profile_view(profile) for profile in self._service.profiles.profiles]


def _profile_view(profile: Profile) -> ProfileView:
    said = [*profile.content.unset.items(), *profile.content.values.items()]
    return ProfileView(
        name=profile.name,
        layer=profile.layer,
        file=profile.file,
        match={facet: sorted(values) for facet, values in profile.match.items()},
        leaves=[ProfileLeaf(node=str(node), template=source.template, place=source.place) for node, source in said],
        warnings=list(profile.warnings),
    )
