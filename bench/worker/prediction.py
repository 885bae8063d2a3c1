"""Saves trained models, and predicts with them in the framework that trained them or in another."""

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.adapters.base import Adapter, Model
from bench.datasets import base as datasets
from bench.datasets import description
from bench.datasets.base import Split
from bench.datasets.own_files.prepared_columns import Preparation
from bench.errors import BenchError, UsageError
from bench.records import profile_files
from bench.records.column_profile import SCORES, Profile
from bench.records.record import Case
from bench.worker import labelled_files, observed_columns, prediction_log, quality_metrics
from bench.worker.labelled_files import PARTS, Samples
from bench.worker.measure.inference import EVALUATION_BATCH, logits_of
from bench.worker.prediction_log import PredictionLog
from bench.worker.prepared_workload import SINGLE, PreparedWorkload, load_adapter, network_inputs, network_module
from bench.workload import saved_model
from bench.workload.model_families import Weights
from bench.workload.model_folders import PROFILE
from bench.workload.recipe import plain
from bench.workload.saved_model import FORMAT, SavedModel, Scale
from bench.workload.update_rules import Sgd

UNUSED = Sgd(name="sgd", learning_rate=1.0)  # a model that only predicts has an optimizer too


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A table with one row for each sample, the source of the weights, and the quality where there are labels.

    `labelled` is the number of samples with a label. `inputs` has the samples as the network gets them.
    """

    table: pd.DataFrame
    source: Literal["its own file", "the canonical weights"]
    quality: dict[str, float]
    labelled: int
    inputs: np.ndarray
    remarks: tuple[str, ...] = ()


def keep(subject: PreparedWorkload, case: Case, folder: Path, *, weights: Weights, quality: dict[str, float]) -> None:
    """Write a trained model into a folder: its canonical weights, its own file, and how its data was scaled."""
    workload, train = subject.workload, subject.dataset.train
    scaled = subject.workload.description.task == "regression"
    about = SavedModel(
        format=FORMAT,
        workload=workload.name,
        digest=workload.digest,
        contender=case.contender,
        versions=subject.adapter.versions(),
        seed=case.seed,
        family=workload.family,
        spec=asdict(workload.spec),
        recipe=workload.recipe,
        dataset=dict(workload.dataset),
        description=workload.description,
        inputs=Scale(mean=tuple(train.input_mean), deviation=tuple(train.input_deviation)),
        targets=Scale(mean=tuple(train.target_mean), deviation=tuple(train.target_deviation)) if scaled else Scale(),
        quality=quality,
        preparation=_preparation(workload.dataset),
    )

    def files(draft: Path) -> None:
        _save(subject, weights, draft)
        try:
            profile_files.write(_profile(subject, about, weights), draft / PROFILE)
        except Exception:  # noqa: BLE001 (a model without a profile cannot be watched, but its training must not be lost)
            traceback.print_exc()

    saved_model.write(folder, about, weights, native=files)


def _profile(subject: PreparedWorkload, about: SavedModel, weights: Weights) -> Profile:
    """What later data are compared with: the data of the training, and the outputs for the test data."""
    subject.adapter.prepare(
        subject.module.build(subject.workload.spec, weights, seed=subject.seed), plain(about.recipe, UNUSED)
    )
    test = _samples(subject.dataset.test)
    logits = logits_of(subject.adapter, network_inputs(test.inputs, about.family, about.network(), dtype=SINGLE))
    return observed_columns.profile(about, subject.dataset.train.inputs, _table(about, logits, test))


def _preparation(dataset: Mapping[str, object]) -> Preparation | None:
    """How the columns of a user's table become numbers; None for other data."""
    if dataset.get("kind") not in {"csv", "parquet", "series"}:
        return None
    module, options = description.find(dataset)
    found: Preparation = module.preparation(options)
    return found


def _save(subject: PreparedWorkload, weights: Weights, folder: Path) -> None:
    """Write the framework's own file, and read it back; raises BenchError if a tensor then has other values."""
    adapter, module, spec = subject.adapter, subject.module, subject.workload.spec
    adapter.save(module.build(spec, weights, seed=subject.seed), folder)
    empty = {name: np.zeros_like(value) for name, value in weights.items()}
    found = module.export(adapter.load(module.build(spec, empty, seed=subject.seed), folder))
    lost = [name for name in weights if not np.array_equal(found.get(name, empty[name]), weights[name], equal_nan=True)]
    if lost:
        raise BenchError(
            f"the model file of {subject.framework}: found other values than were saved in {', '.join(lost)}, expected "
            "the same; train without --save-models, and report this fault"
        )


def observe(framework: str, folder: Path, data: str, *, device: str, threads: int) -> dict[str, np.ndarray]:
    """The columns of later data and of the model's outputs for them, and `SCORES` where answers are known.

    The columns of a table are not among them: the parent process reads it in chunks. Raises errors like `predict`.
    """
    found = predict(framework, folder, data, device=device, threads=threads)
    about = saved_model.read(folder)
    inputs = {} if observed_columns.is_table(about) else observed_columns.of_samples(found.inputs, about)
    return {**inputs, **observed_columns.of_outputs(found.table), SCORES: observed_columns.scores(found.table)}


def predict(  # noqa: PLR0913 (what a request has)
    framework: str,
    folder: Path,
    data: str,
    *,
    device: str,
    threads: int,
    batch_size: int | None = None,
    log: PredictionLog | None = None,
) -> Predictions:
    """The predictions of a saved model for `data`: a part of its data set, or a file with samples of the same kind.

    The file is like the one of the training, and its values are as they were before they were prepared. If it has
    the target too, the predictions are scored by it. `batch_size` samples are predicted in one call, and each call is
    written to `log`. Raises UsageError or DataError for a wrong folder or file.
    """
    about = saved_model.read(folder)
    samples = _samples(_part(about, data)) if data in PARTS else labelled_files.read(Path(data), about)
    adapter = load_adapter(framework)
    adapter.configure(device="cpu" if device == "cpu" else "cuda", precision="fp32", threads=threads)
    own = framework == about.contender.partition("/")[0]
    model = _loaded(adapter, framework, folder, about, own=own)
    adapter.prepare(model, plain(about.recipe, UNUSED))
    inputs = network_inputs(samples.inputs, about.family, about.network(), dtype=SINGLE)
    size = batch_size or EVALUATION_BATCH
    if log is None:
        logits = logits_of(adapter, inputs, batch_size=size)
    else:
        logits = prediction_log.logits_of(adapter, inputs, about, batch_size=size, log=log)
    return Predictions(
        table=_table(about, logits, samples),
        source="its own file" if own else "the canonical weights",
        quality=_quality(about, logits, samples),
        labelled=len(samples.labelled),
        inputs=samples.inputs,
        remarks=samples.remarks,
    )


def _samples(split: Split) -> Samples:
    return Samples(inputs=split.inputs, labelled=np.arange(len(split)), targets=split.targets)


def _quality(about: SavedModel, logits: np.ndarray, samples: Samples) -> dict[str, float]:
    """The quality of the predictions for the samples that have a label, by the metrics of a run; empty without any."""
    if not len(samples.labelled):
        return {}
    scale = {"mean": np.array(about.targets.mean), "deviation": np.array(about.targets.deviation)}
    answers = quality_metrics.Answers(
        task=about.description.task,
        loss=about.recipe.loss,
        logits=logits[samples.labelled],
        targets=samples.targets,
        **(scale if about.targets.mean else {}),
    )
    return quality_metrics.evaluate(answers)


def _loaded(adapter: Adapter, framework: str, folder: Path, about: SavedModel, *, own: bool) -> Model:
    weights = {name: value.astype(np.float32) for name, value in saved_model.read_weights(folder, about).items()}
    model = network_module(about.family, framework).build(about.network(), weights, seed=about.seed)
    if not own:
        return model
    try:
        return adapter.load(model, folder)
    except BenchError:
        raise
    except Exception as error:  # each library raises its own errors for a damaged file
        raise UsageError(
            f"{folder}: {framework} cannot read the model file that it saved there: the file is damaged, or another "
            f"version of {framework} wrote it. To load the canonical weights instead, choose another framework with "
            "--framework"
        ) from error


def _part(about: SavedModel, name: str) -> Split:
    dataset = datasets.load(about.dataset)
    if name == "validation" and not dataset.description.validation:
        raise UsageError(f"DATA: found 'validation', but {dataset.description.name} has no validation data of its own")
    part: Split = getattr(dataset, name)
    return part


def _table(about: SavedModel, logits: np.ndarray, samples: Samples) -> pd.DataFrame:
    outputs, known = logits.astype(np.float64), about.description
    if known.task == "regression":
        columns = dict(_named("predicted", about.targets.undo(outputs)))
        real = np.full(outputs.shape, np.nan)
        real[samples.labelled] = about.targets.undo(samples.targets.reshape(-1, outputs.shape[1]))
        truth = dict(_named("truth", real))
    else:
        names = np.array(known.labels or range(max(quality_metrics.BINARY, known.outputs)))
        chances = quality_metrics.probabilities(outputs, about.recipe.loss)
        columns = {"predicted": names[quality_metrics.classes(outputs)]}
        columns |= {f"probability of {name}": chances[:, number] for number, name in enumerate(names)}
        classes = np.full(len(outputs), None, dtype=object)
        classes[samples.labelled] = names[samples.targets]
        truth = {"truth": classes}
    return pd.DataFrame({"sample": np.arange(len(outputs)), **(truth if len(samples.labelled) else {}), **columns})


def _named(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """One column with this name, or several with a number behind it."""
    if values.shape[1] == 1:
        return [(name, values[:, 0])]
    return [(f"{name} {number}", column) for number, column in enumerate(values.T)]
