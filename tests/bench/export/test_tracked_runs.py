"""There is one tracked run for each framework on each workload, with what was measured of it and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.analysis.long_table import figures
from bench.export.tracked_runs import TrackedRun, tracked_runs
from bench.records.record import Record
from tests.bench.sample_records import quick_run, record
from tests.bench.served_records import served


def only(records: Sequence[Record]) -> TrackedRun:
    (found,) = tracked_runs(records)
    return found


def test_there_is_one_for_each_framework_on_each_workload() -> None:
    found = tracked_runs(quick_run())
    names = [
        f"digits-{model} {name}" for model in ("dnn", "cnn", "lstm") for name in ("pytorch", "keras/tensorflow", "flax")
    ]
    assert [item.name for item in found] == names
    assert len({item.key for item in found}) == len(found)
    assert sum(item.lines.count("\n") for item in found) == len(quick_run())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"device": "cuda:0"}, "digits-dnn pytorch cuda:0"),
        ({"mode": "tuned"}, "digits-dnn pytorch tuned"),
        ({"precision": "bf16"}, "digits-dnn pytorch bf16"),
    ],
)
def test_the_name_has_device_mode_and_precision_where_they_vary(change: dict[str, Any], name: str) -> None:
    plain = record()
    other = replace(plain, case=replace(plain.case, **change))
    found = tracked_runs([plain, other])
    assert found[1].name == name
    assert only([other]).name == "digits-dnn pytorch"
    assert only([other]).key == found[1].key != found[0].key


def test_another_run_has_another_key_and_its_own_name() -> None:
    found = tracked_runs([record(run="a"), record(run="b", device="cuda:0")])
    assert [item.name for item in found] == ["digits-dnn pytorch"] * 2
    assert found[0].key != found[1].key


def test_more_records_change_the_digest_but_not_the_key() -> None:
    first, both = (only(records) for records in ([record()], [record(), record(replicate=1)]))
    assert first.key == both.key
    assert first.digest != both.digest
    assert first.digest == only([record()]).digest


def test_a_figure_has_both_ends_of_its_interval() -> None:
    records = [item for item in quick_run(workloads=["digits-dnn"]) if item.case.framework == "flax"]
    metrics = only(records).metrics
    known = {(figure.cell.scenario, figure.cell.batch_size, figure.metric): figure for figure in figures(records)}
    for name, figure in {
        "samples_per_second": known["training", 32, "samples_per_second"],
        "inference.samples_per_second": known["inference", 256, "samples_per_second"],
        "query_time_p50_s": known["inference", 1, "query_time_p50_s"],
        "query_time_p90_s": known["inference", 1, "query_time_p90_s"],
        "host_peak_bytes": known["training", 32, "host_peak_bytes"],
        "test_accuracy": known["training", 32, "test_accuracy"],
    }.items():
        assert (metrics[name], metrics[f"{name}.low"], metrics[f"{name}.high"]) == (
            figure.value,
            figure.low,
            figure.high,
        )
    assert metrics["query_time_p50_s"] != known["inference", 256, "query_time_p50_s"].value
    assert "query_time_pipelined_s" not in metrics


def test_a_figure_of_several_loads_names_its_load() -> None:
    records = [served(load=load) for load in ("server", "offline", "single_stream")]
    found = only(records)
    assert {"sla_rate", "sla_rate.low", "offline_rate", "server.load_p90_s", "single_stream.load_p90_s"} <= set(
        found.metrics
    )
    assert found.params["server.limit_ns"] == "5000000"
    assert "training.batch_sizes" not in found.params


def test_parameters_are_the_fields_of_the_case() -> None:
    found = only(
        [record(framework="keras/jax"), record(framework="keras/jax", scenario="inference", batch_sizes=(1, 32))]
    )
    assert found.params == {
        "workload": "digits-dnn",
        "framework": "keras/jax",
        "device": "cpu",
        "mode": "idiomatic",
        "precision": "fp32",
        "threads": "2",
        "feed": "device",
        "training.batch_sizes": "32",
        "inference.batch_sizes": "1, 32",
    }


def test_tags_say_where_the_figures_come_from() -> None:
    tags = only([record(), record(purpose="learning", seed=3)]).tags
    assert tags["levelfield.machine"] == "i7-2c-1f3a"
    assert tags["levelfield.workload_digest"] == "digest-of-digits-dnn"
    assert tags["levelfield.source_digest"] == "source-1"
    assert tags["levelfield.versions.torch"] == "2.13.0"
    assert tags["levelfield.certificate"] == "proven equal"
    assert tags["levelfield.outcomes"] == "ok 2"
    assert tags["levelfield.seeds"] == "3"
    assert "levelfield.error" not in tags
    assert all(tags.values())


@pytest.mark.parametrize(
    ("bad", "tag", "text"),
    [
        (record(outcome="oom", error="no memory"), "error", "no memory"),
        (record(outcome="oom", error="no memory"), "outcomes", "ok 1, oom 1"),
        (record(certificate="failed"), "certificate", "proven equal, proof failed"),
        (record(certificate=None), "certificate", "proven equal, missing"),
    ],
)
def test_a_run_with_a_failed_case_or_proof_is_not_whole(bad: Record, tag: str, text: str) -> None:
    good = record(replicate=1)
    found = only([good, bad])
    assert not found.is_whole
    assert found.tags[f"levelfield.{tag}"] == text
    assert only([good]).is_whole


def test_each_seed_has_its_curve() -> None:
    found = only([record(purpose="learning", seed=seed) for seed in (0, 1)])
    assert {point.curve for point in found.curves} >= {"train/loss", "train/loss.seed1", "validation/accuracy"}
    assert found.models == ("digits-dnn-pytorch-cpu-seed0", "digits-dnn-pytorch-cpu-seed1")


def test_the_time_is_that_of_the_measurement() -> None:
    late = replace(record(replicate=1), started="2026-01-01T01:00:00Z")
    found = only([late, record()])
    assert found.ended - found.began == 3602.5
