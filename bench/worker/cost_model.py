"""What one call demands of whoever computes it, by the spec and the recipe alone.

Operations, bytes that have to move, memory that has to be held.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bench.workload import model_families
from bench.workload.axes import Precision, Scenario
from bench.workload.network_layers import Layer
from bench.workload.recipe import Adam, AdamW, Sgd
from bench.workload.workload import Workload

FLOAT32_BYTES = 4
# What an optimizer remembers of each weight.
MOMENTS: dict[type, Callable[[Any], int]] = {
    Sgd: lambda rule: int(rule.momentum > 0),
    Adam: lambda _: 2,
    AdamW: lambda _: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One call of a network, whose layers have `weights` and so many numbers in the `outputs` of one sample.

    `kept` are the numbers of one sample that the backward pass of each layer needs again, its outputs among them. A
    batch norm's statistics count as weights: they are few.

    `flops_on_inputs` are those of `flops_per_sample` that multiply the sample itself, by `weights_on_inputs`. `inputs`
    are the numbers of one sample, `moments` those that the optimizer remembers of each weight. All are float32, but for
    the outputs of layers, whose numbers take `bytes_per_output`.
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

    @property
    def flops(self) -> int:
        """Floating-point operations: for each product the backward pass has two, the gradients of both factors.

        Of the sample itself nobody needs a gradient.
        """
        if self.scenario == "inference":
            return self.batch_size * self.flops_per_sample
        return self.batch_size * (3 * self.flops_per_sample - self.flops_on_inputs)

    @property
    def least_bytes(self) -> int:
        """What has to be read and written, in bytes, each once where nothing stays in a cache.

        A query reads weights and inputs, and writes its answers. A training step reads weights and inputs twice, but
        those weights once that only a gradient of the inputs would need again; it writes the outputs of every layer and
        reads them again, writes and reads a gradient for every weight, and reads and writes every weight and its
        moments.
        """
        weights, inputs = sum(self.weights), self.batch_size * self.inputs
        if self.scenario == "inference":
            return FLOAT32_BYTES * (weights + inputs + self.batch_size * self.outputs[-1])
        update = 2 + 2 * (1 + self.moments)  # the gradient, and the weight with its moments
        moved = 2 * self.bytes_per_output * self.batch_size * sum(self.outputs)
        return FLOAT32_BYTES * (weights * (2 + update) - self.weights_on_inputs + 2 * inputs) + moved

    @property
    def held(self) -> dict[str, int]:
        """What has to be held at once, in bytes, at the moment at which it is most, by what it is for.

        A query goes through the layers and holds the inputs and the outputs of one. A training step keeps the outputs
        of every layer, and a recurrent one's states and gates of all steps, until the backward pass has come to it;
        there it holds the gradients of one layer's outputs and of its inputs, and from there on those of its weights.
        Then come the moments of the optimizer. Nothing is computed twice, and nothing is written into what is still
        needed.
        """
        fixed = {"weights": FLOAT32_BYTES * sum(self.weights), "inputs": FLOAT32_BYTES * self.batch_size * self.inputs}
        outputs = [self.bytes_per_output * self.batch_size * numbers for numbers in self.outputs]
        before = [0, *outputs[:-1]]  # what a layer reads that is the output of another
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
    """What a call of a workload demands."""
    module, rule = model_families.spec_module(workload.family), workload.recipe.optimizer
    layers, shapes = model_families.layers(workload.family, workload.spec), module.parameter_shapes(workload.spec)
    return Demand(
        scenario=scenario,
        batch_size=batch_size,
        flops_per_sample=model_families.flops_per_sample(workload.family, workload.spec),
        flops_on_inputs=_flops_on_inputs(shapes, layers[1]),
        weights_on_inputs=math.prod(shapes[f"{layers[1].name}.kernel"]),
        inputs=math.prod(module.input_shape(workload.spec)),
        weights=tuple(layer.parameters for layer in layers[1:]),
        outputs=tuple(math.prod(layer.shape) for layer in layers[1:]),
        kept=tuple(part.kept or math.prod(part.shape) for part in module.parts(workload.spec)),
        moments=MOMENTS[type(rule)](rule),
        bytes_per_output=2 if precision == "bf16" else FLOAT32_BYTES,
    )


def _flops_on_inputs(shapes: Mapping[str, tuple[int, ...]], first: Layer) -> int:
    """The operations of a first layer but for those on its own state, where it is recurrent."""
    kernel = math.prod(shapes[f"{first.name}.kernel"])
    own = shapes.get(f"{first.name}.recurrent")
    return first.flops * kernel // (kernel + (0 if own is None else math.prod(own)))
