"""Annotations are lines that GitHub Actions reads as commands: one for each worse verdict."""

import re

from bench.analysis.budgets import Checks, check
from bench.analysis.compare import compare
from bench.export.github import annotations
from bench.records.budget import Budget
from tests.bench.sample_records import quick_run, record

COMMAND = re.compile(r"::error title=[^,:]+::\S.*")


def test_a_regression_is_an_annotation_and_the_rest_is_none() -> None:
    found = compare(quick_run(), quick_run(slowdown=1.5), threshold=0.05)
    lines = annotations(found).splitlines()
    assert len(lines) == found.counts["regressed"] + 1 > 1, "and all cells together"
    assert all(COMMAND.fullmatch(line) for line in lines)
    assert "digits-dnn pytorch training on cpu, batch 32: step_time_pipelined 1." in lines[0]
    same = quick_run()
    assert annotations(compare(same, same, threshold=0.05)) == ""


def test_newly_failed_cases_are_annotations() -> None:
    found = compare([record()], [record(outcome="failed")], threshold=0.05)
    assert annotations(found).startswith(
        "::error title=levelfield::digits-dnn pytorch training on cpu (timing): failed"
    )


def test_a_line_end_and_a_percent_sign_do_not_end_the_command() -> None:
    (broken,) = check([Budget(workload="100 %\nsure", accuracy=0.5)], quick_run()).checks
    text = annotations(Checks(checks=(broken,), exit_code=6))
    assert text == "::error title=levelfield::100 %25%0Asure: accuracy found no value, expected at least 0.5\n"
