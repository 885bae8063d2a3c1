"""The Transformer encoder: its sizes, its reference in NumPy, and usual mistakes, which give large deviations."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from bench.analysis.deviations import FORWARD_LIMIT, relative_deviation
from bench.errors import DataError
from bench.worker.prepared_workload import network_inputs
from bench.workload import model_families
from models.layers.spec import LayerNorm, Weights
from models.transformer.spec import EXAMPLES, Block, TransformerSpec, forward, initial_weights, parameter_shapes, parts
from tests.models.networks import random_inputs, random_weights
from tests.models.test_twins import see

SPEC = EXAMPLES["integers-with-norms-after-and-dropout"]
OF_NUMBERS = EXAMPLES["one-block-of-numbers"]

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

Mistake = Callable[[TransformerSpec, Weights], tuple[TransformerSpec, Weights]]


@cache
def logits(contender: str) -> np.ndarray:
    return see(contender, SPEC, random_weights(SPEC)).logits


def exchanged_query_and_key(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Exchange the kernels of query and key."""
    return spec, weights | {"query0.kernel": weights["key0.kernel"], "key0.kernel": weights["query0.kernel"]}


def interleaved_heads(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Put the features of the heads in turns in place of head after head."""
    kernel, heads = weights["value0.kernel"], spec.blocks[0].heads
    turned = kernel.reshape(len(kernel), -1, heads).transpose(0, 2, 1).reshape(kernel.shape)
    return spec, weights | {"value0.kernel": turned}


def transposed_output(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Transpose the kernel behind the heads."""
    return spec, weights | {"attention0.kernel": weights["attention0.kernel"].T}


def without_positions(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Leave the positions out."""
    return spec, weights | {"position.table": np.zeros_like(weights["position.table"])}


def other_epsilon(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Take PyTorch's epsilon in the first block."""
    norm = replace(spec.blocks[0].layer_norm, epsilon=1e-5)
    return replace(spec, blocks=(replace(spec.blocks[0], layer_norm=norm), *spec.blocks[1:])), weights


def norms_before(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Normalise what each half of the first block gets, in place of the sum."""
    norm = replace(spec.blocks[0].layer_norm, position="before")
    return replace(spec, blocks=(replace(spec.blocks[0], layer_norm=norm), *spec.blocks[1:])), weights


def other_heads(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Take another number of heads."""
    return replace(spec, blocks=(replace(spec.blocks[0], heads=1), *spec.blocks[1:])), weights


def other_activation(spec: TransformerSpec, weights: Weights) -> tuple[TransformerSpec, Weights]:
    """Take another activation."""
    return replace(spec, blocks=(replace(spec.blocks[0], activation="silu"), *spec.blocks[1:])), weights


MISTAKES = (
    exchanged_query_and_key,
    interleaved_heads,
    transposed_output,
    without_positions,
    other_epsilon,
    norms_before,
    other_heads,
    other_activation,
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_usual_mistake_in_a_transformer_gives_a_large_deviation(contender: str, mistake: Mistake) -> None:
    weights, inputs = random_weights(SPEC), random_inputs(SPEC)
    assert relative_deviation(logits(contender), forward(SPEC, weights, inputs)) <= FORWARD_LIMIT
    assert relative_deviation(logits(contender), forward(*mistake(SPEC, weights), inputs)) > 1e-4


def test_in_float32_the_attention_is_that_of_the_framework(contender: str) -> None:
    weights = random_weights(SPEC)
    single = {name: value.astype(np.float32) for name, value in weights.items()}
    found = see(contender, SPEC, single, precision="fp32").logits
    assert relative_deviation(found, forward(SPEC, weights, random_inputs(SPEC))) < 1e-5


def test_the_order_of_steps_matters_by_their_positions_alone() -> None:
    weights, inputs = random_weights(SPEC), random_inputs(SPEC)
    turned = inputs[:, ::-1]
    assert relative_deviation(forward(SPEC, weights, turned), forward(SPEC, weights, inputs)) > 1e-2
    level = weights | {"position.table": np.zeros_like(weights["position.table"])}
    assert relative_deviation(forward(SPEC, level, turned), forward(SPEC, level, inputs)) < 1e-12


def test_a_row_of_the_table_is_used_for_its_integer_alone() -> None:
    weights, inputs = random_weights(SPEC), np.zeros((2, 6), np.int32)
    other = {**weights, "embedding.table": weights["embedding.table"].copy()}
    other["embedding.table"][1:] += 1.0
    np.testing.assert_array_equal(forward(SPEC, other, inputs), forward(SPEC, weights, inputs))
    other["embedding.table"][0] += 1.0
    assert not np.allclose(forward(SPEC, other, inputs), forward(SPEC, weights, inputs))


def test_tables_and_kernels_are_drawn_and_biases_are_zero() -> None:
    weights = initial_weights(SPEC, seed=3)
    drawn = {name for name, value in weights.items() if len(np.unique(value)) > 1}
    assert drawn == {name for name in weights if name.endswith((".kernel", ".table"))}
    np.testing.assert_allclose(weights["embedding.table"].std(), 0.02, rtol=0.2)
    again, other = initial_weights(SPEC, seed=3), initial_weights(SPEC, seed=4)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    assert not any(np.array_equal(other[name], weights[name]) for name in drawn)


@pytest.mark.parametrize("spec", [SPEC, OF_NUMBERS])
def test_each_part_has_weights_and_each_weight_a_part(spec: TransformerSpec) -> None:
    named = {name.partition(".")[0] for name in parameter_shapes(spec)}
    assert {part.name for part in parts(spec)} == named
    assert parts(spec)[-2].shape == (spec.width,)


def test_the_heads_have_to_divide_the_width() -> None:
    with pytest.raises(ValidationError, match=re.escape("blocks[1].heads: found 3 for a width of 10")):
        TransformerSpec(
            steps=2, features=1, width=10, outputs=1, blocks=(Block(heads=5, units=4), Block(heads=3, units=4))
        )


def test_the_last_norm_exists_only_behind_norms_before() -> None:
    after = Block(heads=1, units=4, layer_norm=LayerNorm(position="after"))
    spec = TransformerSpec(steps=2, features=1, width=4, outputs=1, blocks=(after,))
    assert "last_norm.scale" not in parameter_shapes(spec)
    assert "last_norm.scale" in parameter_shapes(replace(spec, blocks=(Block(heads=1, units=4),)))


@pytest.mark.parametrize(("value", "shown"), [(11, "11"), (-1, "-1"), (2.5, "2.5"), (np.nan, "nan")])
def test_a_value_outside_the_vocabulary_is_an_error(value: float, shown: str) -> None:
    samples = np.ones((4, 6))
    taken = network_inputs(samples, "transformer", SPEC, dtype=np.dtype(np.float32))
    assert taken.dtype == np.int32
    samples[2, 3] = value
    with pytest.raises(DataError, match=rf"found {re.escape(shown)}, expected whole numbers from 0 to 10"):
        network_inputs(samples, "transformer", SPEC, dtype=np.dtype(np.float32))


def test_only_a_spec_with_a_vocabulary_takes_integers() -> None:
    assert model_families.vocabulary(SPEC) == 11
    assert model_families.vocabulary(OF_NUMBERS) == 0
    numbers = network_inputs(np.ones((4, 15)), "transformer", OF_NUMBERS, dtype=np.dtype(np.float32))
    assert numbers.dtype == np.float32
    assert numbers.shape == (4, 5, 3)
