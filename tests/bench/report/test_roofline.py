"""Each cell stands beside its lower bound, and the cells farthest above it are explained."""

from dataclasses import replace

import pytest

from bench.records.measurement import Measurement
from bench.records.record import Rate, Record, Roof
from bench.report.tables import report
from bench.workload.axes import Mode
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import block, quick_run, record, timed

ROOF = Roof(flops=Rate(per_second=1e12, size=1024, by="pytorch"), bytes=(Rate(per_second=1e9, size=10**6, by="flax"),))
WORST_TITLE = "Farthest above the lower bound"


def test_a_cell_stands_beside_its_lower_bound() -> None:
    records = [replace(item, roof=ROOF) for item in timed("flax", 1e-3, flops=2 * 10**8, least_bytes=10**5)]
    found = report(records)
    table = table_of(found, "digits-dnn", "Roofline")
    assert column(table, "limited by") == ["compute"]
    assert column(table, "lower bound") == ["200 µs"]
    (over,) = column(table, "times the lower bound")
    assert float(over.rstrip("×")) == pytest.approx(4.0, rel=0.01), "pipelined calls take four fifths"
    assert column(table_of(found, "Method", "Measured peaks"), "measured peak") == ["1.00 TFLOP/s", "1.00 GB/s"]


@pytest.mark.parametrize("slower_first", [True, False])
def test_the_best_of_several_measured_peaks_of_a_run_counts(*, slower_first: bool) -> None:
    slower = Rate(per_second=5e11, size=1024, by="flax")
    streams = (Rate(per_second=2e9, size=10**6, by="jax"), Rate(per_second=3e9, size=10**7, by="jax"))
    roofs = [ROOF, Roof(flops=slower, bytes=streams)][:: -1 if slower_first else 1]
    records = timed("flax", 1e-3, flops=2 * 10**8, least_bytes=10**5, replicates=2)
    found = report([replace(item, roof=roof) for item, roof in zip(records, roofs, strict=True)])
    device = table_of(found, "Method", "Measured peaks")
    assert column(device, "measured peak") == ["1.00 TFLOP/s", "2.00 GB/s", "3.00 GB/s"]
    assert column(table_of(found, "digits-dnn", "Roofline"), "lower bound") == ["200 µs"]


def test_without_measured_peaks_there_is_no_lower_bound() -> None:
    titles = {table.title for section in report(quick_run()).sections for table in section.tables}
    assert "Roofline" not in titles
    assert "Measured peaks" not in titles


def test_the_three_cells_farthest_above_the_lower_bound_are_explained() -> None:
    def timed_at(seconds: float, *batch_sizes: int, framework: str = "flax", mode: Mode = "idiomatic") -> list[Record]:
        per_call = round(seconds * 1e9)
        blocks = tuple(
            replace(
                block(batch_size=size),
                flops=10**6 * size,
                least_bytes=1,
                pipelined_ns=(per_call * (1 + size // 100),) * 6,
                iterations_per_round=1,
            )
            for size in batch_sizes
        )
        made = record(framework=framework, scenario="inference", batch_sizes=batch_sizes)
        made = replace(made, roof=ROOF, measurement=Measurement(blocks=blocks))
        return [replace(made, case=replace(made.case, mode=mode))]

    table = table_of(
        report([*timed_at(1e-3, 1, 32, 1000), *timed_at(1e-6, 1, framework="pytorch")]), "Summary", WORST_TITLE
    )
    assert column(table, "framework") == ["flax"] * 3
    assert column(table, "batch") == ["1", "32", "1000"]
    call, same, slow = column(table, "why")
    assert call.startswith("Lower bound: 1.00 µs. A pipelined call took 1.00 ms. It may all be fixed cost, which one")
    assert same.endswith("Most of the 1.00 ms is the fixed cost of a call: batch 1 takes 100% of this time.")
    assert "Most of the 11.0 ms is computation: batch 1 takes 9% of this time. It reaches" in slow
    tuned = report([*timed_at(1e-3, 1), *timed_at(2e-6, 1, framework="pytorch", mode="tuned")])
    alone = table_of(tuned, "Summary", WORST_TITLE)
    assert column(alone, "framework") == ["pytorch"], "what no option takes away"
    assert column(alone, "why")[0].startswith(
        "Lower bound: 1.00 µs. It reaches 500 GFLOP/s, 50.0% of the measured peak."
    )
    assert "the fixed cost of a call is unknown" in column(alone, "why")[0]
