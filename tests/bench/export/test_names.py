"""Two cells that differ in one field have two names in every export, and two processes of one cell have one."""

import csv as csv_module
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import pytest
from junitparser import JUnitXml

from bench.analysis import budgets
from bench.analysis.compare import compare
from bench.errors import UsageError
from bench.export import csv, github, github_action_benchmark, junit, prometheus, pytest_benchmark, tensorboard
from bench.export import json as json_export
from bench.records.budget import Budget
from bench.records.cell import Cell, cells, names
from bench.records.record import Record
from bench.report import budgets as budget_page
from bench.report import comparison as comparison_page
from tests.bench.sample_records import record

# Another value for each field of a cell.
OTHERS: dict[str, dict[str, object]] = {
    "workload": {"workload": "digits-cnn"},
    "scenario": {"scenario": "inference"},
    "device": {"device": "cuda:0"},
    "mode": {"mode": "tuned"},
    "precision": {"precision": "bf16"},
    "threads": {"threads": 7},
    "feed": {"feed": "host"},
    "batch_size": {"batch_sizes": (64,)},
    "contender": {"framework": "keras", "backend": "jax"},
}
PLAIN = record()


def processes(item: Record, *, slowdown: float = 1.0) -> list[Record]:
    """Three processes of the same cell."""
    case = item.case
    made = []
    for number in range(3):
        timed = record(
            case.workload,
            case.contender,
            case.scenario,
            replicate=number,
            batch_sizes=case.batch_sizes,
            device=case.device,
            slowdown=slowdown * (1 + number / 1000),
        )
        made.append(replace(timed, case=replace(case, replicate=number)))
    return made


def other(field: str) -> Record:
    return replace(PLAIN, case=replace(PLAIN.case, **OTHERS[field]))  # type: ignore[arg-type]


def _lines(text: str) -> list[str]:
    """The names of annotations, without their figures."""
    return [line.split("::")[2].split(" times as long")[0].rsplit(" ", 1)[0] for line in text.splitlines()]


def _slower(records: Sequence[Record]) -> list[Record]:
    return [late for item in records if item.case.replicate == 0 for late in processes(item, slowdown=2)]


def _named_by_csv(records: Sequence[Record]) -> list[str]:
    rows = csv_module.reader(io.StringIO(csv.render(records)))
    return [" ".join(row[: 1 + len(fields(Cell)) + 1]) for row in list(rows)[1:]]


def _named_by_json(records: Sequence[Record]) -> list[str]:
    rows = json.loads(json_export.report(records))
    figures = ("value", "low", "high", "processes", "unit")
    return [str({key: value for key, value in row.items() if key not in figures}) for row in rows]


def _named_by_prometheus(records: Sequence[Record]) -> list[str]:
    return [line.rpartition(" ")[0] for line in prometheus.render(records).splitlines() if line[0] != "#"]


def _named_by_pytest(records: Sequence[Record]) -> list[str]:
    return [item["name"] for item in json.loads(pytest_benchmark.render(records))["benchmarks"]]


def _named_in_full_by_pytest(records: Sequence[Record]) -> list[str]:
    return [item["fullname"] for item in json.loads(pytest_benchmark.render(records))["benchmarks"]]


def _named_by_the_action(records: Sequence[Record]) -> list[str]:
    return [item["name"] for item in json.loads(github_action_benchmark.render(records))]


def _tests(text: str) -> list[str]:
    return [f"{case.classname} {case.name}" for suite in JUnitXml.fromstring(text.encode()) for case in suite]


def _named_by_junit(records: Sequence[Record]) -> list[str]:
    return [
        name for name in _tests(junit.render(compare(records, _slower(records), threshold=0.05))) if "all" not in name
    ]


def _named_in_annotations(records: Sequence[Record]) -> list[str]:
    found = compare(records, _slower(records), threshold=0.05)
    return _lines(github.annotations(replace(found, common=None)))


def _named_on_the_page(records: Sequence[Record]) -> list[str]:
    table = comparison_page.report(compare(records, _slower(records), threshold=0.05)).sections[0].tables[0]
    return [" ".join(entry.text for entry in row[:4]) for row in table.rows]


LIMITS = [Budget(workload=name, samples_per_second=1e12) for name in ("digits-dnn", "digits-cnn")]


def _checked(records: Sequence[Record]) -> budgets.Checks:
    known = {item.case.workload for item in records}
    return budgets.check([limit for limit in LIMITS if limit.workload in known], records)


def _named_by_check(records: Sequence[Record]) -> list[str]:
    table = budget_page.report(_checked(records), title="").sections[0].tables[0]
    return [row[0].text for row in table.rows]


def _named_by_check_in_junit(records: Sequence[Record]) -> list[str]:
    return _tests(junit.render(_checked(records)))


def _named_by_check_in_annotations(records: Sequence[Record]) -> list[str]:
    return [line.split(": samples")[0] for line in github.annotations(_checked(records)).splitlines()]


EXPORTS: dict[str, Callable[[Sequence[Record]], list[str]]] = {
    "csv": _named_by_csv,
    "json": _named_by_json,
    "prometheus": _named_by_prometheus,
    "pytest-benchmark": _named_by_pytest,
    "pytest-benchmark in full": _named_in_full_by_pytest,
    "github-action-benchmark": _named_by_the_action,
    "junit": _named_by_junit,
    "annotations": _named_in_annotations,
    "page": _named_on_the_page,
    "check": _named_by_check,
    "check in junit": _named_by_check_in_junit,
    "check in annotations": _named_by_check_in_annotations,
}


def test_there_is_another_value_for_each_field_of_a_cell() -> None:
    assert set(OTHERS) == {field.name for field in fields(Cell)}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("field", OTHERS)
def test_two_cells_that_differ_in_one_field_have_two_names(export: str, field: str) -> None:
    found = EXPORTS[export]([*processes(PLAIN), *processes(other(field))])
    assert len(found) >= 2
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("export", EXPORTS)
def test_the_processes_of_one_cell_have_one_name(export: str) -> None:
    """A number behind each name would make names unique, and would tell nothing."""
    alone = EXPORTS[export](processes(PLAIN))
    both = EXPORTS[export]([*processes(PLAIN), *processes(other("mode"))])
    assert len(both) == 2 * len(alone)


def test_what_is_usual_is_not_in_a_name_and_threads_are_only_where_they_vary() -> None:
    (plain,), (tuned,), (busy,) = (cells(item.case) for item in (PLAIN, other("mode"), other("threads")))
    assert names([plain, tuned]) == {
        plain: "digits-dnn pytorch training on cpu, batch 32",
        tuned: "digits-dnn pytorch training on cpu, batch 32, tuned",
    }
    assert names([plain, busy])[busy] == "digits-dnn pytorch training on cpu, batch 32, 7 threads"


@pytest.mark.parametrize("field", ["workload", "device", "mode", "precision", "feed", "contender", "seed"])
def test_two_networks_that_differ_in_one_field_have_two_folders_of_curves(field: str, tmp_path: Path) -> None:
    learnt = record(purpose="learning")
    second = replace(learnt, case=replace(learnt.case, **(OTHERS | {"seed": {"seed": 1}})[field]))  # type: ignore[arg-type]
    tensorboard.write(learnt, tmp_path)
    tensorboard.write(second, tmp_path)
    assert len({path.parent for path in tmp_path.rglob("*tfevents*")}) == 2


@pytest.mark.parametrize("workload", ["../outside", "a/b", "..", ".", "", "=1+1", "a b%c?ä"])
def test_the_name_of_a_workload_cannot_lead_out_of_the_folder_of_curves(workload: str, tmp_path: Path) -> None:
    tensorboard.write(record(workload, purpose="learning"), tmp_path / "in" / "here")
    (path,) = tmp_path.rglob("*tfevents*")
    assert len(path.relative_to(tmp_path / "in" / "here").parts) == 3


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_only_a_text(begin: str) -> None:
    row = list(csv_module.reader(io.StringIO(csv.render([record(f"{begin}1+1")]))))[1]
    assert f"'{begin.replace(chr(13), ' ')}1+1" in row
    assert "digits-dnn" in list(csv_module.reader(io.StringIO(csv.render([record()]))))[1]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x08", "\ufffe", "\ud800"])
def test_a_character_that_xml_cannot_contain_does_not_break_the_file(character: str) -> None:
    for text in (character, "ä & <b> \" ' 🙂"):
        found = junit.render(budgets.check([Budget(workload=f"my {text}", loss=1.0)], [PLAIN]))
        (name,) = _tests(found)
        assert name.startswith("my ")
        assert (text in name) == (text != character)


def test_points_of_two_runs_would_have_one_name_and_are_refused() -> None:
    one, two = ([replace(item, run=run) for item in processes(PLAIN)] for run in ("run-a", "run-b"))
    with pytest.raises(UsageError, match="in the runs run-a and run-b, expected one run"):
        github_action_benchmark.render([*one, *two])
    parts = [*one, *(replace(item, run="run-b") for item in processes(other("contender")))]
    assert len(json.loads(github_action_benchmark.render(parts))) == 4
