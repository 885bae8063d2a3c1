"""The tables of times rank only proven cells, mark the fastest, and note what disturbs the comparison."""

from dataclasses import replace

import pytest

from bench.report.layout import Table
from bench.report.tables import report
from bench.workload.axes import Mode, Scenario
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import one_by_one, record, timed


def test_the_fastest_is_marked_and_the_others_are_shown_as_times_slower() -> None:
    found = report([*timed("pytorch", 2e-3), *timed("flax", 1e-3)])
    table = table_of(found, "digits-dnn", "Training")
    ratios = column(table, "vs fastest")
    assert ratios == ["2.00×", "1.00×"], "of processes that are alike there is no range"
    assert [row[2].best for row in table.rows] == [False, True]


def test_rows_that_are_tied_with_the_fastest_are_bold_too() -> None:
    def marked(*times_s: float) -> list[bool]:
        others = [
            replace(item, case=replace(item.case, framework="pytorch")) for item in one_by_one(times_s, "idiomatic")
        ]
        found = report([*others, *one_by_one((1e-3, 1.1e-3, 1.2e-3), "idiomatic")])
        return [row[2].best for row in table_of(found, "digits-dnn", "Training").rows]

    assert marked(1.15e-3, 1.3e-3, 1.4e-3) == [True, True]
    assert marked(1.25e-3, 1.3e-3, 1.4e-3) == [False, True]


@pytest.mark.parametrize(("scenario", "method"), [("training", "train_on_batch"), ("inference", "predict_on_batch")])
def test_keras_waits_in_every_call_of_its_own_methods(scenario: Scenario, method: str) -> None:
    def noted(framework: str, mode: Mode) -> bool:
        made = record(framework=framework, scenario=scenario)
        found = report([replace(made, case=replace(made.case, mode=mode))])
        return (
            f"Keras itself waits in every `{method}`, so its samples/s contain one wait for each call."
            in table_of(found, "digits-dnn", scenario.capitalize()).notes
        )

    assert noted("keras/jax", "idiomatic")
    assert not noted("keras/jax", "tuned"), "a custom loop"
    assert not noted("flax", "idiomatic")


def test_a_cell_whose_processes_differ_too_much_neither_is_bold_nor_makes_others_bold() -> None:
    """Its range reaches far behind the slowest. If it begins before the fastest, nobody is the fastest."""

    def found(fastest_s: float) -> Table:
        made = one_by_one((fastest_s, 9e-3), "idiomatic")
        wide = [replace(item, case=replace(item.case, framework="pytorch")) for item in made]
        others = [*one_by_one((1e-3, 1.1e-3), "idiomatic"), *timed("keras/jax", 3e-3, replicates=2)]
        return table_of(report([*wide, *others]), "digits-dnn", "Training")

    assert column(found(1.2e-3), "vs fastest")[0] == "not ranked: processes differ"
    assert [row[2].best for row in found(1.2e-3).rows] == [False, True, False]
    assert [row[2].best for row in found(0.9e-3).rows] == [False, False, False]


def test_a_single_row_is_not_bold() -> None:
    table = table_of(report(timed("pytorch", 2e-3)), "digits-dnn", "Training")
    assert not any(entry.best for row in table.rows for entry in row)


def test_devices_are_named_where_they_vary_and_do_not_compete() -> None:
    records = [record(framework=name, device=device) for name in ("pytorch", "flax") for device in ("cpu", "cuda")]
    table = table_of(report(records), "digits-dnn", "Training")
    assert column(table, "device") == ["cpu", "cpu", "cuda", "cuda"]
    assert sum(text.startswith("1.00×") for text in column(table, "vs fastest")) == 2
    alone = table_of(report(records[:1]), "digits-dnn", "Training")
    assert "device" not in [column.title for column in alone.columns]


@pytest.mark.parametrize("state", ["failed", None])
def test_without_a_certificate_there_is_no_rank_and_the_others_are_ranked_without_it(state: str | None) -> None:
    records = [*timed("pytorch", 2e-3), *timed("keras/jax", 3e-3)]
    cheat = [replace(item, certificate=record(certificate=state).certificate) for item in timed("flax", 1e-3)]
    found = report([*records, *cheat])
    table = table_of(found, "digits-dnn", "Training")
    assert [text[:10] for text in column(table, "vs fastest")] == ["1.00×", "1.50×", "not ranked"]
    assert [row[2].best for row in table.rows] == [True, False, False]
    assert column(table_of(found, "Summary", "Summary"), "certificate")[2] == ("proof failed" if state else "no proof")


def test_percentiles_of_too_few_samples_are_not_shown() -> None:
    enough = table_of(report(timed("flax", 1e-3, synchronised_ns=(1_000_000,) * 64)), "digits-dnn", "Training")
    assert column(enough, "step time p90") == ["1.00 ms ±0 %"]
    few = table_of(report(timed("flax", 1e-3, synchronised_ns=(1_000_000,) * 63)), "digits-dnn", "Training")
    assert "step time p90" not in [column.title for column in few.columns]
    assert any("64 timed calls" in note for note in few.notes)


def test_every_figure_has_the_range_of_its_processes_and_its_confidence() -> None:
    times = [(1_000_000,), (1_040_000,), (980_000,)]
    records = [timed("flax", 1e-3, replicates=1, synchronised_ns=item * 64)[0] for item in times]
    records = [replace(item, case=replace(item.case, replicate=number)) for number, item in enumerate(records)]
    table = table_of(report(records), "digits-dnn", "Training")
    assert column(table, "step time p50") == ["1.00 ms -2/+4 %"]
    assert any("The range of 3 processes is a 75 % confidence interval of the median" in note for note in table.notes)
    alone = table_of(report(records[:1]), "digits-dnn", "Training")
    assert column(alone, "step time p50") == ["1.00 ms"]
    assert not any("interval" in note for note in alone.notes)


def test_rows_with_several_steps_per_call_are_named() -> None:
    records = one_by_one((1e-3, 1e-3), "tuned", {"call": "lax.scan of 8 steps"})
    (remark,) = [note for note in table_of(report(records), "digits-dnn", "Training").notes if "Several steps" in note]
    assert "flax, batch 32 (lax.scan of 8 steps)" in remark
    usual = table_of(report(one_by_one((1e-3, 1e-3), "tuned", {"call": "jax.jit"})), "digits-dnn", "Training")
    assert not any("Several steps" in note for note in usual.notes)


@pytest.mark.parametrize(("single_ns", "said"), [(500_000, True), (2_000_000, False)])
def test_rows_that_are_slower_pipelined_are_named(single_ns: int, *, said: bool) -> None:
    records = timed("flax", 1e-3, synchronised_ns=(single_ns,) * 64)  # in rounds, a call takes about 0.8 ms
    notes = table_of(report(records), "digits-dnn", "Training").notes
    assert any("Slower with one wait" in note and "flax, batch 32 (1.6" in note for note in notes) == said
    alone = table_of(report(records[:1]), "digits-dnn", "Training").notes
    assert not any("Slower with one wait" in note for note in alone), "one process is no evidence"


def test_unequal_use_of_cores_is_remarked_and_equal_use_is_not() -> None:
    alone = timed("pytorch", 1e-3, cpu_ns=100, wall_ns=100)
    both = timed("flax", 1e-3, cpu_ns=190, wall_ns=100)
    remarks = table_of(report([*alone, *both]), "digits-dnn", "Training").notes
    assert any("CPU use differs" in note and "1.00 (pytorch) to 1.90 (flax)" in note for note in remarks)
    remarks = table_of(report([*alone, *timed("flax", 1e-3, cpu_ns=140, wall_ns=100)]), "digits-dnn", "Training").notes
    assert not any("CPU use" in note for note in remarks)


def test_processes_without_a_steady_state_are_named() -> None:
    remarks = table_of(report(timed("flax", 1e-3, steady=False)), "digits-dnn", "Training").notes
    assert (
        "Steady state not reached in warm-up, so these figures may be too slow: flax, batch 32, 3 of 3 processes."
        in remarks
    )


def test_modes_and_precisions_stand_in_the_order_of_the_run_and_remarks_name_them() -> None:
    usual = timed("pytorch", 1e-3, cpu_ns=100, wall_ns=100)
    other = timed("flax", 1e-3, cpu_ns=190, wall_ns=100, steady=False)
    records = [*usual, *other]
    records += [replace(item, case=replace(item.case, mode="tuned")) for item in (*usual, *other)]
    records += [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    table = table_of(report(records), "digits-dnn", "Training")
    named = list(zip(column(table, "mode"), column(table, "precision"), strict=True))
    assert named == [*[("idiomatic", "fp32")] * 2, *[("tuned", "fp32")] * 2, ("idiomatic", "bf16")]
    assert (
        "Steady state not reached in warm-up, so these figures may be too slow: "
        "flax, batch 32 idiomatic fp32, 3 of 3 processes; "
        "flax, batch 32 tuned fp32, 3 of 3 processes."
    ) in table.notes
    (cores,) = (note for note in table.notes if note.startswith("CPU use"))
    assert "batch 32 idiomatic fp32, 1.00 (pytorch) to 1.90 (flax); batch 32 tuned fp32, 1.00" in cores
