"""Folders of saved models in runs, as `levelfield run --save-models` leaves them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.records.record import Certificate
from bench.records.store import RECORDS, RunFolder
from bench.workload import model_families, saved_model
from bench.workload.model_folders import ABOUT, MODELS
from tests.bench.sample_records import record
from tests.bench.workloads import saved_tiny, workload

FIRST, SECOND = "20260101T000000Z-0001", "20260102T000000Z-0001"


def stored(  # noqa: PLR0913 (a builder: each part may matter to a test)
    results: Path,
    run: str = FIRST,
    *,
    machine: str = "i7-2c-1f3a",
    framework: str = "flax",
    seed: int = 0,
    weights_seed: int = 0,
    certificate: Certificate | str | None = "passed",
    accuracy: float = 0.5,
) -> Path:
    """A saved model in its run, with the record of its training."""
    made = record("tiny", framework, purpose="learning", seed=seed, run=run, certificate=certificate)
    place = RunFolder(results / machine / run / RECORDS)
    place.records.parent.mkdir(parents=True, exist_ok=True)
    place.append(made)
    folder = place.folder / MODELS / f"tiny-{made.case.learner}"
    about = replace(saved_tiny(), contender=framework, seed=seed, quality={"loss": 1.5, "accuracy": accuracy})
    weights = model_families.spec_module("dnn").initial_weights(workload().spec, seed=weights_seed)
    saved_model.write(folder, about, weights, native=lambda draft: (draft / "own").touch())
    return folder


def changed(folder: Path, **fields: Any) -> None:  # noqa: ANN401 (JSON)
    """Replace fields of model.json; None takes one away."""
    path = folder / ABOUT
    content = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
