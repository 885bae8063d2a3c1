"""Each limit of a budget is kept, broken or not measured, for each selected cell."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from bench.analysis.budgets import check, unknown_workloads
from bench.analysis.long_table import figures
from bench.records.budget import Budget
from bench.records.cell import Cell
from bench.records.measurement import Measurement
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
    assert unknown_workloads([known], RUN) == ()
    assert (
        unknown_workloads([known, misspelt, other], RUN)[1] == "budget[2].workload: found 'zebra', which no record has"
    )
    (line,) = unknown_workloads([misspelt], RUN)
    assert line.startswith("budget[0].workload: found 'digits-dnnn', which no record has (did you mean digits-dnn")


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
