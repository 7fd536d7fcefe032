"""The OpenAPI document: what it says is what is served.

Spec: OpenAPI 3.1.0
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from gateway.admin.api import AdminApi

SCHEMA_WORDS = {
    "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "exclusiveMaximum", "format",
    "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern", "patternProperties",
    "properties", "propertyNames", "required", "title", "type", "writeOnly",
}  # fmt: skip
OPERATION_WORDS = {"operationId", "parameters", "requestBody", "responses", "security", "summary", "x-permission"}


@pytest.fixture
async def document(client: TestClient) -> dict[str, Any]:
    async with client.get("/openapi.json", headers={"Authorization": ""}) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        found: dict[str, Any] = await response.json()
        return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def schemas(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema of the document, with those inside it."""
    waiting = list(document["components"]["schemas"].values())
    for _, _, operation in operations(document):
        waiting += [parameter["schema"] for parameter in operation["parameters"]]
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for holder in [*bodies, *operation["responses"].values()]:
            waiting += [media["schema"] for media in holder.get("content", {}).values()]
    while waiting:
        schema = waiting.pop()
        yield schema
        waiting += schema.get("properties", {}).values()
        waiting += schema.get("patternProperties", {}).values()
        waiting += schema.get("anyOf", [])
        waiting += [schema[word] for word in ("items", "additionalProperties", "propertyNames")
                    if isinstance(schema.get(word), dict)]  # fmt: skip


def test_it_describes_exactly_the_routes_that_are_served(api: AdminApi, document: dict[str, Any]) -> None:
    """Each route under /api is an operation and each operation a route; ids are unique."""
    served = {
        (route.method, route.resource.canonical)
        for route in api.application().router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    described = {(method, path) for method, path, _ in operations(document)}
    assert described == served
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) == len(described)


def test_it_has_the_structure_of_openapi_3_1(document: dict[str, Any]) -> None:
    """The words that must be there are, and no word the specification does not know."""
    assert document.keys() == {"openapi", "info", "security", "paths", "components"}
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert document["info"].keys() == {"title", "version"}
    schemes = document["components"]["securitySchemes"]
    assert [schemes[name]["type"] for one in document["security"] for name in one] == ["http", "apiKey"]
    for _, path, operation in operations(document):
        assert operation.keys() <= OPERATION_WORDS
        in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        for parameter in operation["parameters"]:
            assert parameter.keys() <= {"name", "in", "required", "description", "schema"}
            assert parameter["required"] is (parameter["in"] == "path")
        for code, response in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", code)
            assert response.keys() <= {"description", "content", "headers"}
            assert response["description"]


def test_every_reference_leads_to_a_schema(document: dict[str, Any]) -> None:
    """Schemas use words of JSON Schema 2020-12 only, and refer to what is there."""
    names = document["components"]["schemas"].keys()
    for schema in schemas(document):
        assert schema.keys() <= SCHEMA_WORDS, schema
        if "$ref" in schema:
            assert schema["$ref"].removeprefix("#/components/schemas/") in names


def test_every_refusal_is_described_as_a_problem(document: dict[str, Any]) -> None:
    """One shape for all of them, of every operation."""
    for _, _, operation in operations(document):
        refusals = {code: response for code, response in operation["responses"].items() if code >= "4"}
        assert {"401", "403", "404", "409", "422", "500", "503"} <= refusals.keys()
        for response in refusals.values():
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }


def test_bodies_admit_no_unknown_field(document: dict[str, Any]) -> None:
    """Each model says so itself, and each has a sentence on what it is."""
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
            assert schema["description"].rstrip(".") != name, name
    assert json.dumps(document)
