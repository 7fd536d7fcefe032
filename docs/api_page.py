"""The page of the admin API: what a gateway that runs says of itself at ``/openapi.json``, for people to read."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from gateway.app import running
from gateway.datadir import initialise
from gateway.settings import load_settings

CONFIG = Path(__file__).parents[1] / "config"
SETTINGS = "\n".join(
    [
        'data = "data"',
        *(f'{name} = "{CONFIG / name}"' for name in ("profiles", "mapping", "mo")),
        '[[listeners]]\nname = "admin"\naddress = "127.0.0.1:0"\nserves = ["admin"]\n',
    ]
)
"""The shipped files, and the admin listener alone."""
PREFIX = "/api/v1"

PROSE = """\
All of it is below `/api/v1` on the admin listener, and the same as a program reads it is at `/openapi.json`, without a
token. [Use the API](../how-to/use-the-api.md) tells what holds everywhere: tokens, pages, CSV and lines of JSON, live
streams, reasons, keys for repeats, `ETag` and `If-Match`, and how refusals look.

A list comes as CSV (`Accept: text/csv`) and as lines of JSON (`application/jsonl`) too, a trace as `text/plain`.
What is *live* can be read as server-sent events (`text/event-stream`). Unknown fields and parameters are refused.
"""
_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
Schema = dict[str, Any]


def pages() -> dict[str, list[str]]:
    """The page by its name, as lines of Markdown without the note that it was made."""
    return {"api": list(_page(asyncio.run(_document())))}


async def _document() -> Schema:
    """What a gateway with the shipped files says."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.toml"
        file.write_text(SETTINGS)
        settings = load_settings(file)
        await initialise(settings, demo=False)
        async with running(settings) as gateway:
            ((_, port),) = gateway.bound
            url = f"http://127.0.0.1:{port}/openapi.json"
            async with ClientSession() as session, session.get(url) as answer:
                document: Schema = await answer.json()
    return document


def _page(document: Schema) -> Iterator[str]:
    yield from ("# Admin API", "", *PROSE.splitlines(), "")
    resources: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, methods in document["paths"].items():
        short = path.removeprefix(PREFIX)
        for method, operation in methods.items():
            resources.setdefault(short.split("/")[1], []).append((method.upper(), short, operation))
    for resource in sorted(resources):
        yield from (f"## {resource}", "")
        for method, path, operation in resources[resource]:
            yield from _operation(method, path, operation)
    yield from ("## Shapes", "", "What is sent and answered, by name.", "")
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _shape(name, schema)


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    """One operation, with its parameters, what it takes and what it gives."""
    yield from (f"### `{method} {path}`", "", f"{operation['summary']}.", "")
    query = [one for one in operation["parameters"] if one["in"] == "query"]
    if query:
        yield from _table(("Query", "Meaning"), [(f"`{one['name']}`", one["description"]) for one in query])
    permission = operation.get("x-permission", "")
    needs = "nothing" if operation.get("security") == [] else f"`{permission}`" if permission else "to be signed in"
    said = [f"Needs {needs}."]
    if body := operation.get("requestBody"):
        said.append(f"Takes {_content(body['content'])}.")
    status, answer = next(iter(operation["responses"].items()))
    content = answer.get("content", {})
    said.append(f"Answers {status}" + (f" with {_content(content)}." if content else "."))
    if "text/event-stream" in content:
        said.append("Live.")
    yield from (" ".join(said), "")


def _content(content: Schema) -> str:
    media, of = next(iter(content.items()))
    return _type(of["schema"]) if media == "application/json" else f"`{media}`"


def _shape(name: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {name}", "", *schema.get("description", "").splitlines(), "")
    required = schema.get("required", ())
    rows = [
        (f"`{field}`", _type(one), "required" if field in required else _default(one.get("default")))
        for field, one in sorted(schema.get("properties", {}).items(), key=lambda field: field[0] not in required)
    ]
    if rows:
        yield from _table(("Field", "Type", "Default"), rows)


def _default(value: object) -> str:
    return "none" if value in (None, "", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(schema: Schema) -> str:
    """What a value is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of: {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"table of: {_type(values)}" if isinstance(values, dict) and values else "table"
    if schema.get("format") == "date-time":
        return "time"
    return _KINDS.get(schema.get("type", ""), "any JSON")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
