"""Files of records for tests of what reads them, changed as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.records.record import Record
from bench.records.record_lines import to_line


def store(path: Path, records: list[Record], *, change: Callable[[Any], Any] = lambda content: content) -> Path:
    """A file of these records, each changed as JSON."""
    path.write_text("".join(json.dumps(change(json.loads(to_line(record)))) + "\n" for record in records))
    return path


def slower(content: Any) -> Any:  # noqa: ANN401 (JSON)
    """The same JSON with every time in nanoseconds a fifth longer."""
    if isinstance(content, dict):
        return {key: scaled(value) if key.endswith("_ns") else slower(value) for key, value in content.items()}
    return [slower(item) for item in content] if isinstance(content, list) else content


def scaled(value: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, list):
        return [scaled(item) for item in value]
    return None if value is None else round(value * 1.2)


def elsewhere(content: Any) -> Any:  # noqa: ANN401 (JSON)
    """The same JSON from another machine."""
    return content | {"environment": content["environment"] | {"machine": "another-machine"}}
