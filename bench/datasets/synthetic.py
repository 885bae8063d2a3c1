"""Generates samples of any shape: for classification around one prototype per class, for regression a linear map.

Every random value is a multiple of 1/1024. So sums and products are exact in any order, and every machine generates
exactly the same data.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Description, Part, Size, checked

GENERATOR = "pcg64-multiples-of-1/1024, version 1"
RULE, TRAIN, TEST = range(3)  # one stream of random numbers for each, so that one part is generated without the other


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options:
    """The file sets either `classes` or `outputs`: that decides the task.

    Attributes:
        shape: The shape of one sample.
        classes: The number of classes. The task is classification.
        outputs: The number of outputs. The task is regression.
        train: The number of training samples.
        test: The number of test samples.
        seed: The seed of the generator.
    """

    shape: Annotated[tuple[Size, ...], Field(min_length=1)]
    classes: Annotated[int, Field(ge=2, strict=True)] | None = None
    outputs: Size | None = None
    train: Size = 2048
    test: Size = 512
    seed: Annotated[int, Field(ge=0, strict=True)] = 0

    def __post_init__(self) -> None:
        """Refuse a table with both or neither of `classes` and `outputs`, since they decide the task."""
        if (self.classes is None) == (self.outputs is None):
            found = "both classes and outputs" if self.classes else "neither classes nor outputs"
            raise ValueError(
                f"found {found}, expected exactly one of the two: classes for classification, outputs for regression"
            )


def describe(options: Options) -> Description:
    """The shape and the number of samples that the options give."""
    return Description(
        name="synthetic",
        task="classification" if options.classes else "regression",
        sample_shape=options.shape,
        outputs=options.classes or options.outputs or 0,
        train=options.train,
        test=options.test,
        source=f"generated, seed {options.seed}",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The sha256 of the options and of the generator's name and version, which together define the data."""
    return hashlib.sha256(json.dumps([GENERATOR, asdict(options)], sort_keys=True).encode()).hexdigest()


def read(options: Options, part: Part) -> Split:
    """One part: inputs between -2 and 2 (classification) or -1 and 1 (regression)."""
    samples = options.train if part == "train" else options.test
    generator = _stream(options.seed, TRAIN if part == "train" else TEST)
    if options.classes:
        return _classification(options, options.classes, samples, generator)
    return _regression(options, options.outputs or 0, samples, generator)


def _classification(options: Options, classes: int, samples: int, generator: np.random.Generator) -> Split:
    """One random prototype for each class; a sample is the prototype of its class plus noise of the same range."""
    prototypes = _uniform(_stream(options.seed, RULE), (classes, *options.shape))
    labels = generator.integers(0, classes, samples)
    inputs = prototypes[labels] + _uniform(generator, (samples, *options.shape))
    return Split(inputs=inputs.astype(np.float32), targets=labels)


def _regression(options: Options, outputs: int, samples: int, generator: np.random.Generator) -> Split:
    """A random linear map plus a little noise; the map is divided by a power of two near the root of the features."""
    features = int(np.prod(options.shape))
    rule = _uniform(_stream(options.seed, RULE), (features, outputs)) / 2 ** (features.bit_length() // 2)
    inputs = _uniform(generator, (samples, *options.shape))
    noise = _uniform(generator, (samples, outputs)) / 16
    targets = inputs.reshape(samples, features) @ rule + noise
    return Split(inputs=inputs.astype(np.float32), targets=targets.astype(np.float32))


def _stream(seed: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, number]))


def _uniform(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random multiples of 1/1024 from -1 to 1, in float64."""
    return generator.integers(-1024, 1024, shape, endpoint=True) / 1024
