"""Reads TOML files, and turns a mistake in one into one line: file, key, what was found, what is expected."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Never

from pydantic import TypeAdapter, ValidationError

from bench.errors import UsageError, expected, found_and_expected, key_name, meant, unreadable

UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises UsageError if the file cannot be read or is not valid TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {unreadable(error)}, expected a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def refuse(source: Path, table: str, error: ValidationError, *, kind: type[Any], decided: Iterable[str] = ()) -> Never:
    """Raise UsageError with one line about the first mistake: file, key, what was found, what is expected.

    The keys in `decided` are not listed as allowed, since the data set sets them. An unknown key is reported before a
    missing one, because the missing key may be misspelt.
    """
    mistakes = error.errors()
    mistake = next((item for item in mistakes if item["type"] in UNKNOWN_KEY), mistakes[0])
    path, known = _place(TypeAdapter(kind).json_schema(), mistake["loc"])
    key = f"{source}: {key_name((*filter(None, (table,)), *path))}"
    match mistake["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            keys = sorted(known - set(decided))
            raise UsageError(f"{key}: unknown key{meant(str(path[-1]), keys)}, expected one of {', '.join(keys)}")
        case "value_error":
            raise UsageError(f"{key}: {mistake['ctx']['error']}")
        case "union_tag_invalid":
            about = mistake["ctx"]
            raise UsageError(f"{key}.name: found {about['tag']!r}, expected one of {about['expected_tags']}")
        case "union_tag_not_found":
            raise UsageError(f"{key}.name: found nothing, expected {expected(mistake)}")
        case "missing" | "missing_keyword_only_argument":
            raise UsageError(f"{key}: found nothing, expected {expected(mistake)}")
    raise UsageError(f"{key}: {found_and_expected(mistake)}")


def _place(schema: dict[str, Any], location: tuple[int | str, ...]) -> tuple[list[int | str], set[str]]:
    """The path of keys to a place in a file, and the keys that are allowed in the table of the last one."""
    node, keys, path = schema, set[str](), list[int | str]()
    for part in location:
        node = next((option for option in node.get("anyOf", ()) if option.get("type") != "null"), node)
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        if "discriminator" in node:  # pydantic adds the name of the chosen type here, which is not a key of the file
            node = {"$ref": node["discriminator"]["mapping"][part]}
            continue
        path.append(part)
        keys = set(node.get("properties", {}))
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return path, keys
