"""The report shows all results in one order; the summary shows proofs and the fastest frameworks."""

import subprocess
import sys
from dataclasses import replace

import pytest

from bench.errors import NothingMeasuredError
from bench.report.tables import report
from tests.bench.report.report_reader import is_noted, table_of
from tests.bench.sample_records import beginning, one_by_one, quick_run, record, timed


def test_the_quick_suite_fills_36_cells() -> None:
    found = report(quick_run())
    rows = [
        row
        for section in found.sections
        for table in section.tables
        if table.title in {"Training", "Inference"}
        for row in table.rows
    ]
    assert len(rows) == 36
    assert all(entry.text for row in rows for entry in row)
    assert len(table_of(found, "Summary", "Summary").rows) == 9


def test_a_summary_explains_the_ranking_and_bold() -> None:
    one = [*one_by_one((2e-3,), "idiomatic"), *one_by_one((1e-3,), "tuned", {})]
    summary = table_of(report(one), "Summary", "Summary")
    assert is_noted(summary, "Only rows with the same device, mode and precision are ranked together")
    assert is_noted(summary, "the spread between processes is unknown")
    several = table_of(report(one_by_one((2e-3, 3e-3), "idiomatic")), "Summary", "Summary")
    assert not is_noted(several, "ranked together")
    assert is_noted(several, "ranges over processes overlap")
    assert not is_noted(several, "is unknown")


def test_notes_name_the_cells_with_several_steps_per_call() -> None:
    others = [replace(item, case=replace(item.case, mode="tuned")) for item in timed("pytorch", 2e-3, replicates=2)]
    for steps, said in (("lax.scan of 8 steps", True), ("jax.jit", False)):
        mine = beginning(one_by_one((1e-3, 1e-3), "tuned", {"call": steps}), call_ns=10**7)
        found = report([*mine, *beginning(others, call_ns=10**8)])
        training = table_of(found, "digits-dnn", "Training")
        titles = [column.title for column in training.columns]
        best = {row[1].text: [entry.best for entry in row] for row in training.rows}
        for single in ("step time p50", "first call"):
            assert best["flax"][titles.index(single)] is not said, "it is that of another program"
        assert best["flax"][titles.index("samples/s")]
        assert is_noted(table_of(found, "digits-dnn", "First calls"), "With several steps per call (flax)") == said
        summary = table_of(found, "Summary", "Summary")
        assert is_noted(summary, "training samples/s are of such calls, for: digits-dnn flax tuned.") == said


def test_several_runs_are_never_mixed() -> None:
    found = report([*quick_run(run="a", workloads=["digits-dnn"]), *quick_run(run="b", workloads=["digits-dnn"])])
    assert [section.title for section in found.sections if "Summary" in section.title] == [
        "Summary (run a)",
        "Summary (run b)",
    ]


def test_without_records_the_error_says_what_to_do() -> None:
    with pytest.raises(NothingMeasuredError, match="levelfield run"):
        report([])


def test_reports_import_no_framework_and_no_heavy_library() -> None:
    program = (
        "import sys; import bench.report.tables, bench.report.markdown, bench.report.terminal, bench.report.figures, "
        "bench.report.comparison, bench.export.csv; "
        "heavy = {'torch', 'tensorflow', 'keras', 'jax', 'flax', 'sklearn', 'pandas', 'matplotlib', 'altair'}; "
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).stderr == b""


def test_the_summary_names_the_batch_size_that_was_timed_and_not_the_one_of_the_recipe() -> None:
    learned = record(purpose="learning", batch_sizes=(32,))
    timed_at_64 = record(batch_sizes=(64,))
    notes = [
        note
        for note in table_of(report([learned, timed_at_64]), "Summary", "Summary").notes
        if note.startswith("Training samples/s")
    ]
    assert notes == ["Training samples/s: at batch size 64. vs fastest: how many times slower."]
