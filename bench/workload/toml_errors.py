"""TOML files, and a mistake in one as one line: file, key, what was found, what is allowed."""

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Never

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError

# What pydantic would say in words of its own.
EXPECTED = {
    "string_pattern_mismatch": "lower-case letters, digits and hyphens",
    "model_attributes_type": 'a table, as in { name = "adam" }',
    "dataclass_type": "a table",
    "too_short": "at least one item",
}

UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says; raises UsageError where it says nothing that can be understood."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: found {error.strerror}, expected a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from None


def meant(found: str, known: Iterable[str]) -> str:
    """The known names that a misspelt one may stand for, as a remark behind an error; nothing where none is near."""
    near = get_close_matches(found, tuple(known))
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def refuse(source: Path, table: str, error: ValidationError, *, kind: type[Any], decided: Iterable[str] = ()) -> Never:
    """One line for one mistake: where, what was found, what is allowed; the keys in `decided` are not.

    A key that nobody knows comes first: it may well be the missing one, misspelt.
    """
    mistakes = error.errors()
    mistake = next((item for item in mistakes if item["type"] in UNKNOWN_KEY), mistakes[0])
    path, known = _place(TypeAdapter(kind).json_schema(), mistake["loc"])
    key = f"{source}: " + ".".join(filter(None, (table, *path)))
    keys = sorted(known - set(decided))
    found = repr(mistake["input"])
    if mistake["type"] in {"missing", "missing_keyword_only_argument"}:
        raise UsageError(f"{key}: found nothing, expected a value")
    if mistake["type"] in UNKNOWN_KEY:
        raise UsageError(f"{key}: found {found}, expected no such key: the keys are {', '.join(keys)}")
    if mistake["type"] == "value_error":
        raise UsageError(f"{key}: {mistake['ctx']['error']}")
    if mistake["type"] == "union_tag_invalid":
        about = mistake["ctx"]
        raise UsageError(f"{key}.name: found {about['tag']!r}, expected one of {about['expected_tags']}")
    if mistake["type"] == "union_tag_not_found":
        raise UsageError(f"{key}.name: found nothing, expected a value")
    expected = EXPECTED.get(mistake["type"]) or mistake["msg"].removeprefix("Input should be ")
    raise UsageError(f"{key}: found {found}, expected {expected}")


def _place(schema: dict[str, Any], location: tuple[int | str, ...]) -> tuple[list[str], set[str]]:
    """The keys that lead to a place in a file, and the keys that are allowed beside the last of them."""
    node, keys, path = schema, set[str](), []
    for part in location:
        node = next((option for option in node.get("anyOf", ()) if option.get("type") != "null"), node)
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        if "discriminator" in node:  # the name of the option, which is no key of the file
            node = {"$ref": node["discriminator"]["mapping"][part]}
            continue
        path.append(str(part))
        keys = set(node.get("properties", {}))
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return path, keys
