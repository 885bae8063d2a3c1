"""Computes the trace of a framework on a workload: named arrays, which are the evidence behind a certificate."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bench.adapters.base import IDIOMATIC
from bench.analysis.equivalence import LOSS_STEPS, STEPS
from bench.datasets import base as datasets
from bench.worker.prepared_workload import PreparedWorkload
from bench.workload import model_families
from bench.workload.axes import FrameworkOptions
from models.layers import probes
from models.layers.spec import without_dropout

SAMPLES = 32  # that float64 takes of a full batch: a step computes the same with 32 samples as with 128
FEWEST = 2  # that float64 takes of a smaller last batch: batch norm needs a variance


def trace(
    subject: PreparedWorkload, *, nudged: bool = False, tuning: FrameworkOptions = IDIOMATIC
) -> dict[str, np.ndarray]:
    """The trace: logits before and after training with those of the reference, first losses, and final weights.

    With `nudged`, the initial weights and the inputs of every step are changed by one unit in the last place. The
    difference to the usual trace shows how much two frameworks may differ by rounding alone.
    """
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
    found = {
        "logits": adapter.to_numpy(adapter.predict(adapter.put(inputs))),
        "reference": subject.reference(first, inputs, spec=spec),
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
    found["trained_reference"] = subject.reference(weights, inputs, spec=spec)
    found["mantissa_bits"] = np.array(mantissa_bits(subject, tuning=tuning))
    return found


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
            left -= 1
            yield rows[: max(FEWEST, -(-most * len(rows) // recipe.batch_size))]
        epoch += 1


def _nudged(weights: model_families.Weights, dtype: np.dtype[np.floating]) -> model_families.Weights:
    """The weights, each larger or smaller by one unit in the last place of this dtype."""
    return {name: _shaken(value.astype(dtype), number) for number, (name, value) in enumerate(weights.items())}


def _shaken(values: np.ndarray, seed: int) -> np.ndarray:
    """The values, each larger or smaller by one unit in the last place; `seed` decides in which direction."""
    generator = np.random.Generator(np.random.PCG64(seed))
    towards = np.where(generator.random(values.shape) < 0.5, -np.inf, np.inf).astype(values.dtype)  # noqa: PLR2004 (half)
    nudged: np.ndarray = np.nextafter(values, towards)
    return nudged
