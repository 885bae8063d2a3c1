"""A workload says all that is done, and a mistake in it is one line: file, key, what was found, what is allowed."""

import math
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.errors import UsageError
from bench.workload import model_families
from bench.workload.recipe import METRICS, Adam, Clipping, Sgd
from bench.workload.workload import load_workload, parse_workload, workload_names
from models.cnn.spec import ConvLayer
from models.layers.spec import BatchNorm, DenseLayer
from models.lstm.spec import LstmLayer
from tests.bench.workloads import Change, toml
from tests.bench.workloads import workload as tiny

MNIST_CONVOLUTIONS = (
    ConvLayer(filters=32, kernel=3, padding="valid", pool=2),
    ConvLayer(filters=64, kernel=3, padding="valid", pool=2),
    ConvLayer(filters=64, kernel=3, padding="valid"),
)
DIGITS_CONVOLUTIONS = (ConvLayer(filters=16, padding="same", pool=2), ConvLayer(filters=32, padding="same"))

# What the table of workloads says of each row: the network, then batch, epochs, validation fraction and scaling.
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
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_workload_of_the_catalogue_is_what_its_row_says(name: str) -> None:
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
    """What a row says in short: units of each layer, learning rate and name of the optimizer, batch, epochs, loss."""

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
def test_a_workload_of_the_lecture_is_what_its_row_says(name: str) -> None:
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


def test_the_networks_of_the_lecture_have_their_peculiarities() -> None:
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


# Batch sizes at which they are timed, millions of parameters, and billions of operations for one sample.
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


def test_the_catalogue_holds_every_row() -> None:
    assert set(workload_names()) == ROWS.keys() | BRIEF.keys() | LARGE.keys()
    assert len({load_workload(name).digest for name in workload_names()}) == len(workload_names())


@pytest.mark.parametrize("name", workload_names())
def test_a_workload_of_the_catalogue_has_the_name_of_its_file_and_a_network_of_its_data(name: str) -> None:
    found = load_workload(name)
    module = model_families.spec_module(found.family)
    assert found.name == name
    assert np.prod(module.input_shape(found.spec)) == np.prod(found.description.sample_shape)
    binary = found.description.task == "classification" and found.description.outputs == 2
    assert module.parameter_shapes(found.spec)["head.bias"] == (1 if binary else found.description.outputs,)
    assert found.target is not None or found.large
    bounds = found.band
    assert bounds is None or (bounds.source and bounds.metric in METRICS[found.description.task])


def test_a_users_own_file_is_a_workload(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml())
    found = load_workload(str(path))
    assert (found.name, found.family, found.source) == ("tiny", "dnn", str(path))
    assert found.spec == model_families.spec_module("dnn").Spec(features=6, hidden=({"units": 5},), outputs=3)
    assert found.content == tomllib.loads(toml())


def test_where_and_at_what_sizes_a_workload_is_timed_is_not_what_it_does() -> None:
    timed = tiny(("epochs = 2", "epochs = 2\n[timing]\nbatch_sizes = [4, 16]"))
    assert timed.batch_sizes == (4, 16)
    assert tiny().batch_sizes == ()
    assert timed.digest == tiny().digest == tiny(('name = "tiny"', 'name = "tiny"\nlarge = true')).digest
    assert timed.digest != tiny(("epochs = 2", "epochs = 3")).digest


def test_sgd_has_a_rule_of_its_own() -> None:
    found = tiny(('{ name = "adam", learning_rate = 1e-2 }', '{ name = "sgd", learning_rate = 1 }'))
    assert found.recipe.optimizer == Sgd(name="sgd", learning_rate=1.0)


ADAM = '{ name = "adam", learning_rate = 1e-2 }'
DATASET = 'dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }\n'
IMAGES = [
    ("shape = [6]", "shape = [8, 8]"),
    ('"dnn"', '"cnn"'),
]

# One change each, and what the line says after the file.
MISTAKES: dict[str, tuple[list[Change], str]] = {
    "unknown key": (
        [('title = "Six', 'titel = "Six')],
        (
            "titel: found 'Six numbers in three classes', expected no such key: the keys are "
            "band, dataset, grid, large, model, name, recipe, target, timing, title"
        ),
    ),
    "unknown key of the model": (
        [("[model]", "[model]\ndepth = 3")],
        "model.depth: found 3, expected no such key: the keys are head_initializer, hidden",
    ),
    "unknown key of a layer": (
        [("units = 5", "units = 5, width = 2")],
        "model.hidden.0.width: found 2, expected no such key: the keys are activation, batch_norm, dropout, initi",
    ),
    "unknown key inside a layer": (
        [("units = 5", "units = 5, batch_norm = { place = 1 }")],
        "model.hidden.0.batch_norm.place: found 1, expected no such key: the keys are epsilon, momentum, position",
    ),
    "unknown key of the recipe": (
        [("epochs = 2", "epochs = 2\npatience = 1")],
        (
            "recipe.patience: found 1, expected no such key: the keys are batch_size, clipping, early_stopping, "
            "epochs, last_batch, loss, optimizer, seed, validation_fraction"
        ),
    ),
    "unknown key of the optimizer": (
        [("learning_rate", "rate")],
        (
            "recipe.optimizer.rate: found 0.01, expected no such key: the keys are beta_1, beta_2, epsilon, "
            "learning_rate, name"
        ),
    ),
    "batches of their own that are too large": (
        [("epochs = 2", "epochs = 2\n[timing]\nbatch_sizes = [8, 49]")],
        "timing.batch_sizes: found 49, expected at most 48, the training samples",
    ),
    "unknown option of the data set": (
        [("classes = 3", "classes = 3, labels = 3")],
        (
            "dataset.labels: found 3, but the keys are name, shape, classes, outputs, train, test, seed "
            "(data set 'synthetic')"
        ),
    ),
    "missing name": ([('name = "tiny"\n', "")], "name: found nothing, expected a value"),
    "missing data set": ([(DATASET, "")], "dataset: found nothing, expected a value"),
    "missing units": ([("units = 5", 'activation = "relu"')], "model.hidden.0.units: found nothing, expected a value"),
    "missing family": ([('family = "dnn"\n', "")], "model.family: found nothing, expected one of cnn, dnn, lstm, rnn"),
    "missing batch size": ([("batch_size = 8\n", "")], "recipe.batch_size: found nothing, expected a value"),
    "missing optimizer": ([('name = "adam", ', "")], "recipe.optimizer.name: found nothing, expected a value"),
    "a name that no folder should have": ([('"tiny"', '"../tiny"')], "name: found '../tiny', expected "),
    "text for a number": ([("units = 5", 'units = "5"')], "model.hidden.0.units: found '5', expected a valid integer"),
    "yes for a number": ([("batch_size = 8", "batch_size = true")], "recipe.batch_size: found True, expected a valid"),
    "part of a batch": ([("batch_size = 8", "batch_size = 8.5")], "recipe.batch_size: found 8.5, expected a valid in"),
    "text for a rate": ([("1e-2", '"1e-2"')], "recipe.optimizer.learning_rate: found '1e-2', expected a valid number"),
    "no units": ([("units = 5", "units = 0")], "model.hidden.0.units: found 0, expected greater than 0"),
    "no batch": ([("batch_size = 8", "batch_size = 0")], "recipe.batch_size: found 0, expected greater than 0"),
    "a rate without end": ([("1e-2", "inf")], "recipe.optimizer.learning_rate: found inf, expected a finite number"),
    "a table that is a word": ([(DATASET, 'dataset = "digits"\n')], "dataset: found 'digits', expected a valid dict"),
    "a list that is a number": ([("[{ units = 5 }]", "5")], "model.hidden: found 5, expected a valid tuple"),
    "unknown family": ([('"dnn"', '"gan"')], "model.family: found 'gan', expected one of cnn, dnn, lstm, rnn"),
    "unknown optimizer": (
        [('"adam"', '"lion"')],
        "recipe.optimizer.name: found 'lion', expected one of 'sgd', 'adam', 'adamw'",
    ),
    "unknown data set": (
        [('"synthetic"', '"cifar"')],
        "dataset.name: found 'cifar', expected one of breast-cancer, calif",
    ),
    "unknown activation": (
        [("units = 5", 'units = 5, activation = "selu"')],
        "model.hidden.0.activation: found 'selu', expected 'linear', 'relu', 'tanh' or 'sigmoid'",
    ),
    "one class": ([("classes = 3", "classes = 1")], "dataset.classes: found 1; "),
    "a batch larger than the data": (
        [("batch_size = 8", "batch_size = 49")],
        "recipe.batch_size: found 49, expected at most 48, the training samples",
    ),
    "a batch larger than what validation leaves": (
        [("batch_size = 8", "batch_size = 37\nvalidation_fraction = 0.25")],
        "recipe.batch_size: found 37, expected at most 36, the training samples",
    ),
    "a validation of nothing": (
        [("epochs = 2", "epochs = 2\nvalidation_fraction = 0.001")],
        "recipe.validation_fraction: found 0.001, which leaves 48 of 48 samples to train on",
    ),
    "a validation of everything": (
        [("epochs = 2", "epochs = 2\nvalidation_fraction = 0.999")],
        "recipe.validation_fraction: found 0.999, which leaves 0 of 48 samples to train on",
    ),
    "a loss for another task": (
        [("epochs = 2", 'epochs = 2\nloss = "mean_squared_error"')],
        "recipe.loss: found 'mean_squared_error', expected 'cross_entropy' or 'binary_cross_entropy' or 'sigmoid_mean",
    ),
    "a target for another task": (
        [("epochs = 2\n", 'epochs = 2\n[target]\nmetric = "r2"\nvalue = 0.9\n')],
        "target.metric: found 'r2', expected one of accuracy, precision, recall, f1, roc_auc, loss: the task is class",
    ),
    "a key that the data set decides": (
        [("[model]", "[model]\nfeatures = 6")],
        "model.features: found 6, expected no such key: the data set decides it",
    ),
    "a family that does not take such samples": (
        [('"dnn"\nhidden', '"cnn"\nconvolutions')],
        (
            "model.family: 'cnn' does not fit the data set 'synthetic': samples have the shape (6,); a cnn takes "
            "(height, width) or (height, width, channels)"
        ),
    ),
    "an image that shrinks to nothing": (
        [*IMAGES, ("hidden = [{ units = 5 }]", "convolutions = [{ filters = 2, pool = 4 }, { filters = 2 }]")],
        "model: the image shrinks to nothing: 8x8 -> 1x1 -> -1x-1; use fewer layers, less pooling or padding 'same'",
    ),
    "a network without its layers": (
        [*IMAGES, ("hidden = [{ units = 5 }]", "convolutions = []")],
        "model.convolutions: found [], expected ",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_file_key_found_and_allowed(mistake: str, tmp_path: Path) -> None:
    changes, line = MISTAKES[mistake]
    path = tmp_path / "mine.toml"
    path.write_text(toml(*changes))
    with pytest.raises(UsageError) as caught:
        load_workload(str(path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: {line}")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[recipe"])
def test_what_is_no_toml_is_one_line_with_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: not a TOML file: [^\n]+$"):
        load_workload(str(path))


@pytest.mark.parametrize("name", ["digits", "", "../suites/quick"])
def test_an_unknown_workload_is_named_beside_the_known_ones(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"^workload: found '{name}', expected one of breast-cancer, .*mnist-lstm, .*or "
    ):
        load_workload(name)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"^workload: found 'nowhere\.toml', where there is no file$"):
        load_workload("nowhere.toml")


CHANGES = {
    "model": ("units = 5", "units = 6"),
    "optimizer": ("1e-2", "1e-3"),
    "batch": ("batch_size = 8", "batch_size = 9"),
    "epochs": ("epochs = 2", "epochs = 3"),
    "seed": ("epochs = 2", "epochs = 2\nseed = 1"),
    "data": ("test = 20", "test = 21"),
    "target": ("epochs = 2\n", 'epochs = 2\n[target]\nmetric = "accuracy"\nvalue = 0.9\n'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_changes_with_what_is_done(change: str) -> None:
    assert tiny(CHANGES[change]).digest != tiny().digest


def test_the_digest_does_not_change_with_the_title_or_the_place_of_the_file() -> None:
    assert tiny(("Six numbers", "A handful of numbers")).digest == tiny().digest
    assert parse_workload(tomllib.loads(toml()), source=Path("elsewhere.toml")).digest == tiny().digest


def test_the_digest_changes_with_the_code_of_the_network_and_of_its_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tiny().digest
    for folder in ("layers", "dnn", "cnn", "lstm"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "spec.py").write_bytes((model_families.FOLDER / folder / "spec.py").read_bytes())
    monkeypatch.setattr(model_families, "FOLDER", tmp_path)
    assert tiny().digest == before
    digests = set()
    for folder in ("lstm", "dnn", "layers"):
        with (tmp_path / folder / "spec.py").open("a") as file:
            file.write("CHANGED = True\n")
        digests.add(tiny().digest)
    assert before in digests, "another family's network is not what this workload does"
    assert len(digests) == 3


def test_the_digest_changes_with_the_data_behind_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tiny().digest
    monkeypatch.setattr("bench.datasets.synthetic.GENERATOR", "another")
    assert tiny().digest != before
