"""Annotations are lines that GitHub Actions reads as commands: one for each worse verdict."""

import re
from dataclasses import replace

import pytest

from bench.analysis.budgets import Checks, check
from bench.analysis.compare import compare
from bench.export.github import CUT, annotations, summary
from bench.records.budget import Budget
from bench.records.record import Record
from tests.bench.sample_records import quick_run, record

COMMAND = re.compile(r"::error title=[^,:]+::\S.*")


def test_a_regression_is_an_annotation_and_the_rest_is_none() -> None:
    run = quick_run(workloads=["digits-dnn"])
    base = [item for item in run if item.case.framework == "pytorch" and item.case.scenario == "training"]
    found = compare(base, [*map(slowed, base)], threshold=0.05)
    lines = annotations(found).splitlines()
    assert len(lines) == found.counts["regressed"] + 1 == 3, "and all cells together"
    assert all(COMMAND.fullmatch(line) for line in lines)
    assert "digits-dnn pytorch training on cpu, batch 32: step_time_p" in lines[0]
    assert annotations(compare(base, base, threshold=0.05)) == ""


def slowed(item: Record) -> Record:
    """The record with times half as long again."""
    blocks = tuple(
        replace(
            block,
            synchronised_ns=tuple(round(1.5 * time) for time in block.synchronised_ns),
            pipelined_ns=tuple(round(1.5 * time) for time in block.pipelined_ns),
        )
        for block in item.measurement.blocks
    )
    return replace(item, measurement=replace(item.measurement, blocks=blocks)) if blocks else item


def test_of_many_regressions_the_ten_annotations_show_the_worst_and_say_how_many_more() -> None:
    base = quick_run()
    comparison = compare(base, [*map(slowed, base)], threshold=0.05)
    rows = tuple(replace(row, ratio=1.1 + number / 100) for number, row in enumerate(comparison.rows))
    lines = annotations(replace(comparison, rows=rows)).splitlines()
    assert len(lines) == 10
    found = [float(line.split(" times as long")[0].split()[-1]) for line in lines[:-1]]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(max(row.ratio for row in rows), abs=0.006)
    assert "::63 more are in the summary of the job; all cells together: 1.50 times as long" in lines[-1]
    few = annotations(replace(comparison, rows=rows[:9], common=None))
    assert few.count("\n") == 9
    assert "more" not in few


def test_of_many_broken_budgets_the_annotations_show_those_farthest_from_the_limit() -> None:
    budgets = [Budget(workload="digits-dnn", loss=limit) for limit in (0.1, 0.001, 0.01)]
    learnt = [record(purpose="learning")]
    lines = annotations(check(budgets, learnt)).splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["0.001", "0.01", "0.1"]
    many = annotations(check([Budget(workload="digits-dnn", loss=limit / 1000) for limit in range(1, 40)], learnt))
    assert many.count("\n") == 10
    assert many.splitlines()[-1].endswith("::30 more are in the summary of the job")


def test_a_long_message_is_shortened_and_a_short_one_is_not() -> None:
    for length, whole in ((100, True), (5000, False)):
        (broken,) = check([Budget(workload="w" * length, accuracy=0.5)], quick_run()).checks
        text = annotations(Checks(checks=(broken,), exit_code=6))
        assert ("expected at least 0.5" in text) == whole
        assert len(text) < 1100


def test_a_summary_over_one_mebibyte_is_cut_at_the_end_of_a_line_and_says_so() -> None:
    page = "\n".join(f"| row {number} of ä table |" for number in range(60_000))
    text = summary(page, before=1000)
    assert 2**20 - 1100 < len(text.encode()) + 1000 <= 2**20
    assert text.removesuffix(CUT).endswith(" of ä table |\n")
    assert "This page is cut here: GitHub shows at most 1 MiB" in text
    assert summary("a page") == "a page\n"
    assert summary("half a character: \ud800") == "half a character: \\ud800\n"
    assert summary(page, before=2**20) == "", "nothing can be said in a file that is full"


def test_newly_failed_cases_are_annotations() -> None:
    found = compare([record()], [record(outcome="failed")], threshold=0.05)
    assert annotations(found).startswith(
        "::error title=levelfield::digits-dnn pytorch training on cpu (timing): failed"
    )


def test_a_line_end_and_a_percent_sign_do_not_end_the_command() -> None:
    (broken,) = check([Budget(workload="100 %\nsure", accuracy=0.5)], quick_run()).checks
    text = annotations(Checks(checks=(broken,), exit_code=6))
    assert text == "::error title=levelfield::100 %25%0Asure: accuracy found no value, expected at least 0.5\n"
