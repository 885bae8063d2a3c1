"""Computes from spec and recipe what one call needs at least: FLOPs, bytes moved, and bytes held in memory.

A call is a training step or a query.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bench.workload import model_families
from bench.workload.axes import Precision, Scenario
from bench.workload.network_layers import Layer
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd
from bench.workload.workload import Workload

FLOAT32_BYTES = 4
# How many numbers an optimizer stores for each weight.
MOMENTS: dict[type, Callable[[Any], int]] = {
    Sgd: lambda rule: int(rule.momentum > 0),
    Adam: lambda _: 2,
    AdamW: lambda _: 2,
    RmsProp: lambda _: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one call of a network needs; `weights`, `outputs` and `kept` count numbers, one entry for each layer.

    `outputs` are those of one sample. `kept` are the numbers of one sample that the backward pass of a layer needs
    again, its outputs among them. The statistics of a batch norm count as weights: they are few.

    `flops_on_inputs` is the part of `flops_per_sample` that multiplies the sample itself by `weights_on_inputs`.
    `inputs` is how many numbers one sample has, `moments` how many the optimizer stores for each weight. `table` is how
    many of the weights of the first layer are rows of a table, of which a sample looks some up: as many numbers as this
    layer has outputs. All numbers are float32, except those in the outputs of layers, which take `bytes_per_output`
    each.
    """

    scenario: Scenario
    batch_size: int
    flops_per_sample: int
    flops_on_inputs: int
    weights_on_inputs: int
    inputs: int
    weights: tuple[int, ...]
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    moments: int
    bytes_per_output: int
    table: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations of the call.

        For each matrix multiplication of the forward pass the backward pass has two, one for the gradient of each
        factor. A multiplication of the sample itself has only one, since the sample needs no gradient.
        """
        if self.scenario == "inference":
            return self.batch_size * self.flops_per_sample
        return self.batch_size * (3 * self.flops_per_sample - self.flops_on_inputs)

    @property
    def least_bytes(self) -> int:
        """The bytes that the call has to read and write if nothing stays in a cache.

        A query reads weights and inputs, and writes its outputs. A training step reads weights and inputs twice. It
        reads the weights on the inputs only once, since the sample needs no gradient. It writes the outputs of every
        layer and reads them again. It writes and reads a gradient for every weight. It reads and writes every weight
        and its moments. Of a table the forward pass reads the rows that the samples look up, and the backward pass
        reads none.
        """
        weights, inputs = sum(self.weights), self.batch_size * self.inputs
        others, rows = weights - self.table, min(self.table, self.batch_size * self.outputs[0])
        if self.scenario == "inference":
            return FLOAT32_BYTES * (others + rows + inputs + self.batch_size * self.outputs[-1])
        update = 2 + 2 * (1 + self.moments)  # the gradient, and the weight with its moments
        moved = 2 * self.bytes_per_output * self.batch_size * sum(self.outputs)
        read = 2 * others + rows - self.weights_on_inputs
        return FLOAT32_BYTES * (read + weights * update + 2 * inputs) + moved

    @property
    def held(self) -> dict[str, int]:
        """The bytes that have to be in memory at once, at the moment of the peak, by what they are for.

        A query goes through the layers and holds the inputs and outputs of one layer at a time. A training step keeps
        the outputs of each layer until the backward pass reaches it; of a recurrent layer also the states and gates of
        all time steps. At each layer the backward pass holds the gradients of the layer's outputs and inputs, and from
        then on those of its weights. The optimizer holds its moments all the time. We assume that nothing is
        recomputed, and that no memory is overwritten while its content is needed.
        """
        fixed = {"weights": FLOAT32_BYTES * sum(self.weights), "inputs": FLOAT32_BYTES * self.batch_size * self.inputs}
        outputs = [self.bytes_per_output * self.batch_size * numbers for numbers in self.outputs]
        before = [0, *outputs[:-1]]  # the inputs of a layer, where they are the outputs of another layer
        if self.scenario == "inference":
            return fixed | {"outputs of layers": max(map(sum, zip(before, outputs, strict=True)))}
        fixed |= {"moments": fixed["weights"] * self.moments}
        kept = [self.bytes_per_output * self.batch_size * numbers for numbers in self.kept]
        inside = [everything - output for everything, output in zip(kept, outputs, strict=True)]
        still = [earlier + own for earlier, own in zip([0, *accumulate(kept[:-1])], inside, strict=True)]
        learnt = [FLOAT32_BYTES * sum(self.weights[number:]) for number in range(len(self.weights))]
        moments = [
            {"gradients": gradients, "outputs of layers": needed, "gradients of outputs": own + of_inputs}
            for gradients, needed, own, of_inputs in zip(learnt, still, outputs, before, strict=True)
        ]
        return fixed | max(moments, key=lambda moment: sum(moment.values()))


def demand(workload: Workload, scenario: Scenario, batch_size: int, *, precision: Precision) -> Demand:
    """What one call of a workload needs, in this scenario, batch size and precision; its family has parts."""
    module, rule = model_families.spec_module(workload.family), workload.recipe.optimizer
    parts, shapes = module.parts(workload.spec), module.parameter_shapes(workload.spec)
    layers = model_families.layers(workload.family, workload.spec)
    return Demand(
        scenario=scenario,
        batch_size=batch_size,
        flops_per_sample=sum(part.flops for part in parts),
        flops_on_inputs=_flops_on_inputs(shapes, layers[1]),
        weights_on_inputs=sum(_kernel_size(shapes, name) for name in (parts[0].name, *parts[0].others)),
        inputs=math.prod(module.input_shape(workload.spec)),
        weights=tuple(layer.parameters for layer in layers[1:]),
        outputs=tuple(math.prod(layer.shape) for layer in layers[1:]),
        kept=tuple(part.kept or math.prod(part.shape) for part in parts),
        moments=MOMENTS[type(rule)](rule),
        bytes_per_output=2 if precision == "bf16" else FLOAT32_BYTES,
        table=_size(shapes, f"{parts[0].name}.table"),
    )


def _flops_on_inputs(shapes: Mapping[str, tuple[int, ...]], first: Layer) -> int:
    """The operations of the first layer on its inputs; those on the state of a recurrent layer are left out."""
    kernel, own = _kernel_size(shapes, first.name), shapes.get(f"{first.name}.recurrent")
    return first.flops * kernel // (kernel + (0 if own is None else math.prod(own))) if kernel else 0


def _kernel_size(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """The weights that a layer multiplies with its inputs; none in an embedding, which looks rows up."""
    return _size(shapes, f"{name}.kernel")


def _size(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """The numbers of a weight; 0 if the network has no such weight."""
    return math.prod(shapes[name]) if name in shapes else 0
