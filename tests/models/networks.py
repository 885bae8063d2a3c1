"""Networks that together use every option of every family, with random weights in every part."""

import numpy as np

from bench.workload import model_families
from models.layers.spec import Weights

EXAMPLES = {family: model_families.spec_module(family).EXAMPLES for family in model_families.family_names()}
NETWORKS: dict[str, model_families.Spec] = {
    f"{family}-{name}": spec for family, examples in EXAMPLES.items() for name, spec in examples.items()
}
RICHEST = tuple(f"{family}-{list(examples)[-1]}" for family, examples in EXAMPLES.items())  # with the most options


def family_of(spec: model_families.Spec) -> str:
    """The family of this spec."""
    return type(spec).__module__.split(".")[1]


def random_weights(spec: model_families.Spec, *, seed: int = 0) -> Weights:
    """Random weights, so that every part matters: no zero biases or offsets, no default statistics."""
    generator = np.random.default_rng(seed)
    shapes = model_families.spec_module(family_of(spec)).parameter_shapes(spec)
    return {
        name: generator.uniform(0.5, 2.0, shape)
        if name.endswith((".scale", ".variance"))
        else generator.normal(0.0, 0.5, shape)
        for name, shape in shapes.items()
    }


def random_inputs(spec: model_families.Spec, *, samples: int = 6, seed: int = 1) -> np.ndarray:
    """A batch in the network's input shape: float64, or int32 for a network of integers."""
    shape = (samples, *model_families.spec_module(family_of(spec)).input_shape(spec))
    generator, vocabulary = np.random.default_rng(seed), model_families.vocabulary(spec)
    return generator.integers(vocabulary, size=shape, dtype=np.int32) if vocabulary else generator.normal(size=shape)


def reference(spec: model_families.Spec, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    """The logits of the NumPy reference."""
    return model_families.spec_module(family_of(spec)).forward(spec, weights, inputs)
