"""A CSV file as people have it ends in a result with all its rows and columns, or in one message."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from bench.datasets import base
from bench.datasets.own_files import rows
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.rows import Row
from bench.workload.workload import Workload, load_workload
from tests.bench.mutated_files import damage, tables, toml_text
from tests.bench.mutated_files.examples import FEW, study
from tests.bench.mutated_files.tables import Sheet
from tests.bench.mutated_files.verdict import End, levelfield, problems

LINE_END = re.compile(r"\r\n|\r|\n")
OPTIONS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {"header": True}, {"header": False, "target": "3"}, {"header": False, "target": "2"}),
    *({"drop": ["a"]}, {"drop": [""]}, {"features": ["a"]}, {"classes": ["no", "yes"]}, {"stratify": True}),
    *({"folds": 2}, {"folds": 3, "stratify": True}, {"standardise": True}, {"validation": 0.3}),
    *({"standardise": True, "standardise_target": True}, {"validation": 0.5, "validation_from": "test"}),
    *({"missing": "median"}, {"missing": "mean", "standardise": True}, {"missing": 0.5}, {"categories": ["a"]}),
    *({"categories": ["a"], "missing": "category"}, {"dates": ["a"]}, {"separator": ";"}, {"decimal": ","}),
    *({"separator": ";", "decimal": ","}, {"encoding": "cp1252"}, {"groups": "a"}, {"gaps": ["1"]}, {"scale": 2.0}),
)
numbers = count()


def workload(folder: Path, content: bytes, options: dict[str, Any], recipe: dict[str, Any]) -> Path:
    """A workload with a CSV file of this content; no file is used twice, since files are read once."""
    data = folder / f"data{next(numbers)}.csv"
    data.write_bytes(content)
    path = data.with_suffix(".toml")
    given = {
        "name": "mine",
        "dataset": {"kind": "csv", "path": data.name, "target": "y", **options},
        "model": {"family": "dnn", "hidden": [{"units": 2}]},
        "recipe": {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 2, "epochs": 1, **recipe},
    }
    path.write_text(toml_text.text(given))
    return path


def read(path: Path) -> Workload:
    """The workload; all parts of its data are read as a process reads them before it trains."""
    found = load_workload(str(path))
    data, about = base.load(found.dataset), found.description
    parts = [data.train, data.test, *([data.validation] if about.validation else [])]
    assert [len(part) for part in parts] == [about.train, about.test, about.validation][: len(parts)]
    return found


def rows_of(content: bytes, *, header: bool) -> int | None:
    """The rows of a file by its lines, in a way that does not use the reader; None if cells may have line breaks."""
    if b'"' in content:
        return None
    lines = [line for line in LINE_END.split(content.decode("utf-8-sig")) if line.strip(rows.BLANKS)]
    return len(lines) - header


def losses(found: Workload, content: bytes, options: dict[str, Any], names: tuple[str, ...] | None) -> list[str]:
    """Rows and columns of the file that the data set does not have."""
    about = found.description
    used, in_file = about.train + about.test + about.validation, rows_of(content, header=options.get("header", True))
    lost = [f"{used} of {in_file} rows"] if in_file not in {None, used} else []
    chosen = options.keys() & {"features", "drop", "groups"}
    if names is not None and not chosen and len(about.features) != len(names) - 1:
        lost.append(f"{len(about.features)} of {len(names) - 1} columns")
    return lost


def end_of(path: Path, command: str) -> End:
    """How a command ends that reads the workload."""
    run = ("run", "--dry-run", "--framework", "pytorch", "--results", path.parent / "results", "--workload", path)
    return levelfield(*{"show": ("show", path), "run": run}[command])


def check_csv(folder: Path, data: DataObject) -> None:
    classes = data.draw(st.booleans())
    sheet: Sheet = tables.sheet(data, classes=classes)
    for _ in range(data.draw(st.integers(0, 2))):
        sheet = tables.mistaken(data, sheet)
    content, names = sheet.text().encode("utf-8", "replace"), sheet.names
    is_damaged = data.draw(st.integers(0, 3)) == 0
    if is_damaged:
        content = damage.damaged(data, content, most=1)
    options: dict[str, Any] = {"task": "classification" if classes else "regression"}
    options |= data.draw(st.sampled_from(OPTIONS))
    recipe: dict[str, Any] = data.draw(st.sampled_from([{}, {"validation_fraction": 0.25}, {"batch_size": 1}]))
    path = workload(folder, content, options, recipe)
    end = end_of(path, data.draw(st.sampled_from(["show", "run"])))
    assert problems(end, named=path.name, codes={0}) == []
    if end.code == 0:
        assert losses(read(path), content, options, None if is_damaged else names) == []


@FEW
@given(st.data())
def test_a_mutated_csv_file_ends_in_a_result_with_all_rows_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_csv(folder, data)


@study
@given(st.data())
def test_400_mutated_csv_files_end_in_a_result_with_all_rows_or_in_one_message(folder: Path, data: DataObject) -> None:
    check_csv(folder, data)


RIGHT = "a,b,y\n" + "".join(f"{row},{row % 7},{row % 3}\n" for row in range(5, 35))


def test_a_right_csv_file_has_all_its_rows_and_columns(folder: Path) -> None:
    for task, content in (("classification", RIGHT), ("regression", RIGHT.replace("\n", "\r\n"))):
        path = workload(folder, content.encode(), {"task": task}, {})
        assert end_of(path, "show").code == end_of(path, "run").code == 0
        found = read(path)
        assert (found.description.features, found.description.train, found.description.test) == (("a", "b"), 24, 6)
        assert losses(found, content.encode(), {}, ("a", "b", "y")) == []


def test_a_reader_that_loses_a_row_would_be_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows.rows

    def shorter(path: Path, notation: Notation) -> Iterator[Row]:
        return (row for row in whole(path, notation) if row.line != 3)

    monkeypatch.setattr(rows, "rows", shorter)
    found = read(workload(folder, RIGHT.encode(), {"task": "regression"}, {}))
    assert losses(found, RIGHT.encode(), {}, ("a", "b", "y")) == ["29 of 30 rows"]
    assert losses(found, RIGHT.encode(), {}, ("a", "b", "c", "y")) == ["29 of 30 rows", "2 of 3 columns"]
