"""Reads a user's files in a process of its own: a question in JSON at its input, the answer in JSON at its output."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.datasets import description
from bench.datasets.own_files import new_arrays, new_workload, survey
from bench.datasets.own_files.new_workload import NewWorkload
from bench.errors import DataError, UsageError

Answer = dict[str, Any]
TABLES, IDX = (".csv", ".tsv", ".txt", ".parquet"), "*-idx3?ubyte*"


def facts(question: Mapping[str, Any]) -> Answer:
    """The description and the fingerprint of the data set of a table `[dataset]`."""
    import sklearn  # noqa: F401 (so that this process looks at the files itself)

    return description.facts(question["table"])


def new(question: Mapping[str, Any]) -> Answer:
    """The TOML file of a workload for a file or a folder, and what was decided."""
    found = _new(question)
    return {"text": found.text, "decided": list(found.decided)}


def _new(question: Mapping[str, Any]) -> NewWorkload:
    path, kind, target = Path(question["path"]), question["kind"], question["target"]
    places: dict[str, str] = {"name": question["name"], "relative": question["relative"]}
    if kind is not None and (path.is_dir() or path.suffix.casefold() == ".npz"):
        raise UsageError("--kind: found it for arrays or a folder, expected none: only tables may be series")
    if path.is_dir():
        if target is not None:
            raise UsageError("--target: found it for a folder, expected none: its labels are known")
        is_idx = any(path.glob(IDX))
        return (new_arrays.idx_folder if is_idx else new_arrays.images)(path, **places)
    if not path.exists():
        raise DataError(f"{path}: there is no such file")
    if path.suffix.casefold() == ".npz":
        return new_arrays.array_file(path, target=target, **places)
    if path.suffix.casefold() not in TABLES:
        raise DataError(
            f"{path}: found the ending {path.suffix!r}, expected a table ({', '.join(TABLES)}), arrays (.npz), or a "
            "folder with images or IDX files"
        )
    found = survey.look(path)
    as_series = new_workload.is_series(found) if kind is None else kind == "series"
    return (new_workload.series if as_series else new_workload.table)(path, found, target=target, **places)


QUESTIONS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {"facts": facts, "new": new}


def main() -> None:
    """Answer the question at the standard input."""
    question = json.load(sys.stdin)
    try:
        answer = QUESTIONS[question["question"]](question)
    except (DataError, UsageError) as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
