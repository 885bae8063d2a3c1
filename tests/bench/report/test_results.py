"""Records keep the order in which they were stored, and cells that are ranked together stand together."""

from dataclasses import replace

from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import timed


def test_a_resumed_run_keeps_the_order_in_which_its_records_were_stored() -> None:
    """Older runs numbered their records from 0 again when they were resumed."""
    first = [*timed("pytorch", 1e-3, replicates=1), *timed("flax", 1e-3, replicates=1)]
    second = timed("keras/jax", 1e-3, replicates=1)
    resumed = [replace(item, order=number) for start in (first, second) for number, item in enumerate(start)]
    assert column(table_of(report(resumed), "digits-dnn", "Training"), "framework") == ["pytorch", "flax", "keras/jax"]


def test_the_rows_of_one_mode_stand_together_in_any_order_of_measurement() -> None:
    interleaved = [
        replace(item, order=number)
        for number, item in enumerate(
            replace(made, case=replace(made.case, mode=mode))
            for framework in ("pytorch", "flax")
            for mode in ("idiomatic", "tuned")
            for made in timed(framework, 1e-3, replicates=1)
        )
    ]
    found = report(interleaved)
    assert column(table_of(found, "Summary", "Summary"), "mode") == ["idiomatic", "idiomatic", "tuned", "tuned"]
    assert column(table_of(found, "digits-dnn", "Training"), "framework") == ["pytorch", "flax"] * 2
    how = table_of(found, "Method", "How it was measured")
    order = dict(zip(column(how, "what"), column(how, "value"), strict=True))["order"]
    assert order.startswith(
        "digits-dnn, training: process 1: pytorch idiomatic, pytorch tuned, flax idiomatic, flax tuned"
    )
