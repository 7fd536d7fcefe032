"""The admin API's routes for what devices of one model were found to lack."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.learnt import FindingView, ModelView, ModelWord
from gateway.admin.routes import Call, Route
from gateway.learnt import LearntModel, LearntModels


class ModelRoutes:
    """Models of which something was learnt or said."""

    def __init__(self, models: LearntModels) -> None:
        self._models = models

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/models", self.list_models, "What devices of a model were found to lack, by model",
                gives=ModelView, many=True, needs="devices:read",
            ),
            Route(
                "POST", "/models/word", self.say, "Say that a model has or lacks a command, or forget what was learnt",
                takes=ModelWord, gives=ModelView, needs="devices:write",
            ),
        )  # fmt: skip

    async def list_models(self, _: Call) -> Sequence[ModelView]:
        """All of them."""
        return [self._view(model) for model in await self._models.list()]

    async def say(self, call: Call) -> ModelView:
        """An operator's word."""
        body: ModelWord = call.body
        return self._view(await self._models.say(body.manufacturer, body.model, body.verb, body.word or ""))

    def _view(self, model: LearntModel) -> ModelView:
        return ModelView(
            manufacturer=model.manufacturer,
            model=model.model,
            findings=[
                FindingView(
                    verb=verb,
                    refused_by=len(finding.devices),
                    word=finding.word or None,
                    held_back=self._models.is_in_force(finding),
                )
                for verb, finding in sorted(model.findings.items())
            ],
        )
