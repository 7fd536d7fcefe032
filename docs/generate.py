"""The reference pages that are made from the code: ``python docs/generate.py`` writes them.

With ``--check`` nothing is written, and the exit status is 1 when a page is not what the code says.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import api_page
import click
import conformance
import mo_pages

from gateway import cli
from gateway.observe import metrics
from gateway.settings import Settings

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code; do not edit. -->\n"

SETTINGS_PROSE = """\
An environment variable wins over the file. Whole lists and tables are written there as JSON; one key of the
first entry of a list is reached with `__0__`, of the second with `__1__`, and so on:
`MOGATE_LISTENERS__0__ADDRESS=0.0.0.0:80`. `mogate check --show-origin` tells where each setting was said.
`MOGATE_CONFIG` names the settings file; without it, it is `config/gateway.toml` where the gateway is started, or else
the installed one.
"""

CLI_PROSE = """\
Every command but `serve` prints for people, or with `--json` for machines. The exit status is 0 when it was done, 1
when it, or a row of a file, was refused or no gateway answers, 2 when the command itself is mistaken; the reason is on
standard error. With `plan` and `diff` 2 means that something changes, and 1 all that is wrong. Long work shows on a
terminal how far it is.

A shell completes commands, options and their values once it has the script for it:

    mogate completion bash > ~/.local/share/bash-completion/completions/mogate
    mogate completion zsh > "${fpath[1]}/_mogate"
    mogate completion fish > ~/.config/fish/completions/mogate.fish
"""

METRICS_PROSE = """\
The admin listener serves these series at `/metrics`, without a token, in the Prometheus text format 0.0.4, and no
others. All are there from the first scrape; the series of a code begins when the code first occurs, that of a
link or listener when the gateway that has it starts. A histogram `x` is
exported as `x_bucket`, `x_sum` and `x_count`. With several workers every series has the label `worker`, and whichever
worker is asked answers for all. Names and labels are a contract: the changelog tells when one changes.
"""

LATE_LABELS = {
    "mogate_http_requests": ("route",),
    "mogate_smpp_bound": ("link",),
    "mogate_tls_cert_expiry_timestamp_seconds": ("listener",),
    "mogate_detection_rules": ("rule",),
    "mogate_campaign_state": ("campaign", "state"),
    "mogate_campaign_error_ratio": ("campaign",),
    "mogate_campaign_members": ("campaign", "state"),
}
"""Series that begin with what settings, files and operators name, by the labels that name it."""

_SHOWN_AS = {"Address": "`host:port`"}
Row = tuple[str, ...]

_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def settings_page() -> str:
    """Every setting with its type, default and environment variable."""
    schema = Settings.model_json_schema()
    lines = ["# Settings", MADE, inspect.cleandoc(schema["description"]), "", SETTINGS_PROSE]
    lines += ["## Top level", "", *_setting_rows(schema, schema, "MOGATE_")]
    return "\n".join(lines + _setting_tables(schema, schema, "", "MOGATE_"))


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# The `mogate` command", MADE, CLI_PROSE]
    for path, command, context in _commands(cli.main, click.Context(cli.main, info_name="mogate"), ("mogate",)):
        usage = " ".join([*path, *command.collect_usage_pieces(context)])
        lines += [f"## {' '.join(path)}", "", f"    {usage}", "", inspect.cleandoc(command.help or ""), ""]
        options = [param for param in command.params if isinstance(param, click.Option) and param.name != "as_machine"]
        records = [record for option in options if (record := option.get_help_record(context))]
        if records:
            lines += _table(("option", "meaning"), [(f"`{option}`", meaning) for option, meaning in records])
    return "\n".join(lines)


def metrics_page() -> str:
    """Every metric with its labels; ``/metrics`` serves these and nothing else."""
    rows: list[Row] = []
    for family in metrics.registry.collect():
        values: dict[str, list[str]] = {}
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label != "le" and value not in values.setdefault(label, []):
                    values[label].append(value)
        late = LATE_LABELS.get(family.name, ())
        values |= {label: [] for label in late}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = "; ".join(f"`{label}`: {_label_values(label, known)}" for label, known in values.items())
        rows.append((f"`{name}`", family.type, labels or "none", family.documentation))
    return "\n".join(["# Metrics", MADE, METRICS_PROSE, *_table(("metric", "type", "labels", "meaning"), rows)])


def _label_values(label: str, known: list[str]) -> str:
    if label == "code":
        return "each code"
    if not known:
        return f"each {label}"
    if label in ("version", "python"):
        return "one"
    return ", ".join(known)


def _setting_tables(schema: dict[str, Any], table: dict[str, Any], path: str, prefix: str) -> list[str]:
    """A section for each table in the table, and for those in them."""
    lines: list[str] = []
    for name, field in table["properties"].items():
        many = field.get("type") == "array"
        inner = _resolve(schema, field["items"] if many else field)
        if "properties" not in inner or inner["title"] in _SHOWN_AS:
            continue
        where = f"{path}{name}"
        inside = f"{prefix}{name.upper()}__{'0__' if many else ''}"
        lines += [f"## `[[{where}]]`" if many else f"## `[{where}]`", "", inspect.cleandoc(inner["description"]), ""]
        lines += _setting_rows(schema, inner, inside) + _setting_tables(schema, inner, f"{where}.", inside)
    return lines


def _setting_rows(schema: dict[str, Any], table: dict[str, Any], prefix: str) -> list[str]:
    rows: list[Row] = []
    for name, content in table["properties"].items():
        kind = _resolve(schema, content)
        if "properties" in kind and kind["title"] not in _SHOWN_AS:
            continue
        variable = f"`{prefix}{name.upper()}`"
        secret = content.get("format") == "password"
        default = (
            "none" if secret else "required" if name in table.get("required", ()) else _default(content.get("default"))
        )
        rows.append((f"`{name}`", _kind(schema, content), default, variable))
    return _table(("key", "value", "default", "environment"), rows)


def _kind(schema: dict[str, Any], content: dict[str, Any]) -> str:
    kind = _resolve(schema, content)
    if kind.get("title") in _SHOWN_AS:
        return _SHOWN_AS[kind["title"]]
    if "anyOf" in kind:
        return " or ".join(dict.fromkeys(_kind(schema, one) for one in kind["anyOf"] if one.get("type") != "null"))
    if "enum" in kind:
        return "one of " + ", ".join(f"`{value}`" for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of: {_kind(schema, kind['items'])}"
    if kind.get("type") == "object":
        values = kind.get("additionalProperties")
        return f"table of: {_kind(schema, values)}" if values else "tables, see below"
    text = {"path": "path", "ipv4network": "network", "ipv6network": "network"}.get(
        kind.get("format", ""), _KINDS[kind["type"]]
    )
    limits = [
        f"{sign} {kind[limit]}"
        for limit, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("maximum", "≤"))
        if limit in kind
    ]
    pattern = f" `{kind['pattern']}`" if "pattern" in kind else ""
    if kind.get("format") == "password":
        text = "secret"
    return text + (f" {', '.join(limits)}" if limits else "") + pattern


def _default(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    if isinstance(value, dict) and value.keys() == {"host", "port"}:
        return f"`{value['host']}:{value['port']}`"
    if isinstance(value, dict):
        return f"`{json.dumps(value, ensure_ascii=False)}`"
    return f"`{value}`"


def _resolve(schema: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """What is meant; of what may be left out, that which it is where it is there."""
    while True:
        given = [one for one in content.get("anyOf", ()) if one.get("type") != "null"]
        if len(given) == 1:
            content = given[0]
        elif "$ref" in content:
            content = schema["$defs"][content["$ref"].rpartition("/")[2]]
        else:
            return content


def _commands(
    command: click.Command, context: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    """Every command that does something, depth first; a group only leads to its own."""
    if not isinstance(command, click.Group):
        yield path, command, context
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _commands(below, click.Context(below, parent=context, info_name=name), (*path, name))


def _table(head: Row, rows: Sequence[Row]) -> list[str]:
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return [f"| {' | '.join(row)} |" for row in lines] + [""]


def main(*, check: bool) -> int:
    """Write the pages, or say which are out of date."""
    stale = []
    pages = {"settings": settings_page(), "cli": cli_page(), "metrics": metrics_page()}
    made = conformance.pages() | mo_pages.pages() | api_page.pages()
    pages |= {name: "\n".join([lines[0], MADE, *lines[2:]]) for name, lines in made.items()}
    for name, text in pages.items():
        file = FOLDER / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(str(file))
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for file in (FOLDER / "mo").glob("*.md"):
        if f"mo/{file.stem}" not in pages:
            stale.append(str(file))
            if not check:
                file.unlink()
    if check and stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python docs/generate.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
