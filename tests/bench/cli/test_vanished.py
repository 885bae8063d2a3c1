"""`check`, `compare` and `baseline` say what is missing: in one of several runs, on one side, or of a plan."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.measurement import Measurement
from bench.records.record import Case, Record
from bench.records.store import Plan, RunFolder, new_run
from tests.bench.cli.conftest import Command
from tests.bench.cli.stored_files import store
from tests.bench.sample_records import ENVIRONMENT, learning, quick_run, record

BUDGETS = '[[budget]]\nworkload = "digits-dnn"\naccuracy = 0.9\n'


def learnt(run: str, accuracy: float = 0.97, frameworks: Sequence[str] = ("pytorch", "flax")) -> list[Record]:
    measurement = Measurement(learning=learning(accuracy=accuracy))
    return [
        record(purpose="learning", framework=framework, run=run, measurement=measurement) for framework in frameworks
    ]


def planned(results: Path, records: Sequence[Record], *, cases: Sequence[Case]) -> RunFolder:
    """A run with a plan, of which these records are stored."""
    run = new_run(results, machine=ENVIRONMENT.machine)
    run.save_plan(Plan(cases=tuple(cases), options={"options": {}}))
    for item in records:
        run.append(replace(item, run=run.name))
    return run


@pytest.mark.parametrize("order", [("good", "bad"), ("bad", "good")])
def test_a_budget_that_one_of_several_runs_breaks_ends_with_3_in_any_order(
    order: tuple[str, str], levelfield: Command, tmp_path: Path
) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text(BUDGETS)
    files = {
        name: store(tmp_path / f"{name}.jsonl", learnt(f"run-{name}", accuracy))
        for name, accuracy in (("good", 0.97), ("bad", 0.5))
    }
    found = levelfield("check", budgets, *(files[name] for name in order))
    assert found.code == 3
    broken = [line for line in found.out.splitlines() if "BROKEN" in line]
    assert len([line for line in broken if "(run run-bad)" in line]) == 2
    assert levelfield("check", budgets, files["good"]).code == 0


def test_a_framework_that_the_candidate_lacks_is_listed_and_ends_with_1(levelfield: Command, tmp_path: Path) -> None:
    before = store(tmp_path / "before.jsonl", learnt("run-1"))
    after = store(tmp_path / "after.jsonl", learnt("run-1", frameworks=["pytorch"]))
    found = levelfield("compare", before, after)
    assert found.code == 1
    assert "Missing in the candidate: 1 × learning (of flax). The exit code is 1." in found.out
    assert "the same run" not in found.err, "two files of one run may differ"
    same = levelfield("compare", before, before)
    assert same.code == 0
    assert "the same run: nothing can differ" in same.err
    new = levelfield("compare", after, before)
    assert new.code == 0
    assert "only in the candidate" in new.out
    for form in ("junit", "github", "json", "markdown"):
        lost = levelfield("compare", before, after, "--format", form)
        assert lost.code == 1
        assert "flax" in lost.out


def test_a_subset_of_the_baseline_is_compared_by_what_it_has(levelfield: Command, tmp_path: Path) -> None:
    before = store(tmp_path / "before.jsonl", learnt("run-1"))
    after = store(tmp_path / "after.jsonl", learnt("run-2", frameworks=["pytorch"]))
    found = levelfield("compare", before, after, "--subset")
    assert found.code == 0
    assert "not in the candidate, which is a subset" in found.out
    assert levelfield("compare", before, after).code == 1


def test_a_candidate_that_was_interrupted_ends_with_1_and_a_whole_one_does_not(
    levelfield: Command, tmp_path: Path
) -> None:
    records = learnt("run")
    before = store(tmp_path / "before.jsonl", records[:1])
    cases = [item.case for item in records]
    half = planned(tmp_path / "results", records[:1], cases=cases)
    for options in ((), ("--subset",)):
        found = levelfield("compare", before, half.folder, *options)
        assert found.code == 1, "the baseline does not have it, but it was planned"
        assert "The candidate planned and never stored: 1 × learning (of flax). The exit code is 1." in found.out
        assert "planned in the candidate, never stored" in found.out
        assert "Missing in the candidate" not in found.out
    whole = planned(tmp_path / "results", records, cases=cases)
    assert levelfield("compare", before, whole.folder).code == 0
    rest = store(tmp_path / "rest.jsonl", records[1:])
    together = levelfield("compare", before, f"{half.folder},{rest}")
    assert together.code == 0, "another run of the same side has it"
    old = levelfield("compare", half.folder, whole.folder)
    assert old.code == 0
    assert "The baseline is not complete" in old.out
    assert "planned in the baseline, never stored" in old.out


def test_a_budget_sees_what_an_interrupted_run_planned(levelfield: Command, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text(BUDGETS)
    records = learnt("run")
    half = planned(tmp_path / "results", records[:1], cases=[item.case for item in records])
    found = levelfield("check", budgets, half.folder)
    assert found.code == 6
    assert "without a record" in found.out
    whole = planned(tmp_path / "results", records, cases=[item.case for item in records])
    assert levelfield("check", budgets, whole.folder).code == 0


def test_an_incomplete_baseline_is_set_with_a_warning(levelfield: Command, tmp_path: Path) -> None:
    results, records = tmp_path / "results", learnt("run")
    options = ("--why", "a test", "--who", "Ada", "--results", results)
    half = planned(results, records[:1], cases=[item.case for item in records])
    found = levelfield("baseline", "set", half.name, *options)
    assert found.code == 0
    assert "is not complete: failed cases: 0, planned cases without a record: 1; later runs" in found.err
    assert f"finish it with `levelfield run --resume {half.name} --results {results}`" in found.err
    failed = planned(results, [records[0], replace(records[1], outcome="oom")], cases=[item.case for item in records])
    assert (
        "failed cases: 1, planned cases without a record: 0" in levelfield("baseline", "set", failed.name, *options).err
    )
    whole = planned(results, records, cases=[item.case for item in records])
    assert levelfield("baseline", "set", whole.name, *options).err == ""


def test_a_run_that_is_named_in_two_ways_is_read_once(levelfield: Command, tmp_path: Path) -> None:
    """Its processes would count twice, and the noise would look smaller."""
    results = tmp_path / "results"
    run = planned(results, [record(replicate=number) for number in range(2)], cases=())
    twice = levelfield("report", run.name, run.folder, "--format", "csv", "--results", results).out
    assert twice == levelfield("report", run.name, "--format", "csv", "--results", results).out


def test_one_run_with_two_results_is_refused(levelfield: Command, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text(BUDGETS)
    files = [store(tmp_path / f"{number}.jsonl", learnt("run-1", number)) for number in (0.97, 0.5)]
    found = levelfield("check", budgets, *files)
    assert (found.code, found.out) == (2, "")
    assert "found run run-1 again with other results, expected each run once" in found.err
    parts = [store(tmp_path / f"{name}.jsonl", learnt("run-1", frameworks=[name])) for name in ("pytorch", "flax")]
    assert levelfield("check", budgets, *parts).code == 0, "two files may share the records of one run"


def test_with_one_process_there_is_a_ratio_and_one_reason_with_the_remedy(levelfield: Command, tmp_path: Path) -> None:
    before, after = ([item for item in quick_run(run=run) if item.case.replicate == 0] for run in ("a", "b"))
    found = levelfield("compare", store(tmp_path / "a.jsonl", before), store(tmp_path / "b.jsonl", after))
    assert found.code == 4
    assert found.out.count("1.00×") == 72
    assert "1.00× [" not in found.out
    assert "Times: of one process on each side." in found.out
    assert "geometric means" not in found.out
    assert found.out.count("1 process in the baseline") == found.out.count("--processes 3") == 1
    three = levelfield("compare", store(tmp_path / "c.jsonl", quick_run(run="c")), tmp_path / "a.jsonl").out
    assert three.count("1 process in the candidate") == 1
    assert "Times: geometric means over processes." in three
