"""Write the reference in docs/commands.md and the JSON Schemas in docs/schema/.

    python docs/make_reference.py [--check]

The reference comes from the commands, the schemas from tui/json_output.py. With --check nothing is written; what is out of
date is named, and the exit code is 1.
"""

import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Annotated, Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import click

from core.records.metrics import METRICS
from tui import json_output
from tui.cli.app import ttsdash

DOCS = Path(__file__).parent
COMMANDS = DOCS / "commands.md"
MARK = "<!-- Everything below is generated: python docs/make_reference.py -->\n"
_BASIC: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_COMMON = {"--home", "--json", "--help"}

# What --json prints: schemas, with what they are for if there are several. An array has elements of that schema.
JSON: dict[str, dict[str, str]] = {
    "apply": {"proposal": ""},
    "benchmark": {"submission": ""},
    "doctor": {"findings": ""},
    "jobs cancel": {"job": "of one ID, an array of several", "cancelled-jobs": "with `--all`"},
    "jobs clean": {"removed-jobs": ""},
    "jobs edit": {"job": ""},
    "jobs list": {"job": "array", "activity": "with `--since-last`"},
    "jobs logs": {},
    "jobs move": {"moved-job": ""},
    "jobs pause": {"paused": "of the queue", "job": "of one ID, an array of several"},
    "jobs resume": {"paused": "of the queue", "job": "of one ID, an array of several"},
    "jobs retry": {"job": "array"},
    "jobs show": {"job-details": ""},
    "jobs wait": {"job": "array"},
    "optimize": {"submission": ""},
    "results check": {"check": ""},
    "results compare": {"compared-results": ""},
    "results export": {"exported": "with `--output`"},
    "results import": {"imported": ""},
    "results list": {"result": "array"},
    "results pareto": {"pareto-result": "array"},
    "results prune": {"pruned": ""},
    "results show": {"result-details": ""},
    "results trend": {"trend": "array"},
    "select": {"selection-history": ""},
    "serve": {},
    "speak": {},
    "voices add": {"registered-voice": ""},
    "voices download": {
        "registered-voice": "with NAME, otherwise an array of names",
        "download-progress": "a line on standard error, several times a second",
    },
    "voices import": {"registered-voice": ""},
    "voices list": {"voice": "array"},
    "voices remove": {"removed-voice": ""},
    "voices rename": {"voice": ""},
    "voices show": {"voice": ""},
    "voices verify": {"verified": ""},
    "worker install": {"service": ""},
    "worker run": {},
    "worker start": {"worker": ""},
    "worker status": {"worker": ""},
    "worker stop": {"worker": ""},
    "worker uninstall": {"service": ""},
}
_METRIC_TITLES = {metric.field: metric.title for metric in METRICS if metric.scale == 1.0}


def shapes() -> dict[str, type]:
    """Return every shape of `json_output` by the name of its schema: `JobDetailsJson` is `job-details`."""
    named = {name: shape for name, shape in vars(json_output).items() if is_typeddict(shape)}
    return {schema_name(shape): shape for name, shape in named.items() if name != "MetricsJson"}


def schema_name(shape: type) -> str:
    """Return the name of a shape's schema."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", shape.__name__.removesuffix("Json")).lower()


def schema(shape: type) -> dict[str, Any]:
    """Return the JSON Schema of a shape. Objects may have more keys than it lists."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{schema_name(shape)}.json",
        **_object(shape),
    }


def _object(shape: type) -> dict[str, Any]:
    hints = get_type_hints(shape, include_extras=True)
    properties = {name: _described(name, hint, shape) for name, hint in hints.items()}
    return {
        "title": schema_name(shape).replace("-", " "),
        "description": inspect.cleandoc(shape.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        "additionalProperties": True,
    }


def _described(name: str, hint: Any, shape: type) -> dict[str, Any]:
    found = _type(hint)
    if "unmeasured" in get_type_hints(shape) and name in _METRIC_TITLES:
        found["description"] = _METRIC_TITLES[name]
    return found


def _type(hint: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind of type
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _type(arguments[0])
    if origin is Annotated:
        return _type(arguments[0]) | {"description": arguments[1]}
    if origin in (types.UnionType, typing.Union):
        kinds = [_type(one) for one in arguments]
        if all(set(kind) == {"type"} for kind in kinds):
            return {"type": sorted({kind["type"] for kind in kinds}, key=list(_BASIC.values()).index)}
        return {"anyOf": kinds}
    if origin is typing.Literal:
        return {"type": "string"}
    if origin is list:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is tuple:
        return {
            "type": "array",
            "prefixItems": [_type(one) for one in arguments],
            "minItems": len(arguments),
            "maxItems": len(arguments),
        }
    if origin is dict:
        return {"type": "object", "additionalProperties": True if arguments[1] is Any else _type(arguments[1])}
    if is_typeddict(hint):
        return {"$ref": f"{schema_name(hint)}.json"}
    return {"type": _BASIC[hint]}


def _commands(group: click.Group, context: click.Context, path: str) -> list[tuple[str, click.Command, click.Context]]:
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        found.append((f"{path} {name}", command, inner))
        if isinstance(command, click.Group):
            found += _commands(command, inner, f"{path} {name}")
    return found


def commands_page() -> str:
    """Return docs/commands.md: what is written by hand, then the reference."""
    written, _, _ = COMMANDS.read_text(encoding="utf-8").partition(MARK)
    root = click.Context(ttsdash, info_name="ttsdash")
    sections = [_section(path, command, context) for path, command, context in _commands(ttsdash, root, "ttsdash")]
    return written + MARK + "\n" + "\n\n".join(sections) + "\n"


def _section(path: str, command: click.Command, context: click.Context) -> str:
    """Return usage, help, options and JSON of a command."""
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {path}", f"`{usage}`", inspect.cleandoc(command.help or "")]
    records = [
        option.get_help_record(context)
        for option in command.get_params(context)
        if isinstance(option, click.Option) and not _COMMON & set(option.opts)
    ]
    if any(records):
        rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record]
        parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    if not isinstance(command, click.Group):
        links = [_link(name, note) for name, note in JSON[path.removeprefix("ttsdash ")].items()]
        if links:
            parts.append(f"JSON: {'; '.join(links)}")
    return "\n\n".join(parts)


def _link(name: str, note: str) -> str:
    link = f"[{name}](schema/{name}.json)"
    return f"{link} ({note})" if note else link


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def pages() -> dict[Path, str]:
    """Return every generated file with its content."""
    schemas = {
        DOCS / "schema" / f"{name}.json": json.dumps(schema(shape), indent=2, ensure_ascii=False) + "\n"
        for name, shape in shapes().items()
    }
    return {COMMANDS: commands_page(), **schemas}


def outdated() -> list[Path]:
    """Return the generated files that differ from what is on disk, and schemas of shapes that no longer exist."""
    wanted = pages()
    stale = [
        path for path, content in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    return stale + [path for path in (DOCS / "schema").glob("*.json") if path not in wanted]


def main() -> int:
    stale = outdated()
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is out of date: run `python docs/make_reference.py`\n")
        return 1 if stale else 0
    wanted = pages()
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
