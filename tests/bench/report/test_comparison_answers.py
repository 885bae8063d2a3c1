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
    (only,) = answers(found, code=found.exit_code)
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
    assert found["In what do environments differ?"].startswith("in nothing: that both sides recorded")
    assert "Is something missing?" not in found


def test_environments_that_differ_and_missing_cases_are_told() -> None:
    other = [
        replace(item, environment=replace(item.environment, python="CPython 4.0", cpu="other"))
        for item in quick_run(workloads=["digits-dnn"], run="b")
    ]
    found = said(compare(quick_run(), other, threshold=0.05))
    assert found["In what do environments differ?"].startswith("in 2 facts: CPU (")
    assert "Python (" in found["In what do environments differ?"]
    assert "missing in the candidate" in found["Is something missing?"]
    assert found["Exit code?"] == "1: something failed or is missing"


def test_runs_that_cannot_be_compared_say_so_and_have_no_verdicts() -> None:
    found = said(compare([record()], [record(workload_digest="new")], threshold=0.05))
    assert "What got worse?" not in found
    assert "Is something missing?" not in found, "nothing was compared"
    assert found["What cannot be compared?"].startswith("one reason: ")
    assert found["Exit code?"] == "5: the sides cannot be compared"


def test_a_change_below_the_threshold_is_not_called_visible() -> None:
    found = compared()
    assert found.detectable_ratio is not None
    shown = said(replace(found, detectable_ratio=1.001))["How small a change is visible?"]
    assert shown.startswith("1.05×: "), "no smaller change has a verdict"
    assert said(replace(found, detectable_ratio=1.5))["How small a change is visible?"].startswith("1.50×: ")
    assert said(replace(found, detectable_ratio=50.0))["How small a change is visible?"].startswith("none: ")


def test_figures_without_an_interval_are_told_apart_and_nothing_is_certain() -> None:
    found = said(compare([record()], [record(run="b", slowdown=2.0)], threshold=0.05))
    assert found["What got worse?"] == "nothing for certain: 0 of 2 figures"
    assert found["What is undecided?"] == "2 of 2 figures: in 2 there is no interval; the row says why"


def test_an_exit_code_is_that_of_the_command_and_of_a_part() -> None:
    found = compared(1.3)
    (only,) = answers(found, code=1)
    assert only.lines[-1].clauses[0].who == "1"
    part = said(replace(found, exit_code=5, not_comparable=("digits-cnn: other digests",)))
    assert part["Exit code?"] == "5: a part cannot be compared; of the rest something got worse"
    rows = tuple(replace(row, verdict="unchanged") for row in found.rows)
    together = said(replace(found, rows=rows))
    assert together["Exit code?"] == "3: all times together got worse, though no single figure surely did"
