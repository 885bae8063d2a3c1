"""A comparison shows its verdicts, worst first, and what could not be compared, with the reason."""

from dataclasses import replace

from bench.analysis.compare import compare
from bench.records.measurement import Measurement
from bench.report.comparison import report
from tests.bench.sample_records import learning, quick_run, record


def test_verdicts_come_worst_first_with_the_noise_below() -> None:
    slow = quick_run(slowdown=1.3, workloads=["digits-lstm"])
    found = report(compare(quick_run(), [*quick_run(workloads=["digits-dnn"], run="b"), *slow], threshold=0.05))
    verdicts, unchanged, missing = found.sections[0].tables
    texts = [row[-1].text for row in verdicts.rows]
    assert texts == ["regressed"] * 24 + ["unchanged"] * 24
    assert any("Noise within a run" in note for note in verdicts.notes)
    assert [row[0].text for row in unchanged.rows] == ["24 memory peaks", "6 quality metrics"]
    assert {row[1].text for row in missing.rows} == {"digits-cnn"}


def test_a_comparison_with_too_much_noise_says_so() -> None:
    usual, wild = (
        quick_run(),
        [record(replicate=number, slowdown=slowdown) for number, slowdown in enumerate((1.0, 9.0, 0.2))],
    )
    quiet, noisy = (
        report(compare(base, [replace(item, run="b") for item in base], threshold=0.05)).sections[0].tables[0].notes
        for base in (usual, wild)
    )
    assert any("too noisy for a verdict: stop other programs here" in note for note in noisy)
    assert not any("too noisy" in note for note in quiet)


def test_noise_that_hides_every_change_has_no_numbers() -> None:
    def shown(*slowdowns: float) -> tuple[str, str]:
        base = [record(replicate=number, slowdown=slowdown) for number, slowdown in enumerate(slowdowns)]
        table = report(compare(base, [replace(item, run="b") for item in base], threshold=0.05)).sections[0].tables[0]
        return " ".join(table.notes), table.rows[0][-2].text

    notes, interval = shown(1.0, 900.0, 0.01)
    assert "The noise is too large to detect any change." in notes
    assert "Smallest slowdown" not in notes
    assert interval == "1.00× [interval too wide]"
    notes, interval = shown(1.0, 1.1, 1.2)
    assert "Smallest slowdown of one cell" in notes
    assert "too large" not in notes
    assert interval.startswith("1.00× [0.")


def test_inconclusive_rows_have_a_reason_and_failed_cases_are_listed() -> None:
    candidate = [record(slowdown=2.0), record(replicate=1, outcome="oom")]
    verdicts, failed = report(compare([record()], candidate, threshold=0.05)).sections[0].tables
    assert [entry.text for entry in verdicts.rows[0][-2:]] == ["2.00×", "inconclusive"], "without an interval"
    assert "every verdict is inconclusive" in verdicts.notes[-2]
    reason = "1 process in the baseline, at least two are needed. Measure again with `--processes 3`."
    assert verdicts.notes.count(reason) == 1, "once for all rows"
    assert "oom" in failed.rows[0][0].text


def test_reasons_against_a_comparison_are_listed() -> None:
    found = report(compare([record()], [record(workload_digest="new")], threshold=0.05))
    assert [table.title for table in found.sections[0].tables] == ["Not comparable"]


def test_memory_and_quality_are_shown_where_they_are_not_unchanged() -> None:
    baseline, candidate = quick_run(workloads=["digits-dnn"]), quick_run(workloads=["digits-dnn"])
    worse = replace(learning(), quality={"accuracy": 0.5})
    candidate = [
        replace(item, measurement=Measurement(learning=worse))
        if item.case.purpose == "learning" and item.case.framework == "flax"
        else item
        for item in candidate
    ]
    _, changes, unchanged = report(compare(baseline, candidate, threshold=0.05)).sections[0].tables
    assert [[entry.text for entry in row] for row in changes.rows] == [
        [
            "digits-dnn",
            "flax",
            "training",
            "accuracy",
            "32",
            "0.9700",
            "0.5000",
            "regressed: more than seeds can explain",
        ]
    ]
    assert [row[0].text for row in unchanged.rows] == ["12 memory peaks", "2 quality metrics"]


def test_runs_with_learning_only_are_compared_too() -> None:
    learnt = [item for item in quick_run() if item.case.purpose == "learning"]
    times, unchanged = report(compare(learnt, learnt, threshold=0.05)).sections[0].tables
    assert [row[0].text for row in times.rows] == ["no case was timed in both runs"]
    assert [row[0].text for row in unchanged.rows] == ["9 quality metrics"]


def test_what_is_missing_stands_above_all_tables_with_the_remedy() -> None:
    run = quick_run(workloads=["digits-dnn"])
    left = [item for item in run if item.case.framework != "flax"]
    missing, remedy = report(compare(run, left, threshold=0.05)).about
    assert missing.startswith("Missing in the candidate: 4 × times, 1 × learning, 4 × memory peak (of flax).")
    assert missing.endswith("The exit code is 1.")
    assert "`--subset`" in remedy
    table = report(compare(run, left, threshold=0.05)).sections[0].tables[-1]
    assert table.title == "In one run only"
    assert [(row[2].text, row[3].text, row[4].text, row[5].text) for row in table.rows] == [
        ("flax", "training", "32", "times, learning, memory peak"),
        ("flax", "inference", "1, 32, 256", "times, memory peak"),
    ]
    assert report(compare(run, run, threshold=0.05)).about == ()


def test_rows_of_two_modes_are_told_apart() -> None:
    plain = [record(replicate=number) for number in range(3)]
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in plain]
    both = [*plain, *tuned]
    rows = report(compare(both, both, threshold=0.05)).sections[0].tables[0].rows
    assert {row[1].text for row in rows} == {"pytorch idiomatic", "pytorch tuned"}
    assert {row[1].text for row in report(compare(plain, plain, threshold=0.05)).sections[0].tables[0].rows} == {
        "pytorch"
    }
