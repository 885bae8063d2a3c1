"""Sheets of comparisons and searches for tests."""

from collections.abc import Sequence

from bench.analysis.compare import compare
from bench.records.cell import Cell
from bench.records.record import Candidate, Record, SearchResult
from bench.report import comparison
from bench.report.page import comparison_sheet, tuning_sheet
from bench.report.page.sheet import Sheet
from tests.bench.sample_records import quick_run

USUAL = Candidate(options={}, times_s=(4e-3, 4.2e-3, 4e-3))
FASTER = Candidate(options={"call": "jax.jit"}, times_s=(1e-3, 1.1e-3, 1e-3))
WRONG = Candidate(options={"call": "wrong"}, outcome="unproven", times_s=(0.5e-3,))
UNCHOSEN = Candidate(options={"call": "fast"}, times_s=(2e-3,))
FAILED = tuple(Candidate(options={"compile": name}, outcome="failed", error="it <b>cannot</b>") for name in "ab")


def comparison_of(baseline: Sequence[Record], candidate: Sequence[Record], *, title: str = "b with a") -> Sheet:
    """The sheet of this comparison."""
    found = compare(baseline, candidate, threshold=0.05)
    report = comparison.report(found, title=title)
    return comparison_sheet.sheet(found, report, baseline=baseline, candidate=candidate)


def slower_lstm() -> Sheet:
    """A comparison in which one workload takes 1.3 times as long."""
    slow = quick_run(workloads=["digits-lstm"], run="b", slowdown=1.3)
    return comparison_of(quick_run(), [*quick_run(workloads=["digits-dnn", "digits-cnn"], run="b"), *slow])


def searched(*found: Candidate, batch_size: int = 32, busy_cores: float = 0.0) -> SearchResult:
    """A search that chose the first of these candidates."""
    return SearchResult(
        batch_size=batch_size,
        options=found[0].options,
        metric="step_time_pipelined_s",
        searched="today",
        candidates=found,
        busy_cores=busy_cores,
    )


def cell(contender: str = "flax", batch_size: int = 32) -> Cell:
    """A cell of a search."""
    return Cell(
        workload="digits-dnn",
        scenario="training",
        device="cpu",
        mode="tuned",
        precision="fp32",
        threads=2,
        feed="device",
        batch_size=batch_size,
        contender=contender,
    )


def searches() -> Sheet:
    """Two searches: one found something faster, one did not."""
    found = {
        cell(): searched(FASTER, USUAL, WRONG, UNCHOSEN, *FAILED),
        cell("pytorch"): searched(USUAL, busy_cores=2.0),
    }
    return tuning_sheet.sheet("Options of digits-dnn", found, picked={}, source=["levelfield tune · box"])
