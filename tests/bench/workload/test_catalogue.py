"""Each workload of the catalogue has the network, the data and the recipe of its row in the tables below."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.workload import model_families
from bench.workload.recipe import METRICS, Clipping
from bench.workload.update_rules import Adam
from bench.workload.workload import load_workload
from bench.workload.workload_files import workload_names
from models.cnn.convolution import ConvLayer
from models.layers.spec import BatchNorm, DenseLayer
from models.lstm.spec import LstmLayer

MNIST_CONVOLUTIONS = (
    ConvLayer(filters=32, kernel=3, padding="valid", pool=2),
    ConvLayer(filters=64, kernel=3, padding="valid", pool=2),
    ConvLayer(filters=64, kernel=3, padding="valid"),
)
DIGITS_CONVOLUTIONS = (ConvLayer(filters=16, padding="same", pool=2), ConvLayer(filters=32, padding="same"))

# For each workload: the fields of its spec; then batch size, epochs, validation fraction and scaling of the data.
ROWS: dict[str, tuple[dict[str, Any], tuple[int, int, float, str | None]]] = {
    "mnist-dnn": (
        {"features": 784, "hidden": (DenseLayer(units=1000), DenseLayer(units=1000)), "outputs": 10},
        (128, 5, 0.0, "standard"),
    ),
    "mnist-cnn": (
        {
            "height": 28,
            "width": 28,
            "channels": 1,
            "convolutions": MNIST_CONVOLUTIONS,
            "dense": (DenseLayer(units=128),),
            "outputs": 10,
        },
        (128, 5, 0.1, "unit"),
    ),
    "mnist-lstm": (
        {"steps": 28, "features": 28, "layers": (LstmLayer(units=128),), "outputs": 10},
        (128, 5, 0.0, "unit"),
    ),
    "digits-dnn": (
        {"features": 64, "hidden": (DenseLayer(units=128), DenseLayer(units=64)), "outputs": 10},
        (32, 20, 0.0, None),
    ),
    "digits-cnn": (
        {
            "height": 8,
            "width": 8,
            "channels": 1,
            "convolutions": DIGITS_CONVOLUTIONS,
            "dense": (DenseLayer(units=64),),
            "outputs": 10,
        },
        (32, 20, 0.0, None),
    ),
    "digits-lstm": (
        {"steps": 8, "features": 8, "layers": (LstmLayer(units=64),), "outputs": 10},
        (32, 20, 0.0, None),
    ),
    "digits-bilstm": (
        {"steps": 8, "features": 8, "layers": (LstmLayer(units=32, bidirectional=True),), "outputs": 10},
        (32, 20, 0.0, None),
    ),
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_workload_of_the_catalogue_equals_its_row(name: str) -> None:
    found = load_workload(name)
    network, (batch_size, epochs, validation_fraction, scaling) = ROWS[name]
    assert found.spec == model_families.spec_module(found.family).Spec(**network)
    recipe = found.recipe
    assert (recipe.batch_size, recipe.epochs, recipe.validation_fraction) == (batch_size, epochs, validation_fraction)
    assert recipe.optimizer == Adam(name="adam", learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    assert (recipe.loss, recipe.last_batch, recipe.seed) == ("cross_entropy", "keep", 0)
    assert found.dataset.get("scaling") == scaling
    assert (found.name, found.title != "") == (name, True)


class Brief(NamedTuple):
    """A row: data, units or filters of each layer, optimizer with its learning rate, batch size, epochs, loss, ..."""

    data: str
    units: tuple[int, ...]
    optimizer: tuple[str, float]
    batch_size: int
    epochs: int
    loss: str = "cross_entropy"
    validation_fraction: float = 0.0
    patience: int | None = None


ADAM_AT = ("adam", 1e-3)
BCE, MSE, SIGMOIDS = "binary_cross_entropy", "mean_squared_error", "sigmoid_mean_squared_error"
COUNTING = Brief("counting", (32,), ("adam", 1e-2), 90, 10, MSE)
BRIEF = {
    "mnist-dnn-sgd": Brief("mnist unit", (1000, 1000), ("sgd", 0.01), 128, 5),
    "mnist-cnn-same": Brief("mnist standard", (32, 64, 128), ADAM_AT, 128, 5),
    "mnist-cnn-small": Brief("mnist unit", (32, 64, 64, 64), ADAM_AT, 64, 5),
    "mnist-cnn-tiny": Brief("mnist standard", (32, 64), ADAM_AT, 64, 5),
    "mnist-mlp": Brief("mnist unit", (128, 64), ADAM_AT, 32, 10, validation_fraction=0.2),
    "mnist-mlp-sgd": Brief("mnist unit", (64, 64), ("sgd", 1e-3), 64, 3),
    "mnist-mlp-mse": Brief("mnist unit", (15,), ("sgd", 0.2), 100, 30, SIGMOIDS),
    "mnist-mlp-dropout": Brief("mnist unit", (512,), ADAM_AT, 32, 5),
    "breast-cancer": Brief("breast-cancer", (25, 20, 15, 10, 5), ADAM_AT, 32, 10000, BCE, patience=100),
    "generated-dnn": Brief("generated-classification", (64, 32), ADAM_AT, 32, 10, BCE),
    "generated-dnn-small": Brief("generated-classification", (16, 8), ADAM_AT, 32, 10, BCE, 0.2),
    "generated-dnn-dropout": Brief("generated-classification", (64, 32), ADAM_AT, 32, 50, BCE, patience=5),
    "sonar": Brief("sonar", (24, 10), ADAM_AT, 5, 130, SIGMOIDS),
    "xor": Brief("xor", (8,), ("adam", 1e-2), 4, 1000, BCE),
    "xor-perceptron": Brief("xor", (), ("adam", 1e-2), 4, 1000, BCE),
    "house-sales": Brief("house-sales", (256, 128, 64), ADAM_AT, 32, 5, MSE),
    "house-sales-clipped": Brief("house-sales", (256, 128, 64), ADAM_AT, 32, 50, MSE, 0.1, 10),
    "california-housing": Brief("california-housing", (3, 3, 3), ADAM_AT, 256, 4000, MSE, patience=200),
    "generated-regression": Brief("generated-regression", (64, 32), ADAM_AT, 32, 10, MSE),
    "wine": Brief("wine", (20, 6), ("sgd", 0.01), 5, 50, MSE),
    "counting-rnn": COUNTING,
    "counting-lstm": COUNTING,
    "counting-rnn-relu": COUNTING._replace(optimizer=ADAM_AT, batch_size=32),
    "counting-lstm-relu": COUNTING._replace(optimizer=ADAM_AT, batch_size=32),
    "temperatures-lstm": Brief("temperatures", (32,), ADAM_AT, 32, 20, MSE),
}


@pytest.mark.parametrize("name", sorted(BRIEF))
def test_a_workload_of_the_lecture_equals_its_row(name: str) -> None:
    found, row = load_workload(name), BRIEF[name]
    recipe, spec = found.recipe, found.spec
    stacks = (getattr(spec, stack, ()) for stack in ("convolutions", "dense", "hidden", "layers"))
    assert tuple(getattr(layer, "units", 0) or layer.filters for stack in stacks for layer in stack) == row.units
    data = " ".join(filter(None, (found.description.name, found.dataset.get("scaling"))))
    stopping = recipe.early_stopping
    assert data == row.data
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == row.optimizer
    assert (recipe.batch_size, recipe.epochs, recipe.loss) == (row.batch_size, row.epochs, row.loss)
    assert recipe.validation_fraction == row.validation_fraction
    assert (stopping and (stopping.patience, stopping.metric)) == (row.patience and (row.patience, "loss"))


def test_the_networks_of_the_lecture_have_their_special_options() -> None:
    clipped, normal, house = (load_workload(name) for name in ("house-sales-clipped", "wine", "house-sales"))
    assert clipped.recipe.clipping == Clipping(norm=1.0, scope="variable")
    assert [layer.batch_norm and layer.batch_norm.position for layer in clipped.spec.hidden] == ["after", "after", None]
    assert {layer.initializer.name for layer in clipped.spec.hidden} == {"he_normal"}
    assert clipped.spec.head_initializer.name == "glorot_uniform"
    assert [layer.batch_norm for layer in house.spec.hidden] == [BatchNorm(epsilon=1e-5, momentum=0.9)] * 3
    assert {layer.initializer.deviation for layer in normal.spec.hidden} == {
        normal.spec.head_initializer.deviation,
        0.05,
    }
    assert load_workload("generated-dnn-dropout").spec.hidden[0].dropout == 0.5
    assert load_workload("mnist-mlp-dropout").spec.hidden[0].dropout == 0.2
    assert load_workload("mnist-mlp-mse").spec.hidden[0].activation == "sigmoid"
    assert load_workload("xor").spec.hidden[0].activation == "tanh"
    assert {load_workload(f"counting-{kind}-relu").spec.layers[0].activation for kind in ("rnn", "lstm")} == {"relu"}


# The timed batch sizes, the parameters in millions, and the FLOPs of one sample in billions.
LARGE = {
    "dnn-large": ((8192,), 88, 0.18),
    "cnn-large": ((128,), 17, 6.6),
    "lstm-large": ((512,), 14, 3.5),
}


@pytest.mark.parametrize("name", sorted(LARGE))
def test_a_large_workload_fills_a_gpu_with_synthetic_samples(name: str) -> None:
    found, (sizes, millions, billions) = load_workload(name), LARGE[name]
    assert found.large
    assert found.batch_sizes == sizes
    assert found.description.name == "synthetic"
    assert found.description.train >= max(sizes)
    shapes = model_families.spec_module(found.family).parameter_shapes(found.spec).values()
    assert sum(map(math.prod, shapes)) / 1e6 == pytest.approx(millions, rel=0.05)
    assert model_families.flops_per_sample(found.family, found.spec) / 1e9 == pytest.approx(billions, rel=0.05)


def test_every_row_is_a_workload_of_the_catalogue_and_digests_differ() -> None:
    assert ROWS.keys() | BRIEF.keys() | LARGE.keys() <= set(workload_names())
    assert len({load_workload(name).digest for name in workload_names()}) == len(workload_names())


@pytest.mark.parametrize("name", workload_names())
def test_a_workload_of_the_catalogue_has_the_name_of_its_file_and_its_network_fits_its_data(name: str) -> None:
    found = load_workload(name)
    module = model_families.spec_module(found.family)
    assert found.name == name
    assert np.prod(module.input_shape(found.spec)) == np.prod(found.description.sample_shape)
    binary = found.description.task == "classification" and found.description.outputs == 2
    assert module.parameter_shapes(found.spec)["head.bias"] == (1 if binary else found.description.outputs,)
    assert found.target is not None or found.large
    bounds = found.band
    assert bounds is None or (bounds.source and bounds.metric in METRICS[found.description.task])


def test_the_residual_network_has_two_blocks_of_which_the_second_has_a_stride() -> None:
    found = load_workload("digits-resnet")
    layers = found.spec.convolutions
    assert [(layer.filters, layer.strides, layer.shortcut) for layer in layers] == [
        (16, 1, 0),
        (16, 1, 0),
        (16, 1, 2),
        (32, 2, 0),
        (32, 1, 2),
    ]
    assert {layer.batch_norm for layer in layers} == {BatchNorm(epsilon=1e-5, momentum=0.9)}
    assert (found.spec.global_pooling, found.spec.dense) == ("average", ())
    assert (found.recipe.batch_size, found.recipe.epochs) == (32, 15)
    assert found.target is not None
    assert found.target.value == 0.95
