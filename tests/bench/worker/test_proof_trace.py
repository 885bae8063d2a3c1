"""A trace follows the recipe: initial weights, batches in order, optimizer steps; but without dropout."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bench.adapters.custom_loops.flax import Functional
from bench.analysis import dropout_masks, second_network
from bench.analysis.deviations import Trace, relative_deviation, weights_deviation
from bench.analysis.equivalence import LOSS_STEPS, STEPS
from bench.datasets import base as datasets
from bench.worker import recipe_facts
from bench.worker.prepared_workload import prepare
from bench.worker.proof_trace import SAMPLES as FEWER
from bench.worker.proof_trace import bits_kept, mantissa_bits, random_weights, trace
from bench.workload.workload import Workload, parse_workload
from models.dnn.spec import forward, initial_weights, parameter_shapes
from models.layers.spec import Weights

RATE, BATCH, SAMPLES = 0.1, 8, 60


def workload(hidden: tuple[dict[str, Any], ...] = (), *, last_batch: str = "keep", batch_size: int = BATCH) -> Workload:
    """Linear regression by default, whose steps can be computed by hand."""
    optimizer = {"name": "sgd", "learning_rate": RATE}
    content = {
        "name": "linear",
        "dataset": {"name": "synthetic", "shape": [4], "outputs": 2, "train": SAMPLES, "test": 4},
        "model": {"family": "dnn", "hidden": hidden},
        "recipe": {
            "optimizer": optimizer,
            "batch_size": batch_size,
            "epochs": 1,
            "loss": "mean_squared_error",
            "last_batch": last_batch,
        },
    }
    return parse_workload(content, source=Path("linear.toml"))


def traced(made: Workload, *, precision: str = "fp64", seed: int = 0, nudged: bool = False) -> Trace:
    subject = prepare("pytorch", made, device="cpu", precision=precision, threads=1, seed=seed)
    return trace(subject, nudged=nudged)


def by_hand(made: Workload, *, first_epoch: int = 0, most: int | None = None, start: Weights | None = None) -> Trace:
    """The weights after all steps and the loss of each step, in NumPy, with at most `most` samples of a full batch."""
    split = datasets.load(made.dataset).train
    inputs, targets = split.inputs.astype(np.float64), split.targets.astype(np.float64)
    weights = dict(start or initial_weights(made.spec, seed=0))
    losses: list[float] = []
    epoch, batch = first_epoch, made.recipe.batch_size
    while len(losses) < STEPS:
        batches = datasets.batches(
            SAMPLES, made.recipe.batch_size, seed=0, epoch=epoch, last_batch=made.recipe.last_batch
        )
        for rows in list(batches)[: STEPS - len(losses)]:
            rows = rows[: -(-(most or batch) * len(rows) // batch)]  # noqa: PLW2901
            error = inputs[rows] @ weights["head.kernel"] + weights["head.bias"] - targets[rows]
            losses.append(float(np.mean(error**2)))
            back = 2 * error / error.size
            weights["head.kernel"] = weights["head.kernel"] - RATE * inputs[rows].T @ back
            weights["head.bias"] = weights["head.bias"] - RATE * back.sum(axis=0)
        epoch += 1
    return {"losses": np.array(losses), **{f"weights/{name}": value for name, value in weights.items()}}


@pytest.mark.parametrize("last_batch", ["keep", "drop"])
def test_the_steps_are_those_of_the_recipe(last_batch: str) -> None:
    made = workload(last_batch=last_batch)
    found, expected = traced(made), by_hand(made)
    assert weights_deviation(found, expected) < 1e-13
    assert relative_deviation(found["losses"], expected["losses"][:LOSS_STEPS]) < 1e-13


def test_other_batches_give_another_trace() -> None:
    made = workload()
    for other in (by_hand(made, first_epoch=1), by_hand(workload(last_batch="drop"))):
        assert weights_deviation(traced(made), other) > 1e-6


def test_a_trace_starts_with_the_canonical_weights_and_ends_with_the_trained_ones() -> None:
    made = workload(({"units": 5, "batch_norm": {}},))
    found = traced(made)
    rows = next(datasets.batches(SAMPLES, BATCH, seed=0, epoch=0, last_batch="keep"))
    inputs = datasets.load(made.dataset).train.inputs[rows].astype(np.float64)
    first = initial_weights(made.spec, seed=0)
    last = {name.removeprefix("weights/"): value for name, value in found.items() if name.startswith("weights/")}
    assert sorted(last) == sorted(first)
    np.testing.assert_allclose(found["reference"], forward(made.spec, first, inputs), rtol=1e-14)
    np.testing.assert_allclose(found["trained_reference"], forward(made.spec, last, inputs), rtol=1e-14)
    for logits, reference in (("logits", "reference"), ("trained_logits", "trained_reference")):
        assert relative_deviation(found[logits], found[reference]) < 1e-13
    assert relative_deviation(found["trained_logits"], found["reference"]) > 1e-2


def test_float32_takes_the_steps_whose_loss_is_compared() -> None:
    double, single = (traced(workload(({"units": 5},)), precision=precision) for precision in ("fp64", "fp32"))
    assert len(double["losses"]) == len(single["losses"]) == LOSS_STEPS
    assert {single[name].dtype for name in ("logits", "weights/head.kernel")} == {np.dtype(np.float32)}
    assert {double[name].dtype for name in ("logits", "weights/head.kernel")} == {np.dtype(np.float64)}
    assert single["reference"].dtype == np.float64, "the reference computes with rounded weights, but in float64"
    assert 1e-12 < relative_deviation(single["losses"], double["losses"]) < 1e-5


@pytest.mark.parametrize(("precision", "moved"), [("fp64", 1e-14), ("fp32", 1e-6)])
def test_a_nudged_trace_changes_initial_weights_and_inputs_by_their_last_bit(precision: str, moved: float) -> None:
    usual = traced(workload(({"units": 5},)), precision=precision)
    nudged = traced(workload(({"units": 5},)), precision=precision, nudged=True)
    assert moved / 1e3 < relative_deviation(nudged["logits"], usual["logits"]) < moved
    assert 0 < weights_deviation(nudged, usual) < 100 * moved


def test_a_trace_has_no_dropout() -> None:
    plain, dropped = (traced(workload(({"units": 5, "dropout": rate},))) for rate in (0.0, 0.5))
    assert weights_deviation(dropped, plain) == 0.0


def test_random_weights_leave_no_tensor_as_initial_weights_have_it() -> None:
    made = workload(({"units": 5, "batch_norm": {}}, {"units": 5}))
    shapes, first = parameter_shapes(made.spec), initial_weights(made.spec, seed=0)
    found = random_weights(shapes, seed=0, dtype=np.dtype(np.float64))
    assert {name: value.shape for name, value in found.items()} == shapes
    for name, value in found.items():
        assert not np.isclose(value, first[name]).any(), name
        assert value.min() > 0 or not name.endswith((".scale", ".variance"))
    assert len({value.tobytes() for value in found.values()}) == len(found), "no two tensors can be exchanged unseen"
    assert {value.dtype for value in random_weights(shapes, seed=0, dtype=np.dtype(np.float32)).values()} == {
        np.dtype(np.float32)
    }


def test_a_second_network_starts_from_random_weights_and_takes_the_first_steps_again() -> None:
    made = workload()
    found = traced(made)
    start = random_weights(parameter_shapes(made.spec), seed=0, dtype=np.dtype(np.float64))
    rows = next(datasets.batches(SAMPLES, BATCH, seed=0, epoch=0, last_batch="keep"))
    inputs = datasets.load(made.dataset).train.inputs[rows].astype(np.float64)
    np.testing.assert_allclose(found["random_reference"], forward(made.spec, start, inputs), rtol=1e-14)
    assert relative_deviation(found["random_logits"], found["random_reference"]) < 1e-13
    assert {name: float(found[name]) for name in found if name.startswith("loaded/")} == {
        "loaded/head.bias": 0.0,
        "loaded/head.kernel": 0.0,
    }
    again = by_hand(made, start=start)["losses"][: len(found["losses_again"])]
    assert len(again) == second_network.STEPS
    assert relative_deviation(found["losses_again"], again) < 1e-13
    assert relative_deviation(found["losses_again"], found["losses"][: len(again)]) > 1e-2


@pytest.mark.parametrize(
    ("precision", "nudged", "has"),
    [
        ("fp64", False, {"random_logits", "losses_again", "dropout_losses"}),
        ("fp32", False, {"random_logits"}),
        ("bf16", False, set()),
        ("fp64", True, set()),
    ],
)
def test_random_weights_are_loaded_where_they_are_compared(precision: str, nudged: bool, has: set[str]) -> None:  # noqa: FBT001
    found = traced(workload(({"units": 5, "dropout": 0.5},)), precision=precision, nudged=nudged)
    assert {"random_logits", "losses_again", "dropout_losses"} & found.keys() == has


def test_the_losses_with_dropout_differ_in_each_step_and_there_is_none_without_dropout() -> None:
    found = traced(workload(({"units": 5, "dropout": 0.5},)))
    assert len(set(found["dropout_losses"])) == dropout_masks.STEPS
    assert relative_deviation(found["dropout_logits"], found["dropout_reference"]) < 1e-13
    assert "dropout_losses" not in traced(workload(({"units": 5},)))


@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.3])
def test_a_framework_that_cannot_drop_out_is_traced_without_dropout_and_says_why(recurrent_dropout: float) -> None:
    layer = {"units": 3, "dropout": 0.2, "recurrent_dropout": recurrent_dropout}
    content = {**workload().content, "model": {"family": "rnn", "layers": [layer]}}
    found = traced(parse_workload(content, source=Path("linear.toml")))
    assert ("have no recurrent dropout" in dropout_masks.refusal(found)) == bool(recurrent_dropout)
    assert ("dropout_losses" in found) != bool(recurrent_dropout)
    assert {"random_logits", "losses_again", "weights/layer0.kernel"} <= found.keys()


def test_the_seed_decides_the_weights_and_the_batches() -> None:
    first, again, other = (traced(workload(), seed=seed) for seed in (0, 0, 1))
    assert weights_deviation(first, again) == 0.0
    assert weights_deviation(first, other) > 1e-6


@pytest.mark.parametrize("batch_size", [40, SAMPLES], ids=["two batches an epoch", "as large as the data"])
def test_float64_takes_the_first_samples_of_a_large_batch(batch_size: int) -> None:
    made = workload(batch_size=batch_size)
    found = traced(made)
    assert weights_deviation(found, by_hand(made, most=FEWER)) < 1e-13
    assert weights_deviation(found, by_hand(made)) > 1e-6
    assert weights_deviation(found, by_hand(made, most=FEWER - 1)) > 1e-6
    assert len(found["losses"]) == LOSS_STEPS


def test_float32_takes_all_samples_of_a_large_batch() -> None:
    made = workload(batch_size=40)
    losses = traced(made, precision="fp32")["losses"]
    assert relative_deviation(losses, by_hand(made)["losses"][:LOSS_STEPS]) < 1e-5
    assert relative_deviation(losses, by_hand(made, most=FEWER)["losses"][:LOSS_STEPS]) > 1e-3


@pytest.mark.parametrize(("precision", "bits"), [("fp64", 52), ("fp32", 23), ("bf16", 7)])
@pytest.mark.parametrize("family", ["dnn", "cnn"])
def test_as_many_bits_survive_a_multiplication_as_the_precision_has(family: str, precision: str, bits: int) -> None:
    image = {"name": "synthetic", "shape": [6, 6, 1], "outputs": 2, "train": SAMPLES, "test": 4}
    models = {"dnn": {"family": "dnn"}, "cnn": {"family": "cnn", "convolutions": [{"filters": 2}]}}
    content = dict(workload().content) | {"dataset": image, "model": models[family]}
    made = parse_workload(content, source=Path("linear.toml"))
    assert int(traced(made, precision=precision)["mantissa_bits"]) == bits


@pytest.mark.parametrize(
    "rounded", [np.round, np.floor, lambda units: np.floor(units + 0.5)], ids=["even", "down", "up"]
)
def test_rounding_halves_up_does_not_count_as_another_bit(rounded: Callable[[np.ndarray], np.ndarray]) -> None:
    bits = np.arange(1, 53)
    exact = np.repeat(1 + 2.0 ** -bits[:, None], 3, axis=1)
    assert bits_kept(bits, rounded(exact * 2**10) / 2**10) == 10, "as TF32 does"
    assert bits_kept(bits, exact) == 52
    assert bits_kept(bits, np.where([True, False, True], exact, 1)) == 0, "one output without them is enough"


def test_a_network_that_silently_stays_in_float32_is_detected() -> None:
    subject = prepare("pytorch", workload(), device="cpu", precision="fp32", threads=1, seed=0)
    assert mantissa_bits(replace(subject, precision="bf16")) == 23


def test_the_probe_runs_the_chosen_options_and_not_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = prepare("flax", workload(), device="cpu", precision="bf16", threads=1, seed=0)
    tuning = {"call": "ahead of time"}
    assert mantissa_bits(subject, tuning=tuning) == mantissa_bits(subject) == 7

    # A function of the functional API that keeps fewer bits than bfloat16.
    def further(self: Functional, structure: Any) -> Callable[..., jax.Array]:  # noqa: ANN401 (Flax' own)
        return lambda state, inputs: jnp.round(self.answer(nnx.merge(structure, state), inputs))

    monkeypatch.setattr(Functional, "_logits", further)
    assert mantissa_bits(subject, tuning=tuning) == 0
    assert mantissa_bits(subject) == 7


def test_outputs_of_a_wrong_shape_are_refused_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = prepare("pytorch", workload(), device="cpu", precision="fp64", threads=1, seed=0)
    right = subject.adapter.to_numpy
    monkeypatch.setattr(subject.adapter, "to_numpy", lambda value: right(value)[:, :1])
    message = rf"dnn/pytorch\.py: found outputs of shape \({BATCH}, 1\) for {BATCH} samples, expected \({BATCH}, 2\)"
    with pytest.raises(ValueError, match=message):
        trace(subject)


def test_a_trace_passes_the_whole_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr(recipe_facts, "passed_in", lambda _, steps: asked.append(steps))
    subject = prepare("pytorch", workload(), device="cpu", precision="fp64", threads=1, seed=0)
    subject.build()
    assert asked == [None], "a training has the rates of its own steps"
    trace(subject)
    assert set(asked[1:]) == {STEPS}
