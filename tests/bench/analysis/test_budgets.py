"""Each limit of a budget is kept, broken or not measured, for each selected cell."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from bench.analysis.budgets import check, unknown_names
from bench.analysis.long_table import figures
from bench.records.budget import Budget
from bench.records.cell import Cell
from bench.records.measurement import Measurement
from bench.records.record import Record
from tests.bench.sample_records import learning, quick_run, record

RUN = quick_run()


def figure(cell_is: tuple[str, str, str, int], metric: str) -> float:
    """A figure of the run, by workload, framework, scenario and batch size."""

    def place(cell: Cell) -> tuple[str, str, str, int]:
        return cell.workload, cell.contender, cell.scenario, cell.batch_size

    return next(item.value for item in figures(RUN) if place(item.cell) == cell_is and item.metric == metric)


CHOSEN = ("workload", "contender", "scenario", "batch_size")
QUERY = ("digits-cnn", "flax", "inference", 1)


def budget(**keys: object) -> Budget:
    return TypeAdapter(Budget).validate_python(keys)


@pytest.mark.parametrize(
    ("key", "metric", "unit", "better"),
    [
        ("latency_p50_ms", "query_time_p50_s", 1e-3, -1),
        ("latency_p90_ms", "query_time_p90_s", 1e-3, -1),
        ("samples_per_second", "samples_per_second", 1, 1),
        ("peak_memory_mb", "host_peak_bytes", 1e6, -1),
    ],
)
def test_a_limit_is_kept_on_its_side_and_broken_on_the_other(key: str, metric: str, unit: float, better: int) -> None:
    found = figure(QUERY, metric) / unit
    for share, verdict, code in ((0.001, "kept", 0), (-0.001, "BROKEN", 3)):
        result = check([budget(**dict(zip(CHOSEN, QUERY, strict=True)), **{key: found * (1 - better * share)})], RUN)
        assert [item.verdict for item in result.checks] == [verdict]
        assert result.checks[0].found == pytest.approx(found)
        assert result.exit_code == code


def test_quality_has_a_limit_on_its_worse_side() -> None:
    quality = {"accuracy": 0.97, "loss": 0.12}
    run = [record(purpose="learning", measurement=Measurement(learning=replace(learning(), quality=quality)))]
    for key, limit, verdict in (
        ("accuracy", 0.96, "kept"),
        ("accuracy", 0.98, "BROKEN"),
        ("loss", 0.13, "kept"),
        ("loss", 0.11, "BROKEN"),
    ):
        result = check([budget(workload="digits-dnn", **{key: limit})], run)
        assert [item.verdict for item in result.checks] == [verdict]


def test_nan_breaks_a_budget() -> None:
    diverged = replace(learning(), quality={"accuracy": float("nan")})
    run = [record(purpose="learning", measurement=Measurement(learning=diverged))]
    assert check([Budget(workload="digits-dnn", accuracy=0.1)], run).exit_code == 3


def test_a_budget_applies_to_every_cell_that_it_selects() -> None:
    result = check([Budget(workload="digits-cnn", scenario="inference", latency_p50_ms=1e9)], RUN)
    assert len(result.checks) == 9
    assert {item.verdict for item in result.checks} == {"kept"}
    assert all("digits-cnn" in item.where and "inference" in item.where for item in result.checks)


def test_a_limit_without_a_measurement_is_not_kept() -> None:
    both = [Budget(workload="digits-cnn", latency_p50_ms=1e9), Budget(workload="digits-gnn", latency_p50_ms=1e9)]
    result = check(both, RUN)
    assert [(item.where, item.verdict) for item in result.checks if item.found is None] == [
        ("digits-gnn", "not measured")
    ]
    assert result.exit_code == 6
    broken = Budget(workload="digits-cnn", latency_p50_ms=1e-9)
    assert check([*both, broken], RUN).exit_code == 3, "a broken limit goes before a limit that was not measured"


def test_a_budget_for_a_workload_that_no_record_has_is_named_with_similar_names() -> None:
    known, misspelt, other = (Budget(workload=name, loss=1.0) for name in ("digits-cnn", "digits-dnnn", "zebra"))
    assert unknown_names([known], RUN) == ("",)
    assert unknown_names([known, misspelt, other], RUN)[2] == (
        "[[budget]] 3: workload: found 'zebra', which no record has, expected one of digits-cnn, "
        "digits-dnn, digits-lstm"
    )
    (line,) = unknown_names([misspelt], RUN)
    assert line.startswith("[[budget]] 1: workload: found 'digits-dnnn', which no record has (did you mean digits-dnn")
    assert check([misspelt], RUN).checks[0].reason == line


@pytest.mark.parametrize(
    ("key", "wrong", "right", "line"),
    [
        (
            "framework",
            "pytroch",
            "pytorch",
            "[[budget]] 1: framework: found 'pytroch', which no record has (did you mean pyt",
        ),
        ("framework", "keras/jax", "flax", "[[budget]] 1: framework: found 'keras/jax', which no record has"),
        ("device", "cuda", "cpu", "[[budget]] 1: device: found 'cuda', which no record has"),
        ("batch_size", 7, 32, "[[budget]] 1: batch_size: found 7, which no record has"),
    ],
)
def test_a_budget_that_selects_by_an_unknown_name_says_which_key_it_is(
    key: str, wrong: object, right: object, line: str
) -> None:
    found = check([budget(workload="digits-dnn", step_p50_ms=1e9, **{key: wrong})], RUN)
    assert (found.exit_code, found.checks[0].verdict) == (6, "not measured")
    assert found.checks[0].reason.startswith(line)
    kept = check([budget(workload="digits-dnn", step_p50_ms=1e9, **{key: right})], RUN)
    assert kept.exit_code == 0
    assert not any(item.reason for item in kept.checks)


def test_all_values_that_no_record_has_are_named_at_once_with_what_there_is() -> None:
    (line,) = unknown_names([budget(workload="digits-dnn", framework="PyTorch", device="gpu", step_p50_ms=1)], RUN)
    assert line == (
        "[[budget]] 1: framework: found 'PyTorch', which no record has (did you mean pytorch?), expected one of flax, "
        "keras/tensorflow, pytorch; device: found 'gpu', which no record has (did you mean cpu?), expected cpu"
    )
    assert unknown_names([budget(workload="digits-dnn", framework="pytorch", device="cpu", loss=1)], RUN) == ("",)


@pytest.mark.parametrize("name", ["keras", "Keras"])
def test_the_name_of_keras_alone_stands_for_its_backends(name: str) -> None:
    (line,) = unknown_names([budget(workload="digits-dnn", framework=name, loss=1)], RUN)
    assert "(did you mean keras/tensorflow?)" in line
    other = record(framework="keras")
    both = [*RUN, replace(other, case=replace(other.case, backend="jax"))]
    (line,) = unknown_names([budget(workload="digits-dnn", framework=name, loss=1)], both)
    assert "(did you mean keras/jax or keras/tensorflow?)" in line


def test_quality_has_no_scenario() -> None:
    for key, limit in (("accuracy", 0.1), ("time_to_target_s", 1e9)):
        found = check([budget(workload="digits-dnn", scenario="inference", **{key: limit})], RUN)
        reason = f"{key} belongs to no scenario: leave out `scenario`"
        assert (found.exit_code, found.checks[0].reason) == (6, reason)
    without = check([budget(workload="digits-dnn", accuracy=0.1)], RUN)
    assert without.exit_code == 0
    timed = check([budget(workload="digits-dnn", scenario="inference", batch_size=32, latency_p50_ms=1e9)], RUN)
    assert timed.exit_code == 0


def test_a_metric_of_another_task_is_told_with_those_of_the_task() -> None:
    (first, *_) = check([budget(workload="digits-dnn", r2=0.1)], RUN).checks
    metrics = "accuracy, precision, recall, f1, roc_auc, loss"
    assert first.reason == f"r2 is no metric of a classification, which has {metrics}"
    (own, *_) = check([budget(workload="digits-dnn", roc_auc=0.1)], RUN).checks
    assert own.reason == "the records have no such figure", "a metric of this task that was not stored"


def learnt(run: str, accuracy: float, *frameworks: str) -> list[Record]:
    """A run that learnt, with this accuracy in each framework."""
    measurement = Measurement(learning=learning(accuracy=accuracy))
    return [
        record(purpose="learning", framework=framework, run=run, measurement=measurement)
        for framework in frameworks or ("pytorch", "flax")
    ]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_each_of_several_runs_is_judged_in_any_order(order: tuple[str, str]) -> None:
    """A dictionary without the run would judge only the last of them."""
    runs = {"a": learnt("run-a", 0.97), "b": learnt("run-b", 0.5)}
    result = check([Budget(workload="digits-dnn", accuracy=0.9)], [item for name in order for item in runs[name]])
    assert result.exit_code == 3
    assert {(item.run, item.verdict) for item in result.checks} == {("run-a", "kept"), ("run-b", "BROKEN")}
    assert all(f"(run {item.run})" in item.where for item in result.checks)
    assert len({item.where for item in result.checks}) == len(result.checks) == 4
    alone = check([Budget(workload="digits-dnn", accuracy=0.9)], runs["a"])
    assert alone.exit_code == 0
    assert not any("run-a" in item.where for item in alone.checks), "a single run is not named in each line"


def test_a_budget_of_all_frameworks_needs_a_framework_that_was_planned_and_has_no_record() -> None:
    limit, here = Budget(workload="digits-dnn", accuracy=0.9), learnt("run-a", 0.97, "pytorch")
    lost = record(purpose="learning", framework="flax").case
    result = check([limit], here, unmeasured={"run-a": [lost]})
    assert [(item.verdict, item.reason) for item in result.checks] == [
        ("kept", ""),
        ("not measured", "cases: 1 of 1 without a record"),
    ]
    assert "flax" in result.checks[1].where
    assert result.exit_code == 6
    assert check([limit], here).exit_code == 0, "without a plan nobody knows of flax"


def test_a_cell_that_only_one_of_two_runs_has_is_told() -> None:
    both = [*learnt("run-a", 0.97), *learnt("run-b", 0.97, "pytorch")]
    result = check([Budget(workload="digits-dnn", accuracy=0.9)], both)
    assert result.absent == ("digits-dnn flax training on cpu, batch 32 (learning): not in run run-b",)
    assert check([Budget(workload="digits-dnn", accuracy=0.9)], learnt("run-a", 0.97)).absent == ()


def test_a_cell_that_its_framework_cannot_run_is_told() -> None:
    cannot = record(framework="flax", outcome="unavailable", error="no such layer")
    limit = Budget(workload="digits-dnn", step_p50_ms=1e9)
    assert check([limit], [record(), cannot]).skipped == ("digits-dnn flax training on cpu, batch 32: no such layer",)
    assert check([limit], [record()]).skipped == ()


@pytest.mark.parametrize(
    ("field", "value"), [("mode", "tuned"), ("precision", "bf16"), ("feed", "host"), ("threads", 7)]
)
def test_two_cells_of_a_budget_have_two_names(field: str, value: object) -> None:
    plain = record()
    other = replace(plain, case=replace(plain.case, **{field: value}))  # type: ignore[arg-type]
    result = check([Budget(workload="digits-dnn", step_p50_ms=1e9)], [plain, other])
    assert len({item.where for item in result.checks}) == len(result.checks) == 2


def test_a_failed_framework_keeps_no_budget_even_if_others_do() -> None:
    """A budget for all frameworks is not kept for the failed one because another framework keeps it."""
    everybody = Budget(workload="digits-dnn", scenario="training", step_p50_ms=1e9)
    well, failed = [record(), record(framework="flax")], record(framework="flax", replicate=1, outcome="oom")
    assert check([everybody], well).exit_code == 0
    for run in ([record(), record(framework="flax", outcome="oom")], [*well, failed]):
        result = check([everybody], run)
        assert [item.verdict for item in result.checks] == ["kept", "not measured"]
        assert result.exit_code == 6
    cannot = [record(), record(framework="flax", outcome="unavailable")]
    assert check([everybody], cannot).exit_code == 0, "a budget does not apply to a framework that cannot run the case"


def test_there_is_no_time_to_target_if_one_seed_missed_it() -> None:
    limit = Budget(workload="digits-dnn", time_to_target_s=1e9)
    for reached, verdict in ((True, "kept"), (False, "not measured")):
        second = record(purpose="learning", seed=1, measurement=Measurement(learning=learning(reached=reached)))
        result = check([limit], [record(purpose="learning"), second])
        assert [item.verdict for item in result.checks] == [verdict]


def test_a_diverged_seed_is_not_left_out_of_a_mean() -> None:
    run = [record(purpose="learning"), record(purpose="learning", seed=1, outcome="diverged")]
    assert check([Budget(workload="digits-dnn", accuracy=0.1)], run).exit_code == 6


def test_a_failed_case_has_no_figure() -> None:
    assert check([Budget(workload="digits-dnn", step_p50_ms=1e9)], [record(outcome="failed")]).exit_code == 6
