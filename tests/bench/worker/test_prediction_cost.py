"""A line of the prediction log costs at most 20 µs: its digest, its JSON, the check of the file's size, the write."""

import gc
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from bench.records.prediction_writer import PredictionWriter
from bench.worker.prediction_log import PredictionLog, answers
from bench.workload.saved_model import SavedModel
from tests.bench.records.prediction_lines import SOURCE
from tests.bench.workloads import saved_tiny

ROWS, FEATURES, ROUNDS = 100_000, 64, 5
MOST_US = 20.0


def cost_us(log: Path, about: SavedModel, values: np.ndarray, *, batch: int, with_class: bool = False) -> float:
    """The microseconds of a row, with or without its class and its probability, which every prediction has."""
    logits = np.random.default_rng(1).normal(size=(batch, 3)).astype(np.float32)
    said = answers(about, logits)
    gc.collect()
    with PredictionWriter(log, SOURCE) as writer:
        made = PredictionLog(writer, with_inputs=False)
        begun = time.perf_counter_ns()
        for first in range(0, len(values), batch):
            made.begun(values[first : first + batch], first=first, batch=batch)
            made.answered(answers(about, logits) if with_class else said, latency_ns=100_000)
        return (time.perf_counter_ns() - begun) / len(values) / 1e3


@pytest.mark.study
@pytest.mark.parametrize("batch", [1, 10, 500])
def test_a_line_costs_at_most_20_microseconds(tmp_path: Path, batch: int) -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32)
    found = sorted(cost_us(tmp_path / "log", saved_tiny(), values, batch=batch) for _ in range(ROUNDS))
    middle = statistics.median(found)
    whole = cost_us(tmp_path / "log", saved_tiny(), values, batch=batch, with_class=True)
    spread = f"{found[0]:.1f} to {found[-1]:.1f}"
    print(f"\nbatch {batch}: {middle:.1f} µs a row [{spread}], {ROUNDS} rounds; with its class {whole:.1f} µs")  # noqa: T201 (the study)
    assert middle <= MOST_US
