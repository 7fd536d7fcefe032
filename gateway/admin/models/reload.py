"""What is served after a reload."""

from __future__ import annotations

from pydantic import Field

from gateway.admin.models.base import Model


class ReloadView(Model):
    """What is served after the files were read anew."""

    digest: str = Field(description="identifies the files: equal on every gateway that serves the same ones")
    changed: bool = Field(description="whether something else is served than before")
    warnings: list[str] = Field(description="what is doubtful in the files, as `mogate check` says it")
