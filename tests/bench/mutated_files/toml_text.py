"""Writes the content of a TOML file; the standard library only reads such files."""

import json
from collections.abc import Mapping
from typing import Any


def text(content: Mapping[str, Any]) -> str:
    """The content as TOML: a line for each key, a header for each table, and what is below in one line."""
    plain = {key: value for key, value in content.items() if not _is_table(value)}
    tables = {key: value for key, value in content.items() if _is_table(value)}
    return _lines(plain) + "".join(f"\n[{_key(key)}]\n{_lines(value)}" for key, value in tables.items())


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and bool(value)


def _lines(content: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in content.items())


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").isalnum() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:  # noqa: ANN401 (a value of TOML)
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())} }}"
    return str(value)  # a date or a time
