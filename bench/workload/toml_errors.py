"""Reads TOML files, and turns a mistake in one into one line: file, key, what was found, what is expected."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Never

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bench.errors import (
    UsageError,
    expected,
    found_and_expected,
    key_name,
    meant,
    unreadable,
    without_consequences,
)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises UsageError if the file cannot be read or is not valid TOML."""
    try:
        content = path.read_bytes()
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise UsageError(f"{path}: {unreadable(error)}, expected a TOML file") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}: not valid TOML: found text that is not UTF-8 in line {line}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {_in_plain_words(str(error))}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        raise UsageError(f"{path}: not valid TOML: found a number or a nested list that is too long to read") from None


def _in_plain_words(text: str) -> str:
    """The text of Python's reader of TOML without Python's signs, in one line."""
    text = text.replace("Cannot overwrite a value", "Found the same key twice")
    text = re.sub(r"Cannot declare \('([^)]*?)',?\) twice", r"Found the table [\1] twice", text)
    return text.replace("', '", ".").replace(r"'\n'", "(the line ends there)")


def refuse(source: Path, table: str, error: ValidationError, *, kind: type[Any], decided: Iterable[str] = ()) -> Never:
    """Raise UsageError with one line about all mistakes: file, and for each its key, what was found and expected.

    The keys in `decided` are not listed as allowed, since the data set sets them.
    """
    raise UsageError(f"{source}: {'; '.join(mistakes(table, error, kind=kind, decided=decided))}")


def mistakes(table: str, error: ValidationError, *, kind: type[Any], decided: Iterable[str] = ()) -> list[str]:
    """A text about each mistake: the key, what was found, what is expected.

    Unknown keys come first. A missing key is left out if an unknown key looks like it, because it is misspelt.
    """
    schema, hidden = TypeAdapter(kind).json_schema(), set(decided)
    texts = (_text(table, item, schema, hidden) for item in without_consequences(error.errors()))
    return list(dict.fromkeys(texts))


def _text(table: str, mistake: ErrorDetails, schema: dict[str, Any], decided: set[str]) -> str:
    path, known = _place(schema, mistake["loc"])
    key = key_name((*filter(None, (table,)), *path))
    match mistake["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            keys = sorted(known - decided)
            return f"{key}: unknown key{meant(str(path[-1]), keys)}, expected one of {', '.join(keys)}"
        case "value_error":
            return f"{key}: {mistake['ctx']['error']}"
        case "union_tag_invalid":
            tag, tags = str(mistake["ctx"]["tag"]), mistake["ctx"]["expected_tags"]
            near = meant(tag, re.findall(r"'([^']+)'", tags))
            return f"{key}.name: found {tag!r}{near}, expected one of {tags}"
        case "union_tag_not_found":
            return f"{key}.name: found nothing, expected {expected(mistake)}"
        case "missing" | "missing_keyword_only_argument":
            return f"{key}: found nothing, expected {expected(mistake)}"
    return f"{key}: {found_and_expected(mistake)}"


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
