"""Computes the trace of a framework on a workload: named arrays, which are the evidence behind a certificate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.adapters.base import IDIOMATIC, HostBatch
from bench.analysis import dropout_masks, second_network
from bench.analysis.deviations import NO_REFERENCE, relative_deviation
from bench.analysis.equivalence import LOSS_STEPS, STEPS
from bench.datasets import base as datasets
from bench.worker.prepared_workload import PreparedWorkload
from bench.workload import model_families
from bench.workload.axes import FrameworkOptions
from bench.workload.recipe import plain
from bench.workload.update_rules import Sgd
from models.layers import probes
from models.layers.spec import without_dropout

SAMPLES = 32  # that float64 takes of a full batch: a step computes the same with 32 samples as with 128
STILL = Sgd(name="sgd", learning_rate=1e-12)  # weights that hardly move, so that only the masks change the loss
WITH_RANDOM_WEIGHTS = ("fp64", "fp32")
POSITIVE = (".scale", ".variance")
FEWEST = 2  # that float64 takes of a smaller last batch: batch norm needs a variance


def trace(
    subject: PreparedWorkload, *, nudged: bool = False, tuning: FrameworkOptions = IDIOMATIC
) -> dict[str, np.ndarray]:
    """The trace: logits before and after training with those of the reference, first losses, and final weights.

    Biases start at zero, and batch norm at mean 0 and variance 1. So a second network gets random weights. Its logits,
    the weights that it exports, and its first losses are in the trace too.

    With `nudged`, the initial weights and the inputs of every step are changed by one unit in the last place. The
    difference to the usual trace shows how much two frameworks may differ by rounding alone. It has no random
    weights.

    A schedule of the learning rate is passed in the steps of the trace, from its first rate to its last one.
    """
    subject = replace(subject, schedule_steps=STEPS)
    module = model_families.spec_module(subject.workload.family)
    adapter, spec = subject.adapter, without_dropout(subject.workload.spec)
    train = subject.encoded(subject.split("train"))
    model = subject.build(
        spec=spec,
        weights=_nudged(module.initial_weights(spec, seed=subject.seed), subject.dtype) if nudged else None,
        tuning=tuning,
    )
    batches = list(_batches(subject, len(train)))
    inputs = train.inputs[batches[0]]
    first = subject.export(model)
    logits = adapter.to_numpy(adapter.predict(adapter.put(inputs)))
    _check_shape(subject, logits, (len(inputs), spec.outputs))
    found = {
        "logits": logits,
        **_reference(subject, "reference", first, inputs, spec=spec),
    }
    fed = (_shaken(train.inputs[rows], number) if nudged else train.inputs[rows] for number, rows in enumerate(batches))
    steps = [(batch, train.targets[rows]) for batch, rows in zip(fed, batches, strict=True)]
    losses = [adapter.train([adapter.put(*step)])[0] for step in steps[:LOSS_STEPS]]
    adapter.wait(losses)
    if steps[LOSS_STEPS:]:  # by `train_epoch`, so that this way of training is proven as well
        adapter.wait([loss for loss, _ in adapter.train_epoch(steps[LOSS_STEPS:])])
    weights = subject.export(model)
    found |= {f"weights/{name}": value for name, value in weights.items()}
    found["losses"] = np.array([float(adapter.to_numpy(loss)) for loss in losses])
    found["trained_logits"] = adapter.to_numpy(adapter.predict(adapter.put(inputs)))
    found |= _reference(subject, "trained_reference", weights, inputs, spec=spec)
    if not nudged and subject.precision in WITH_RANDOM_WEIGHTS:
        found |= _with_random_weights(subject, steps, spec=spec, tuning=tuning)
        if subject.precision == "fp64" and spec != subject.workload.spec:
            few = slice(dropout_masks.SAMPLES)
            found |= _with_dropout(subject, (train.inputs[few], train.targets[few]), tuning=tuning)
    found["mantissa_bits"] = np.array(mantissa_bits(subject, tuning=tuning))
    return found


def _check_shape(subject: PreparedWorkload, logits: np.ndarray, expected: tuple[int, int]) -> None:
    """Raise ValueError if a network does not return one number for each sample and output."""
    if logits.shape != expected:
        file = f"{subject.workload.family}/{subject.framework}.py"
        raise ValueError(
            f"{file}: found outputs of shape {logits.shape} for {expected[0]} samples, expected {expected}; correct "
            "the last layer, or what lies in front of it"
        )


def _reference(
    subject: PreparedWorkload,
    name: str,
    weights: model_families.Weights,
    inputs: np.ndarray,
    *,
    spec: model_families.Spec | None = None,
) -> dict[str, np.ndarray]:
    """The outputs of the reference under this name, or the mark of a family that has none."""
    if not model_families.has_reference(subject.workload.family):
        return {NO_REFERENCE: np.array(1)}
    return {name: subject.reference(weights, inputs, spec=spec)}


def random_weights(
    shapes: Mapping[str, tuple[int, ...]], *, seed: int, dtype: np.dtype[np.floating]
) -> model_families.Weights:
    """Random values for every tensor, so that none can be lost or exchanged without a trace.

    Kernels keep the size of a signal roughly as it is. Scales and variances lie between 0.5 and 2. All others, such as
    biases, offsets and running means, are normal with deviation 0.5.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    return {name: _random(name, shape, generator).astype(dtype) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if name.endswith(POSITIVE):
        return generator.uniform(0.5, 2.0, shape)
    inputs = int(np.prod(shape[:-1]))
    return generator.normal(0.0, 0.5 if len(shape) == 1 else inputs**-0.5, shape)


def _with_random_weights(
    subject: PreparedWorkload, steps: Sequence[HostBatch], *, spec: model_families.Spec, tuning: FrameworkOptions
) -> dict[str, np.ndarray]:
    """What a network with random weights computes and exports, and in float64 its first losses.

    It is built as a saved model or the best epoch is. The process has trained another network before, so its losses
    also show whether the optimizer begins anew.
    """
    adapter, shapes = subject.adapter, model_families.spec_module(subject.workload.family).parameter_shapes(spec)
    given, inputs = random_weights(shapes, seed=subject.seed, dtype=subject.dtype), steps[0][0]
    model = subject.build(spec=spec, weights=dict(given), tuning=tuning)
    loaded = subject.export(model)
    found = {
        f"{second_network.LOADED}{name}": np.array(_change(loaded, given, name)) for name in sorted({*loaded, *given})
    }
    found["random_logits"] = adapter.to_numpy(adapter.predict(adapter.put(inputs)))
    found |= _reference(subject, "random_reference", given, inputs, spec=spec)
    if subject.precision == "fp64":
        losses = adapter.train([adapter.put(*step) for step in steps[: second_network.STEPS]])
        adapter.wait(losses)
        found["losses_again"] = np.array([float(adapter.to_numpy(loss)) for loss in losses])
    return found


def _with_dropout(subject: PreparedWorkload, step: HostBatch, *, tuning: FrameworkOptions) -> dict[str, np.ndarray]:
    """The losses of one batch with many dropout masks and weights that do not move, then the logits at inference.

    One half of the steps is trained by `train`, the other by `train_epoch`. If the framework cannot build the network
    with its dropout, only the reason is in the trace.
    """
    workload, adapter = subject.workload, subject.adapter
    shapes = model_families.spec_module(workload.family).parameter_shapes(workload.spec)
    still = replace(subject, workload=replace(workload, recipe=plain(workload.recipe, STILL)))
    try:
        model = still.build(weights=random_weights(shapes, seed=subject.seed, dtype=subject.dtype), tuning=tuning)
    except NotImplementedError as reason:
        return {dropout_masks.UNABLE: np.array(str(reason))}
    losses = adapter.train([adapter.put(*step)] * (dropout_masks.STEPS // 2))
    losses += [adapter.train_epoch([step])[0][0] for _ in range(dropout_masks.STEPS // 2)]
    adapter.wait(losses)
    return {
        "dropout_losses": np.array([float(adapter.to_numpy(loss)) for loss in losses]),
        "dropout_logits": adapter.to_numpy(adapter.predict(adapter.put(step[0]))),
        **_reference(subject, "dropout_reference", subject.export(model), step[0]),
    }


def _change(loaded: model_families.Weights, given: model_families.Weights, name: str) -> float:
    """The relative deviation of one tensor between what was loaded and what is exported."""
    both = name in loaded and name in given
    return relative_deviation(loaded[name], given[name]) if both else float("inf")


def mantissa_bits(subject: PreparedWorkload, *, tuning: FrameworkOptions = IDIOMATIC) -> int:
    """How many bits after the binary point survive a multiplication by one, in each kind of layer of the family.

    This shows the precision of the arithmetic. Networks with identity weights get the inputs 1 + 2⁻ᵏ. If the
    arithmetic keeps fewer than k bits, the output is 1, or 1 + 2¹⁻ᵏ where halves are rounded up. Afterwards the adapter
    holds the last of these networks.
    """
    module = model_families.spec_module(subject.workload.family)
    return min(_surviving_bits(subject, *probe, tuning=tuning) for probe in module.PROBES)


def _surviving_bits(
    subject: PreparedWorkload, family: str, fields: Mapping[str, Any], *, tuning: FrameworkOptions
) -> int:
    module = model_families.spec_module(family)
    spec = module.Spec(**fields)
    weights = {name: _handing_on(shape) for name, shape in module.parameter_shapes(spec).items()}
    bits = np.arange(1, np.finfo(np.float64).nmant + 1)
    inputs = np.broadcast_to(1 + 2.0 ** -bits[:, None], (len(bits), probes.FEATURES)).reshape(
        -1, *module.input_shape(spec)
    )
    driven = replace(subject, workload=replace(subject.workload, family=family))
    driven.build(spec=spec, weights=weights, tuning=tuning)
    typed = inputs.astype(subject.dtype)
    answers = subject.adapter.to_numpy(subject.adapter.predict(subject.adapter.put(typed)))
    return bits_kept(bits, answers)


def bits_kept(bits: np.ndarray, answers: np.ndarray) -> int:
    """The largest k for which the output for 1 + 2⁻ᵏ is nearer to 1 + 2⁻ᵏ than half of 2⁻ᵏ, compared in float64."""
    found = np.abs(answers.astype(np.float64) - 1 - 2.0 ** -bits[:, None]) < 2.0 ** -(bits[:, None] + 1)
    return int(bits[np.all(found, axis=1)].max(initial=0))


def _handing_on(shape: tuple[int, ...]) -> np.ndarray:
    """The weights of a layer that returns its inputs: an identity matrix, or a bias of zeros."""
    return np.zeros(shape) if len(shape) == 1 else np.eye(shape[-2], shape[-1]).reshape(shape)


def _batches(subject: PreparedWorkload, samples: int) -> Iterator[np.ndarray]:
    """The rows of the first batches of the recipe, epoch after epoch.

    Float32 takes the batches whose losses are compared, with all samples. Float64 takes only the first samples of each
    batch, and fewer of a smaller last batch: convolutions in float64 are so slow that they would take longer than all
    other proofs together.
    """
    recipe = subject.workload.recipe
    is_exact = subject.precision == "fp64"
    left = STEPS if is_exact else LOSS_STEPS
    most = min(SAMPLES, recipe.batch_size) if is_exact else recipe.batch_size
    epoch = 0
    while left:
        stream = datasets.batches(
            samples, recipe.batch_size, seed=subject.seed, epoch=epoch, last_batch=recipe.last_batch
        )
        for rows, _ in zip(stream, range(left), strict=False):
            taken = _taken(len(rows), -(-most * len(rows) // recipe.batch_size), parts=recipe.accumulation)
            left -= taken > 0
            yield from [rows[:taken]] if taken else []
        epoch += 1


def _taken(rows: int, wanted: int, *, parts: int) -> int:
    """How many rows of a batch are taken: a multiple of its parts, with enough rows in each part for a batch norm."""
    up = -(-max(FEWEST * parts, wanted) // parts) * parts
    return min(up, rows // parts * parts)


def _nudged(weights: model_families.Weights, dtype: np.dtype[np.floating]) -> model_families.Weights:
    """The weights, each larger or smaller by one unit in the last place of this dtype."""
    return {name: _shaken(value.astype(dtype), number) for number, (name, value) in enumerate(weights.items())}


def _shaken(values: np.ndarray, seed: int) -> np.ndarray:
    """The values, each larger or smaller by one unit in the last place; `seed` decides in which direction.

    Integers stay as they are.
    """
    if np.issubdtype(values.dtype, np.integer):
        return values
    generator = np.random.Generator(np.random.PCG64(seed))
    towards = np.where(generator.random(values.shape) < 0.5, -np.inf, np.inf).astype(values.dtype)  # noqa: PLR2004 (half)
    nudged: np.ndarray = np.nextafter(values, towards)
    return nudged
