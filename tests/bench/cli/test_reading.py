"""`levelfield report` and `levelfield compare` read stored records, and their exit codes say what was found."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.cli import report
from bench.records.record import Record, from_line, to_line
from tests.bench.cli.conftest import Command, Finished, Place
from tests.bench.sample_records import quick_run, record


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


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return store(tmp_path / "baseline.jsonl", quick_run())


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
    assert {line["contender"] for line in lines} == {"pytorch", "flax"}
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


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["report"], 6, "no runs yet; measure one with `levelfield run`"),
        (["report", "20260101"], 2, "run '20260101': no such run, folder or records file"),
        (["report", "--format", "pdf"], 2, "--format: found 'pdf', expected one of terminal, markdown, csv, json"),
        (
            ["compare", "a", "b", "--format", "csv"],
            2,
            "--format: found 'csv', expected one of terminal, markdown, json",
        ),
        (["baseline", "show"], 6, "no baseline yet; set one with `levelfield baseline set RUN --why TEXT`"),
        (["baseline", "clear"], 6, "found no baseline to forget"),
        (["compare", "latest", "latest"], 6, "no runs yet"),
        (["compare", "latest"], 2, "expected `compare BASELINE CANDIDATE` or `compare RUN --self-check`"),
        (["compare", "a", "b", "--threshold", "0"], 2, "--threshold: found 0, expected percent above 0 and below 1000"),
        (["compare", "a", "b", "--threshold", "nan"], 2, "--threshold: found nan, expected percent above 0"),
    ],
)
def test_nothing_to_read_ends_with_6_and_a_mistake_with_2(
    arguments: list[str], code: int, line: str, levelfield: Command, tmp_path: Path
) -> None:
    found = levelfield(*arguments, "--results", tmp_path)
    assert (found.code, found.out) == (code, "")
    assert found.err.startswith("levelfield: ")
    assert line in found.err
    assert found.err.count("\n") == 1


def test_a_file_without_a_record_ends_with_6(levelfield: Command, tmp_path: Path) -> None:
    empty = tmp_path / "records.jsonl"
    empty.write_text("")
    found = levelfield("report", empty)
    assert (found.code, found.err) == (6, f"levelfield: {empty}: no record in it\n")


def test_a_torn_and_a_foreign_line_are_skipped_with_file_and_line(levelfield: Command, place: Place) -> None:
    lines = place.records.read_text().splitlines()
    place.records.write_text("\n".join([lines[0], '{"format": "of another program"}', *lines[1:], lines[0][:99]]))
    found = levelfield("report", "--format", "csv", *place.places)
    assert found.code == 0
    warnings = found.err.splitlines()
    assert [warning.split(" skipped")[0] for warning in warnings] == [
        f"warning: {place.records}:{number}:" for number in (2, len(lines) + 2)
    ]
    place.records.write_text("\n".join(lines))
    assert levelfield("report", "--format", "csv", *place.places).out == found.out


def test_a_run_is_as_fast_as_itself(levelfield: Command, baseline: Path) -> None:
    found = levelfield("compare", baseline, baseline)
    assert found.code in {0, 4}
    assert "unchanged" in found.out
    assert "regressed" not in re.sub(r"(?i)0 regressed|regressed: 0", "", found.out)


def test_a_run_that_is_a_fifth_slower_ends_with_3(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    candidate = store(tmp_path / "candidate.jsonl", quick_run(), change=slower)
    found = levelfield("compare", baseline, candidate)
    assert found.code == 3
    assert "regressed" in found.out
    assert levelfield("compare", candidate, baseline).code != 3, "faster is no regression"
    assert levelfield("compare", baseline, candidate, "--threshold", "50").code != 3, "nor is less than the threshold"


def test_another_machine_ends_with_5(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    candidate = store(tmp_path / "candidate.jsonl", quick_run(), change=elsewhere)
    found = levelfield("compare", baseline, candidate)
    assert found.code == 5
    assert "another-machine" in found.out
    slow = store(tmp_path / "slow.jsonl", quick_run(), change=lambda content: elsewhere(slower(content)))
    assert levelfield("compare", baseline, slow).code == 5, "which comes before a regression"


def test_nothing_in_common_ends_with_6(levelfield: Command, tmp_path: Path) -> None:
    sides = [store(tmp_path / f"{name}.jsonl", quick_run(workloads=[name])) for name in ("digits-dnn", "digits-lstm")]
    assert levelfield("compare", *sides).code == 6


def test_a_case_that_failed_only_now_ends_with_1(levelfield: Command, tmp_path: Path) -> None:
    records = quick_run()

    def failed(content: Any) -> Any:  # noqa: ANN401 (JSON)
        if content["case"]["purpose"] != "learning":
            return content
        return content | {"outcome": "diverged", "error": "a loss is not a finite number"}

    sides = store(tmp_path / "before.jsonl", records), store(tmp_path / "after.jsonl", records, change=failed)
    assert levelfield("compare", *sides).code == 1
    assert levelfield("compare", *reversed(sides)).code in {0, 4}


def test_a_run_is_held_against_the_baseline_of_its_machine(levelfield: Command, place: Place) -> None:
    name, results = place.records.parent.name, ("--results", place.results)
    candidate = store(place.folder / "candidate.jsonl", list(map(from_line, place.records.read_text().splitlines())))
    missing = levelfield("compare", "baseline", candidate, *results)
    assert (missing.code, missing.out) == (2, "")
    assert "expected one: `levelfield baseline set RUN --why TEXT`" in missing.err
    told = levelfield("baseline", "set", "latest", "--why", "before the upgrade", "--who", "Ada", *results)
    assert told.code == 0
    assert told.out == levelfield("baseline", "show", *results).out
    assert f": {name}, set by Ada on 20" in told.out
    assert told.out.endswith(": before the upgrade\n")
    found = levelfield("compare", "baseline", candidate, *results)
    assert found.code == levelfield("compare", name, candidate, *results).code == 4  # one process says nothing
    assert name in found.out
    assert levelfield("baseline", "clear", *results).code == 0
    assert levelfield("baseline", "show", *results).code == 6


def test_a_baseline_needs_a_reason(levelfield: Command, place: Place) -> None:
    assert levelfield("baseline", "set", "latest", "--results", place.results).code == 2
    found = levelfield("baseline", "set", "latest", "--why", " ", "--results", place.results)
    assert (found.code, found.err) == (
        2,
        "levelfield: --why: found nothing, expected a reason that a colleague understands in a year\n",
    )


def test_budgets_end_with_3_where_one_is_broken(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.toml"
    for limit, code in ((1e9, 0), (1e-9, 3)):
        budgets.write_text(f'[[budget]]\nworkload = "digits-dnn"\nscenario = "inference"\nlatency_p90_ms = {limit}\n')
        found = levelfield("check", budgets, baseline)
        assert found.code == code
        assert ("BROKEN" in found.out) == (code == 3)
    budgets.write_text('[[budget]]\nworkload = "digits-gnn"\naccuracy = 0.5\n')
    assert levelfield("check", budgets, baseline).code == 6


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


def test_a_comparison_is_printed_for_programs_with_the_same_exit_code(
    levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    candidate = store(tmp_path / "candidate.jsonl", quick_run(), change=slower)
    found = {
        form: levelfield("compare", baseline, candidate, "--format", form) for form in ("json", "junit", "markdown")
    }
    assert {item.code for item in found.values()} == {3}
    assert json.loads(found["json"].out)["exit_code"] == 3
    assert found["junit"].out.startswith("<?xml")
    assert "| regressed" in found["markdown"].out


def test_on_github_the_page_goes_to_the_summary_of_the_job(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = store(tmp_path / "candidate.jsonl", quick_run(), change=slower)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    printed = levelfield("compare", baseline, candidate, "--format", "github").out
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("What was there before.\n")
    found = levelfield("compare", baseline, candidate, "--format", "github")
    summary = (tmp_path / "summary.md").read_text()
    assert found.code == 3
    assert found.out.startswith("::error ")
    assert summary.startswith("What was there before.\n")
    assert "| regressed" in summary
    assert printed == found.out + summary.removeprefix("What was there before.\n").removesuffix("\n")


def test_several_runs_of_a_side_are_compared_as_one(levelfield: Command, tmp_path: Path) -> None:
    """Each has a process of every cell, as `nox -s compare` measures them: alone they say nothing about noise."""
    runs = [
        store(tmp_path / f"{name}.jsonl", [item for item in quick_run(run=name) if item.case.replicate == number])
        for number, name in enumerate("abc")
    ]
    sides = ",".join(map(str, runs)), ",".join(map(str, runs))
    together = levelfield("compare", *sides)
    assert together.code in {0, 4}
    assert "unchanged" in together.out
    assert "a, b, c over a, b, c" in together.out
    assert "unchanged: " not in levelfield("compare", runs[0], runs[1]).out
    twice = levelfield("compare", runs[0], f"{runs[0]},{runs[0]}")
    assert "1 process in the baseline" in twice.out, "and a run that is named twice is one"
    assert "are the same run: nothing can differ" in twice.err


def in_turns(slow: float = 1.0) -> list[Record]:
    """A run of eight processes for each cell; PyTorch is slower in half of them where it is said so."""
    made = []
    for number in range(8):
        for framework in ("pytorch", "flax"):
            changed = slow != 1 and framework == "pytorch" and number % 4 in {1, 2}
            found = record(framework=framework, replicate=number, slowdown=slow if changed else 1.0)
            made.append(replace(found, settings={"planted": "calls take longer"} if changed else {}))
    return made


def test_a_run_is_held_against_itself(levelfield: Command, tmp_path: Path) -> None:
    same = levelfield("compare", store(tmp_path / "same.jsonl", in_turns()), "--self-check")
    assert same.code == 0
    assert "against itself" in same.out
    assert "planted" not in same.err
    found = levelfield("compare", store(tmp_path / "planted.jsonl", in_turns(1.2)), "--self-check")
    assert found.code == 3
    assert (
        "planted in digits-dnn pytorch training: calls take longer on the second side; "
        "found in 2 of 2 figures, 0 false alarms in the other 2"
    ) in found.err


def test_what_was_planted_in_one_of_two_runs_is_said(levelfield: Command, tmp_path: Path) -> None:
    plain, planted = (store(tmp_path / f"{slow}.jsonl", in_turns(slow)) for slow in (1.0, 1.2))
    assert "planted in digits-dnn pytorch training" in levelfield("compare", plain, planted).err
    assert "planted in" not in levelfield("compare", plain, plain).err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("one",), "found 'one', expected `compare BASELINE CANDIDATE` or `compare RUN --self-check`"),
        (
            ("one", "two", "--self-check"),
            "found 'one' and 'two' with --self-check, expected `compare BASELINE CANDIDATE`",
        ),
    ],
)
def test_a_comparison_has_two_runs_or_checks_itself(
    arguments: tuple[str, ...], expected: str, levelfield: Command
) -> None:
    found = levelfield("compare", *arguments)
    assert found.code == 2
    assert expected in found.err


def test_too_few_processes_cannot_be_held_against_each_other(levelfield: Command, baseline: Path) -> None:
    found = levelfield("compare", baseline, "--self-check")
    assert found.code == 2
    assert "found a run with 3 processes for each case, expected at least 4" in found.err
