"""`levelfield compare` holds stored runs against each other, and its exit code says what was found."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import Record
from bench.report.page import sheet
from tests.bench.cli.conftest import Command
from tests.bench.cli.stored_files import elsewhere, slower, store
from tests.bench.sample_records import quick_run, record


def test_a_run_is_as_fast_as_itself(levelfield: Command, baseline: Path) -> None:
    found = levelfield("compare", baseline, baseline)
    assert found.code in {0, 4}
    assert "unchanged" in found.out
    assert "regressed" not in re.sub(r"(?i)0 regressed|regressed: 0", "", found.out)


def test_a_torn_line_is_told_on_the_page_with_the_exit_code_of_the_command(
    levelfield: Command, baseline: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(baseline.read_bytes() + b'{"schema_version": 1, "run": "a')
    found = levelfield("compare", torn, baseline)
    whole = levelfield("compare", baseline, baseline)
    assert (found.code, whole.code) == (1, 0)
    assert "INCOMPLETE: torn.jsonl:" in " ".join(found.out.split())
    assert "Exit code? 1:" in " ".join(found.out.split())
    assert "Exit code? 0:" in " ".join(whole.out.split())
    page = (tmp_path / "reports" / "comparison.html").read_text()
    assert '["Exit code?",[["0",' in page, "the page is that of the last comparison"


def test_a_page_that_cannot_be_made_costs_neither_verdicts_nor_exit_code(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> str:
        raise ValueError("a damaged library")

    monkeypatch.setattr(sheet, "render", broken)
    candidate = store(tmp_path / "candidate.jsonl", quick_run(), change=slower)
    found = levelfield("compare", baseline, candidate)
    assert found.code == 3
    assert "could not be made (ValueError: a damaged library); everything was printed above" in found.err


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


def test_different_workloads_end_with_5_and_both_sides_are_named(levelfield: Command, tmp_path: Path) -> None:
    sides = [store(tmp_path / f"{name}.jsonl", quick_run(workloads=[name])) for name in ("digits-dnn", "digits-lstm")]
    found = levelfield("compare", *sides)
    assert found.code == 5
    assert "workloads: digits-dnn in the baseline, digits-lstm in the candidate" in " ".join(found.out.split())


def test_nothing_in_common_ends_with_6(levelfield: Command, tmp_path: Path) -> None:
    sides = [store(tmp_path / f"{name}.jsonl", [record(framework=name)]) for name in ("pytorch", "flax")]
    found = levelfield("compare", *sides)
    assert found.code == 6
    assert "nothing that was measured in both; framework: pytorch in the baseline, flax in the cand" in found.err
    assert "framework: pytorch in the baseline" in levelfield("compare", *sides, "--format", "junit").out


def test_a_case_that_failed_only_now_ends_with_1(levelfield: Command, tmp_path: Path) -> None:
    records = quick_run()

    def failed(content: Any) -> Any:  # noqa: ANN401 (JSON)
        if content["case"]["purpose"] != "learning":
            return content
        return content | {"outcome": "diverged", "error": "a loss is not a finite number"}

    sides = store(tmp_path / "before.jsonl", records), store(tmp_path / "after.jsonl", records, change=failed)
    assert levelfield("compare", *sides).code == 1
    assert levelfield("compare", *reversed(sides)).code in {0, 4}


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
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    assert levelfield("compare", baseline, candidate, "--format", "github").out == printed
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("What was there before.\n")
    found = levelfield("compare", baseline, candidate, "--format", "github")
    summary = (tmp_path / "summary.md").read_text()
    assert found.code == 3
    assert found.out.startswith("::error ")
    assert summary.startswith("What was there before.\n")
    assert "| regressed" in summary
    assert printed == found.out + summary.removeprefix("What was there before.\n").removesuffix("\n")


def test_a_summary_that_cannot_be_written_ends_with_one_line(
    levelfield: Command, baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "missing" / "summary.md"))
    found = levelfield("compare", baseline, baseline, "--format", "github")
    assert found.code == 2
    assert "summary.md: cannot be written (No such file or directory)" in found.err
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert levelfield("compare", baseline, baseline, "--format", "github").code in {0, 4}


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
    assert "a, b, c compared with a, b, c" in together.out
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
    assert "compared with the other" in same.out
    assert "planted" not in same.err
    found = levelfield("compare", store(tmp_path / "planted.jsonl", in_turns(1.2)), "--self-check")
    assert found.code == 3
    assert (
        "changed on purpose: digits-dnn pytorch training, calls take longer on the second side; "
        "detected in 2 of 2 figures; false alarms: 0 of 2 other figures"
    ) in found.err


def test_what_was_planted_in_one_of_two_runs_is_said(levelfield: Command, tmp_path: Path) -> None:
    plain, planted = (store(tmp_path / f"{slow}.jsonl", in_turns(slow)) for slow in (1.0, 1.2))
    assert "changed on purpose: digits-dnn pytorch training" in levelfield("compare", plain, planted).err
    assert "changed on purpose" not in levelfield("compare", plain, plain).err


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
    assert "found a run with 3 processes for each cell, expected at least 4" in found.err
