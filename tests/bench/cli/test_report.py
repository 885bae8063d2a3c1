"""`levelfield report` shows stored runs as a page, a table, or a file for another program."""

import csv
import io
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.cli import report
from bench.cli.page import without_folders
from bench.cli.report import FOREIGN
from bench.plan.options import Options
from bench.records.store import Plan, new_run
from bench.report.charts import catalogue
from tests.bench.cli.conftest import Command, Finished, Place
from tests.bench.cli.stored_files import store
from tests.bench.sample_records import quick_run, record


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

    def broken(_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(report, "show_page", broken)
    with pytest.raises(BrokenPipeError):
        levelfield("report", *place.places)
    assert "tiny" in page.read_text()


def test_a_view_is_refused_before_anything_is_written(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    found = levelfield("report", baseline, "--view", "workload=unknown", "--reports", tmp_path / "pages")
    assert found.code == 2
    assert "--view: workload: found 'unknown'" in found.err
    assert not (tmp_path / "pages" / "latest.md").exists()
    shown = levelfield("report", baseline, "--view", "workload=digits-cnn", "--reports", tmp_path / "pages")
    assert shown.code == 0
    assert '"view":"workload=digits-cnn"' in (tmp_path / "pages" / "latest.html").read_text()


def test_the_newest_run_can_be_asked_for_by_an_option(levelfield: Command, place: Place) -> None:
    assert levelfield("report", "--last", *place.places).out == levelfield("report", *place.places).out
    refused = levelfield("report", place.records, "--last", *place.places)
    assert refused.code == 2
    assert "--last: found" in refused.err


def test_a_report_names_runs_by_id_prefix_folder_and_file(levelfield: Command, place: Place) -> None:
    name = place.records.parent.name
    asked = (name, name[:12], place.records, "latest")
    pages = [levelfield("report", run, *place.places).out.partition("Everything:")[0] for run in asked]
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


def test_a_chart_that_cannot_be_drawn_costs_neither_the_page_nor_the_other_charts_and_ends_with_1(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> catalogue.Spec:
        raise ValueError("no room\nfor this")

    monkeypatch.setitem(catalogue.CHARTS, "learning-curves", replace(catalogue.CHARTS["learning-curves"], spec=refuse))
    found = levelfield("report", baseline, "--reports", tmp_path)
    line = "The chart 'Learning curves on cpu' could not be drawn (ValueError: no room). The tables have its figures."
    assert (found.code, found.err.splitlines()[0]) == (1, f"warning: {line}")
    page = (tmp_path / "latest.md").read_text()
    assert line in page
    assert "learning-curves" not in page
    assert page.count(".svg)") == len(list((tmp_path / "latest").glob("*.svg"))) == 8


def test_without_the_library_of_charts_the_page_says_so(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("altair", "bench.report.charts"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "altair", None)
    found = levelfield("report", baseline, "--reports", tmp_path)
    assert found.code == 1
    assert "No chart could be drawn: altair is not installed." in (tmp_path / "latest.md").read_text()


def test_a_folder_of_charts_that_cannot_be_written_costs_the_charts_alone(
    levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    (tmp_path / "latest").write_text("a file")
    found = levelfield("report", baseline, "--reports", tmp_path)
    assert found.code == 1
    assert "No chart could be drawn: " in (tmp_path / "latest.md").read_text()
    (tmp_path / "latest").unlink()
    assert levelfield("report", baseline, "--reports", tmp_path).code == 0


def cut(path: Path) -> None:
    """End the file in the middle of its last line."""
    path.write_bytes(path.read_bytes()[:-200])


def add(path: Path) -> None:
    """Add lines that are no records."""
    path.write_text(f"hello\n{path.read_text()}more\nand more\n")


def from_the_future(path: Path) -> None:
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2', 2))


DAMAGES = {
    "a last line that is cut off": (cut, ":81: skipped, found the beginning of a record, expected a record as a "),
    "lines of something else": (add, ":1: skipped, and so were lines 83, 84: found an incomplete or damaged line, exp"),
    "records of a later version": (from_the_future, ":1: skipped, and so was line 2: schema_version: found 2, expecte"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_records_that_could_not_be_read_are_told_on_the_page_and_by_the_exit_code(
    damage: str, levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    assert levelfield("report", baseline, "--reports", tmp_path).code == 0
    assert "INCOMPLETE" not in (tmp_path / "latest.md").read_text()
    harm, words = DAMAGES[damage]
    harm(baseline)
    found = levelfield("report", baseline, "--reports", tmp_path)
    assert (found.code, found.err.count("warning: ")) == (1, 1)
    assert f"warning: {baseline}{words}" in found.err
    assert f"INCOMPLETE: {baseline.name}{words}" in " ".join(found.out.split())
    assert f"INCOMPLETE: {baseline.name}{words}" in (tmp_path / "latest.md").read_text()
    for form in ("markdown", "csv", "json"):
        assert levelfield("report", baseline, "--format", form).code == 1
    assert levelfield("compare", baseline, baseline).code == 1
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[[budget]]\nworkload = "digits-dnn"\nstep_p50_ms = 1000.0\n')
    assert levelfield("check", budgets, baseline).code == 1


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json"])
def test_half_a_character_in_a_name_breaks_no_format(form: str, levelfield: Command, tmp_path: Path) -> None:
    """A damaged record may have one: JSON can escape it, and no file can contain it."""
    strange = store(tmp_path / "strange.jsonl", [record("mine\ud800")])
    found = levelfield("report", strange, "--format", form, "--reports", tmp_path)
    assert found.code == 0
    assert "mine" in found.out
    if form == "json":
        assert json.loads(found.out)[0]["workload"] == "mine\ud800"


def test_a_page_names_no_folder_of_a_file_even_if_the_folder_has_a_colon_in_its_name() -> None:
    line = "/home/ada/my:data/records.jsonl:81: skipped, found the beginning of a record"
    assert without_folders(line) == "INCOMPLETE: records.jsonl:81: skipped, found the beginning of a record"


def test_planned_cases_without_a_record_are_told_on_the_page_and_by_the_exit_code(
    levelfield: Command, tmp_path: Path
) -> None:
    run = new_run(tmp_path, machine="m")
    stored = quick_run(run=run.name, workloads=["digits-dnn"])
    options = {"options": asdict(Options(workload="digits-dnn"))}
    run.save_plan(Plan(cases=tuple(record.case for record in stored), options=options))
    store(run.records, stored)
    assert levelfield("report", run.folder, "--reports", tmp_path).code == 0
    store(run.records, stored[:-2])  # the file ends between two lines, so that no line is damaged
    found = levelfield("report", run.folder, "--reports", tmp_path)
    assert found.code == 1
    words = f"INCOMPLETE: {run.name}: 2 of {len(stored)} planned cases have no record: the run was interrupted"
    page = (tmp_path / "latest.md").read_text()
    assert words in page
    assert f"`levelfield run --resume {run.name} --results {run.folder.parents[1]}` measures them" in found.err
    assert f"`levelfield run --resume {run.name} --results DIR` measures them" in page
    assert str(tmp_path) not in page, "anybody may see a page"


def test_a_report_is_a_screen_and_in_full_it_has_every_table(
    levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    brief = levelfield("report", baseline, "--reports", tmp_path)
    full = levelfield("report", baseline, "--reports", tmp_path, "--full")
    assert (brief.code, full.code) == (0, 0)
    assert len(brief.out.splitlines()) <= 45
    assert f"Everything: `levelfield report {baseline} --full`, or the page." in brief.out
    assert "Learning curve" not in brief.out
    assert "Learning curve" in full.out
    refused = levelfield("report", baseline, "--full", "--format", "csv")
    assert (refused.code, refused.out) == (2, "")
    assert "--full: found --format csv beside it" in refused.err


@pytest.mark.parametrize("form", FOREIGN)
def test_a_format_for_another_program_can_be_written_to_a_file(
    form: str, levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    printed = levelfield("report", "--format", form, baseline)
    path = tmp_path / "out" / "levelfield.prom"
    path.parent.mkdir()
    path.write_text("old")
    written = levelfield("report", "--format", form, "--output", path, baseline)
    assert (written.code, written.out, path.read_text()) == (printed.code, "", printed.out)
    assert list(path.parent.iterdir()) == [path]
    assert printed.out


def test_a_file_is_never_half_written(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "levelfield.prom"
    path.write_text("old")

    def full(self: Path, text: str, **_: object) -> None:
        self.write_bytes(text.encode()[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    found = levelfield("report", "--format", "prometheus", "--output", path, baseline)
    assert found.code == 2
    assert f"--output: {path}: cannot be written (No space left on device)" in found.err
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".levelfield*"))


def test_what_is_no_file_is_not_replaced(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none" / "a.csv", baseline / "a.csv"):
        found = levelfield("report", "--format", "csv", "--output", path, baseline)
        assert (found.code, found.out) == (2, "")
        assert f"--output: {path}: " in found.err


def test_a_report_for_readers_has_no_output_file(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    found = levelfield("report", baseline, "--output", tmp_path / "page.md")
    assert found.code == 2
    assert "--output: found --format terminal beside it, expected --format csv or json or prometheus" in found.err
