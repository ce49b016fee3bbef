"""The JSON Schemas in docs/schema, and a check of what a command printed."""

import copy
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

_FOLDER = Path(__file__).parent.parent / "docs/schema"
SCHEMAS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))}


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without room for further keys, so that a key that it lacks is found."""
    strict = copy.deepcopy(schema)
    strict["additionalProperties"] = False
    return strict


REGISTRY: Registry = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(_strict(schema))) for name, schema in SCHEMAS.items()
)


def check(printed: object, name: str) -> None:
    """Hold what was printed against a schema: every promised key, no other, and the promised types."""
    validator = Draft202012Validator(_strict(SCHEMAS[name]), registry=REGISTRY)
    assert [f"{list(error.path)}: {error.message[:300]}" for error in validator.iter_errors(printed)] == []
