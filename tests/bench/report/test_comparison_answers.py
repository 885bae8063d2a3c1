"""The answers of a comparison are those of its verdicts."""

from dataclasses import replace

from bench.analysis.compare import Comparison, compare
from bench.report.comparison_answers import answers
from tests.bench.sample_records import quick_run, record


def compared(slowdown: float = 1.0) -> Comparison:
    """The quick run, and the same with one workload that takes so many times as long."""
    slow = quick_run(workloads=["digits-lstm"], run="b", slowdown=slowdown)
    return compare(quick_run(), [*quick_run(workloads=["digits-dnn", "digits-cnn"], run="b"), *slow], threshold=0.05)


def said(found: Comparison) -> dict[str, str]:
    """The answers by their questions."""
    (only,) = answers(found)
    return {line.question: " ".join(f"{part.who}: {part.text}" for part in line.clauses) for line in only.lines}


def test_what_got_worse_is_counted_and_the_surest_are_named() -> None:
    found = compared(1.3)
    worse = [row for row in found.rows if row.verdict == "regressed"]
    text = said(found)["What got worse?"]
    assert text.startswith(f"{len(worse)} of {len(found.rows) + len(found.changes)} figures: digits-lstm ")
    assert text.endswith(f"; and {len(worse) - 3} more")
    assert said(found)["What got better?"].startswith("nothing: 0 of ")
    assert said(found)["Exit code?"] == "3: something got worse"


def test_what_got_better_is_no_regression() -> None:
    found = said(compared(0.7))
    assert found["What got better?"].count("digits-lstm") == 3
    assert found["What got worse?"].startswith("nothing")
    assert found["Exit code?"].startswith("0")


def test_equal_runs_have_no_change_and_the_same_environment() -> None:
    found = said(compared())
    assert {found[name].partition(":")[0] for name in ("What got worse?", "What got better?")} == {"nothing"}
    assert found["Same environment?"] == "yes: no recorded fact differs"
    assert "Is something missing?" not in found


def test_environments_that_differ_and_missing_cases_are_told() -> None:
    other = [
        replace(item, environment=replace(item.environment, python="CPython 4.0", cpu="other"))
        for item in quick_run(workloads=["digits-dnn"], run="b")
    ]
    found = said(compare(quick_run(), other, threshold=0.05))
    assert found["Same environment?"].startswith("no: CPU (")
    assert "Python (" in found["Same environment?"]
    assert "missing in the candidate" in found["Is something missing?"]
    assert found["Exit code?"] == "1: something failed or is missing"


def test_runs_that_cannot_be_compared_say_so_and_have_no_verdicts() -> None:
    found = said(compare([record()], [record(workload_digest="new")], threshold=0.05))
    assert "What got worse?" not in found
    assert found["Is something missing?"] == "yes: 1 not comparable"
    assert found["Exit code?"] == "5: the sides cannot be compared"
