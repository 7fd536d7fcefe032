"""Profiles written as TOML, as people would write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gateway.fleet.selection import Layer
from gateway.fleet.variables import slots
from gateway.mo.catalogue import Catalogue
from gateway.tree.format import Format


def format_profile(
    name: str,
    layer: Layer,
    match: Mapping[str, Sequence[str]],
    templates: Mapping[str, Mapping[str, str]],
    catalogue: Catalogue,
) -> str:
    """The TOML of a profile with these templates by MO key and path, which ``parse_profile`` reads as it was meant."""
    lines = [f"name = {_text(name)}", f"layer = {_text(layer)}"]
    if match:
        lines += ["", "[match]", *(f"{_key(facet)} = {_choices(values)}" for facet, values in match.items())]
    for mo, paths in templates.items():
        managed = catalogue.get(mo)
        lines += ["", *([f"# {managed.title}"] if managed.title else []), f"[mo.{_key(mo)}]"]
        for path, template in paths.items():
            _, _, definition = catalogue.find(f"{mo}/{path}")
            lines.append(f"{_key(path)} = {_value(definition.format, template)}")
    return "\n".join([*lines, ""])


def _value(fmt: Format, template: str) -> str:
    if not slots(template):
        if fmt is Format.BOOL and template in ("true", "false"):
            return template
        if fmt is Format.INT and template.removeprefix("-").isdecimal():
            return str(int(template))
    return _text(template)


def _choices(values: Sequence[str]) -> str:
    return _text(values[0]) if len(values) == 1 else f"[{', '.join(map(_text, values))}]"


def _key(name: str) -> str:
    bare = name.isascii() and all(letter.isalnum() or letter in "-_" for letter in name) and name
    # A dot makes a bare key two keys, which is what match needs for attributes.
    return name if bare or name.startswith("attributes.") else _text(name)


def _text(text: str) -> str:
    # JSON strings are TOML strings but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
