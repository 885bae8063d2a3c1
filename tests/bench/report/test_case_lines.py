"""A case and its result are one line: the same in a run and in `levelfield watch`."""

import re
from dataclasses import replace

import pytest

from bench.records.measurement import Measurement
from bench.report.case_lines import line, name, outcome
from tests.bench.sample_records import block, load, record, use

TIMING = record(replicate=1)
LEARNING = record(purpose="learning", seed=4)
MEMORY = record("digits-cnn", "keras/jax", "inference", purpose="memory", batch_sizes=(1, 32))


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (TIMING.case, "digits-dnn pytorch training, timing 2"),
        (LEARNING.case, "digits-dnn pytorch training, learning seed 4"),
        (MEMORY.case, "digits-cnn keras/jax inference, memory"),
        (record(device="cuda:1").case, "digits-dnn pytorch on cuda:1 training, timing 1"),
    ],
)
def test_a_case_has_a_name_that_one_can_read(case: object, text: str) -> None:
    assert name(case) == text  # type: ignore[arg-type]


def test_a_record_is_its_figures_or_what_went_wrong() -> None:
    fast = replace(TIMING, measurement=Measurement(blocks=(block(32, call_time_s=1e-3),)))
    assert re.fullmatch(r"batch 32: 40\.\d k samples/s, step 1\.0\d ms \(p90 1\.0\d ms\)", outcome(fast))
    disturbed = replace(block(32), use=use(load(others=0.9, own=1.1)))
    slowed = replace(TIMING, measurement=Measurement(blocks=(disturbed,)))
    assert outcome(slowed).endswith(" ms) (disturbed: other programs used 0.9 of 2 cores)")
    assert outcome(LEARNING).startswith("test accuracy 0.9")
    assert outcome(MEMORY).startswith("host peak ")
    assert outcome(MEMORY) == "host peak 40.1 MB at batch 1, 43.2 MB at batch 32"
    peaks = tuple(replace(item, device_peak_bytes=2**30) for item in MEMORY.measurement.memory)
    on_a_gpu = replace(MEMORY, measurement=Measurement(memory=peaks))
    assert outcome(on_a_gpu).startswith("device peak 1.07 GB at batch 1, ")
    assert outcome(record(outcome="oom", error="no memory left")) == "oom: no memory left"


def test_inference_has_a_latency_at_each_batch_size_and_no_p90_from_few_queries() -> None:
    blocks = (block(1, call_time_s=2e-3), block(32, call_time_s=4e-3, samples=63))
    found = replace(record(scenario="inference", batch_sizes=(1, 32)), measurement=Measurement(blocks=blocks))
    small, large = outcome(found).split("; ")
    assert re.fullmatch(r"batch 1: \d+ samples/s, latency 2\.0\d ms \(p90 2\.\d\d ms\)", small)
    assert re.fullmatch(r"batch 32: [\d.]+ k samples/s, latency 4\.\d\d ms", large)


def test_a_line_has_the_case_and_what_came_of_it() -> None:
    failed = record(outcome="timeout", error="too slow")
    assert line(failed) == "digits-dnn pytorch training, timing 1: timeout: too slow"
    assert line(TIMING) == f"{name(TIMING.case)}: {outcome(TIMING)}"


def test_text_of_users_stays_on_its_line_and_colours_nothing() -> None:
    failed = record("own\x1b[31m\nwine", outcome="failed", error="first\nsecond \x1b[31m")
    assert line(failed) == "own\\x1b[31m wine pytorch training, timing 1: failed: first second \\x1b[31m"


def test_virtual_devices_have_no_speed() -> None:
    assert "samples/s" in line(record(device="2xcpu"))
    assert line(record(framework="flax", device="2xcpu")).endswith(": done; virtual devices have no speed of their own")
