"""The OpenAPI document of the admin API, made from its route table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from gateway.admin.caller import COOKIE, CSRF_HEADER, SAFE_METHODS
from gateway.admin.dispatch import KEY_HEADER, MAX_REASON, REASON_HEADER
from gateway.admin.listing import EVENT_STREAM
from gateway.admin.models.base import Model, Problem
from gateway.admin.routes import PUBLIC, SIGNED_IN, Route

_PROBLEMS = {
    "400": "What was sent is not what it should be, as a whole.",
    "401": "Who calls is not known: the token or the session is missing, wrong or over.",
    "403": "Who calls may not do this.",
    "404": "Nothing has that name.",
    "412": "What was to be changed is no longer as If-Match says.",
    "409": "The change collides with another one, or an identity is taken.",
    "413": "The body is too large.",
    "422": "A parameter or a field is unknown, or its value is not permitted.",
    "429": "This was tried too often; Retry-After says when to try again.",
    "500": "A fault of the gateway; the id finds its traceback in the log.",
    "503": "A part that the request needs is down; Retry-After says when to ask again.",
}


_CHANGE_HEADERS = [
    {"name": name, "in": "header", "required": False, "description": meaning, "schema": schema}
    for name, meaning, schema in (
        (REASON_HEADER, "Why, for the audit log.", {"type": "string", "maxLength": MAX_REASON}),
        (KEY_HEADER, "The same key again gives the first answer again, for a day.", {"type": "string"}),
        ("If-Match", "Only if the thing still has this ETag.", {"type": "string"}),
    )
]


def models(routes: Sequence[Route]) -> list[type[Model]]:
    """Every model that they take or give, and the one of problems."""
    found: set[type[Model]] = {Problem}
    for route in routes:
        found |= {model for model in (route.takes, route.gives) if model is not None and not isinstance(model, str)}
    return sorted(found, key=lambda model: model.__name__)


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes, as plain values ready for JSON."""
    references, definitions = models_json_schema(
        [(model, "validation") for model in models(routes)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[object, Any] = {model: reference for (model, _), reference in references.items()}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "MOGate admin API", "version": version("mogate")},
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"From POST /api/v1/session; what is no GET needs its csrf as {CSRF_HEADER} too.",
                },
            },
        },
    }


def _operation(route: Route, schemas: dict[object, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.query.items()
    ]
    if route.method not in SAFE_METHODS:
        parameters += _CHANGE_HEADERS
    answer: dict[str, Any] = {"description": route.summary}
    if route.gives is not None:
        schema = schemas[route.gives]
        if route.many:
            schema = {"type": "array", "items": schema}
        answer["content"] = {"application/json": {"schema": schema}}
        forms = (*route.forms, *((EVENT_STREAM,) if route.streams else ()))
        answer["content"] |= {form: {"schema": {"type": "string"}} for form in forms}
        if route.many:
            if route.pages_by:
                answer["headers"] = {"Link": _text_header("Where the next page is, as rel=next; absent on the last.")}
        elif route.method == "GET":
            answer["headers"] = {"ETag": _text_header("For If-Match on a change, and If-None-Match.")}
    problem = {"application/problem+json": {"schema": schemas[Problem]}}
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            str(route.status): answer,
            **{code: {"description": text, "content": problem} for code, text in _PROBLEMS.items()},
        },
    }
    if route.permission == PUBLIC:
        operation["security"] = []
    elif route.permission != SIGNED_IN:
        operation["x-permission"] = route.permission
    if isinstance(route.takes, str):
        operation["requestBody"] = {"required": True, "content": {route.takes: {"schema": {"type": "string"}}}}
    elif route.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[route.takes]}},
        }
    return operation


def _text_header(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "schema": {"type": "string"}}
