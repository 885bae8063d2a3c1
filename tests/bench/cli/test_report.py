"""`levelfield report` shows stored runs as a page, a table, or a file for another program."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.cli import report
from bench.plan.options import Options
from bench.records.store import Plan, new_run
from tests.bench.cli.conftest import Command, Finished, Place
from tests.bench.cli.stored_files import store
from tests.bench.sample_records import quick_run


def test_the_report_of_the_newest_run_is_printed_and_written_again(levelfield: Command, place: Place) -> None:
    page = place.reports / "latest.md"
    before = page.read_text()
    page.unlink()
    found = levelfield("report", *place.places)
    assert found.code == 0
    assert "tiny" in found.out
    assert page.read_text() == before
    assert f"report: {page}" in found.err


def test_the_page_is_written_though_nobody_reads_on(
    levelfield: Command, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = place.reports / "latest.md"
    page.unlink(missing_ok=True)

    def broken(_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(report, "show", broken)
    with pytest.raises(BrokenPipeError):
        levelfield("report", *place.places)
    assert "tiny" in page.read_text()


def test_the_newest_run_can_be_asked_for_by_an_option(levelfield: Command, place: Place) -> None:
    assert levelfield("report", "--last", *place.places).out == levelfield("report", *place.places).out
    refused = levelfield("report", place.records, "--last", *place.places)
    assert refused.code == 2
    assert "--last: found" in refused.err


def test_a_report_names_runs_by_id_prefix_folder_and_file(levelfield: Command, place: Place) -> None:
    name = place.records.parent.name
    pages = [levelfield("report", run, *place.places).out for run in (name, name[:12], place.records, "latest")]
    assert len(set(pages)) == 1
    assert "tiny" in pages[0]


def test_a_report_as_csv_is_a_table(levelfield: Command, finished: Finished) -> None:
    found = levelfield("report", "--format", "csv", *finished.place.places)
    lines = list(csv.DictReader(io.StringIO(found.out)))
    assert found.code == 0
    assert {line["workload"] for line in lines} == {"tiny"}
    assert {line["framework"] for line in lines} == {"pytorch", "flax"}
    assert all(float(line["value"]) >= 0 for line in lines)
    assert {"samples_per_second", "test_accuracy", "host_peak_bytes"} <= {line["metric"] for line in lines}


def test_a_report_as_markdown_is_the_page_without_its_charts(levelfield: Command, finished: Finished) -> None:
    found = levelfield("report", "--format", "markdown", *finished.place.places)
    assert found.out.startswith("# ")
    assert (finished.place.reports / "latest.md").read_text().startswith(found.out.splitlines()[0])


def test_several_runs_make_one_report(levelfield: Command, place: Place, baseline: Path) -> None:
    found = levelfield("report", "--format", "csv", baseline, place.records)
    assert {line["workload"] for line in csv.DictReader(io.StringIO(found.out))} == {
        "tiny",
        "digits-dnn",
        "digits-cnn",
        "digits-lstm",
    }


def test_a_report_of_several_runs_repeats_each_of_them(levelfield: Command, tmp_path: Path) -> None:
    runs = [new_run(tmp_path, machine="m") for _ in range(2)]
    for run, workload in zip(runs, ("digits-dnn", "digits-cnn"), strict=True):
        store(run.records, quick_run(run=run.name, workloads=[workload]))
        run.save_plan(Plan(cases=(), options={"options": asdict(Options(workload=workload))}))
    both, alone = (
        levelfield("report", "--format", "markdown", *(run.folder for run in some)).out for some in (runs, runs[:1])
    )
    first, second = (f"levelfield run --workload {workload}" for workload in ("digits-dnn", "digits-cnn"))
    assert f"```sh\n{first}  # {runs[0].name}\n{second}  # {runs[1].name}\n```" in both
    assert f"```sh\n{first}\n```" in alone


@pytest.mark.parametrize("form", ["json", "pytest-benchmark", "github-action-benchmark"])
def test_a_report_for_another_program_is_json_alone(form: str, levelfield: Command, baseline: Path) -> None:
    found = levelfield("report", "--format", form, baseline)
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.out)


def test_two_runs_are_no_one_file_of_pytest_benchmark(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    other = store(tmp_path / "other.jsonl", quick_run(run="run-2"))
    found = levelfield("report", "--format", "pytest-benchmark", baseline, other)
    assert (found.code, found.out) == (2, "")
    assert "found several runs, expected one" in found.err
