"""Weights go into the layers of a network by name, come out unchanged, and what does not fit is named."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.gru.spec import GruLayer, GruSpec, forward
from models.named_layers import names

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

KINDS: dict[str, dict[str, tuple[int, ...]]] = {
    "dense": {"kernel": (5, 3), "bias": (3,)},
    "convolution": {"kernel": (3, 2, 5, 4), "bias": (4,)},
    "transposed convolution": {"kernel": (3, 2, 5, 4), "bias": (4,)},
    "norm": {"scale": (5,), "offset": (5,), "mean": (5,), "variance": (5,)},
    "layer norm": {"scale": (5,), "offset": (5,)},
    "embedding": {"table": (7, 5)},
    "lstm": {"kernel": (5, 12), "recurrent": (3, 12), "bias": (12,)},
    "gru": {"kernel": (5, 9), "recurrent": (3, 9), "bias": (9,), "recurrent_bias": (9,)},
    "rnn": {"kernel": (5, 3), "recurrent": (3, 3), "bias": (3,)},
}


def made(contender: str, kind: str) -> tuple[Any, Any]:
    """A model with one layer of this kind, and the layer."""
    framework = contender.partition("/")[0]
    return {"pytorch": _pytorch, "keras": _keras, "flax": _flax}[framework](kind)


def _pytorch(kind: str) -> tuple[Any, Any]:
    nn = importlib.import_module("torch").nn
    named = importlib.import_module("models.named_layers.pytorch")
    layer = {
        "dense": lambda: nn.Linear(5, 3),
        "convolution": lambda: nn.Conv2d(5, 4, (3, 2)),
        "transposed convolution": lambda: nn.ConvTranspose2d(5, 4, (3, 2), stride=(2, 1)),
        "norm": lambda: named.batch_norm(5),
        "layer norm": lambda: nn.LayerNorm(5),
        "embedding": lambda: nn.Embedding(7, 5),
        "lstm": lambda: nn.LSTM(5, 3, batch_first=True),
        "gru": lambda: nn.GRU(5, 3, batch_first=True),
        "rnn": lambda: nn.RNN(5, 3, batch_first=True),
    }[kind]()
    return nn.ModuleList([layer]), layer


def _keras(kind: str) -> tuple[Any, Any]:
    keras: Any = importlib.import_module("keras")
    layers = keras.layers
    makers: dict[str, Callable[[], Any]] = {
        "dense": lambda: (layers.Dense(3), (5,)),
        "convolution": lambda: (layers.Conv2D(4, (3, 2)), (8, 8, 5)),
        "transposed convolution": lambda: (layers.Conv2DTranspose(4, (3, 2), strides=(2, 1)), (4, 3, 5)),
        "norm": lambda: (layers.BatchNormalization(), (8, 8, 5)),
        "layer norm": lambda: (layers.LayerNormalization(), (5,)),
        "embedding": lambda: (layers.Embedding(7, 5), (4,)),
        "lstm": lambda: (layers.LSTM(3), (4, 5)),
        "gru": lambda: (layers.GRU(3, return_sequences=True), (4, 5)),
        "rnn": lambda: (layers.SimpleRNN(3), (4, 5)),
    }
    layer, shape = makers[kind]()
    return keras.Sequential([keras.Input(shape), layer]), layer


def _flax(kind: str) -> tuple[Any, Any]:
    nnx = importlib.import_module("flax.nnx")
    rngs = nnx.Rngs(0)
    gru_cell = importlib.import_module("models.named_layers.flax").gru_cell
    layer = {
        "dense": lambda: nnx.Linear(5, 3, rngs=rngs),
        "convolution": lambda: nnx.Conv(5, 4, (3, 2), rngs=rngs),
        "transposed convolution": lambda: nnx.ConvTranspose(5, 4, (3, 2), strides=(2, 1), padding="VALID", rngs=rngs),
        "norm": lambda: nnx.BatchNorm(5, rngs=rngs),
        "layer norm": lambda: nnx.LayerNorm(5, rngs=rngs),
        "embedding": lambda: nnx.Embed(7, 5, rngs=rngs),
        "lstm": lambda: nnx.RNN(nnx.OptimizedLSTMCell(5, 3, rngs=rngs)),
        "gru": lambda: nnx.RNN(gru_cell(5, 3, dtypes={"dtype": np.float32, "param_dtype": np.float32}, rngs=rngs)),
        "rnn": lambda: nnx.RNN(nnx.SimpleCell(5, 3, rngs=rngs)),
    }[kind]()
    return nnx.List([layer]), layer


def weights(kind: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"one.{part}": generator.normal(size=shape).astype(np.float32) for part, shape in KINDS[kind].items()}


def module(contender: str) -> Any:  # noqa: ANN401 (a module)
    return importlib.import_module(f"models.named_layers.{contender.partition('/')[0]}")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_come_out_as_they_went_in(contender: str, kind: str) -> None:
    model, layer = made(contender, kind)
    given = weights(kind)
    module(contender).load(model, {"one": layer}, given)
    found = module(contender).export({"one": layer})
    assert sorted(found) == sorted(given)
    assert all(np.array_equal(found[name], given[name]) for name in given)


def test_an_exported_weight_is_a_copy(contender: str) -> None:
    model, layer = made(contender, "dense")
    module(contender).load(model, {"one": layer}, weights("dense"))
    module(contender).export({"one": layer})["one.kernel"][:] = 0
    assert np.array_equal(module(contender).export({"one": layer})["one.kernel"], weights("dense")["one.kernel"])


def test_weights_that_do_not_fit_are_named(contender: str) -> None:
    model, layer = made(contender, "dense")
    given = weights("dense")
    wrong = {"one.kernel": given["one.kernel"].T, "one.weight": given["one.bias"]}
    with pytest.raises(
        ValueError, match=r"one.weight: no named layer has this weight; one.bias: the layer has it, the we"
    ):
        module(contender).load(model, {"one": layer}, wrong)
    with pytest.raises(ValueError, match=r"one.kernel: found shape \(3, 5\) in the weights, the layer has \(5, 3\)"):
        module(contender).load(model, {"one": layer}, {**given, "one.kernel": given["one.kernel"].T})


def test_a_parameter_that_no_name_covers_is_named(contender: str) -> None:
    model, _ = made(contender, "dense")
    _, other = made(contender, "convolution")
    with pytest.raises(ValueError, match="a trainable parameter that belongs to no named layer"):
        module(contender).load(model, {"one": other}, weights("convolution"))


def test_a_layer_without_a_rule_is_refused(contender: str) -> None:
    model, _ = made(contender, "dense")
    other = model
    if contender.startswith("keras/"):
        layers = importlib.import_module("keras").layers
        other = layers.Bidirectional(layers.GRU(3))
    with pytest.raises(TypeError, match=r"one: found \w+"):
        module(contender).load(model, {"one": other}, {})


def test_the_outputs_of_a_layer_are_those_of_its_weights(contender: str) -> None:
    model, layer = made(contender, "dense")
    given = weights("dense")
    module(contender).load(model, {"one": layer}, given)
    inputs = np.linspace(-1, 1, 10, dtype=np.float32).reshape(2, 5)
    found = module(contender).outputs(callable_of(contender, model, layer), {"one": layer}, tensor(contender, inputs))
    np.testing.assert_allclose(found["one"], inputs @ given["one.kernel"] + given["one.bias"], rtol=1e-5)


KERAS = ["keras/tensorflow", "keras/jax", "keras/torch"]


@pytest.mark.parametrize("contender", KERAS)
def test_the_outputs_of_a_layer_with_an_activation_are_those_in_front_of_it(contender: str) -> None:
    keras: Any = importlib.import_module("keras")
    layer, head = keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((5,)), layer, head])
    given = weights("dense") | {"two.kernel": np.ones((3, 2)), "two.bias": np.zeros(2)}
    layers = {"one": layer, "two": head}
    module(contender).load(model, layers, given)
    inputs = np.linspace(-1, 1, 10, dtype=np.float32).reshape(2, 5)
    found = module(contender).outputs(model, layers, inputs)
    before = inputs @ given["one.kernel"] + given["one.bias"]
    np.testing.assert_allclose(found["one"], before, rtol=1e-5)
    assert (before < 0).any(), "relu would show"
    np.testing.assert_allclose(found["two"], np.maximum(before, 0) @ given["two.kernel"], rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(inputs)), found["two"], rtol=1e-5)


def spread(given: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """A transposed convolution with strides 2 and 1: each input adds the whole kernel to the outputs in its reach."""
    kernel = given["one.kernel"]
    rows, columns = images.shape[1:3]
    found = np.zeros((len(images), 2 * (rows - 1) + kernel.shape[0], columns - 1 + kernel.shape[1], kernel.shape[-1]))
    for row in range(rows):
        for column in range(columns):
            reach = np.einsum("bi,yxio->byxo", images[:, row, column], kernel)
            found[:, 2 * row : 2 * row + kernel.shape[0], column : column + kernel.shape[1]] += reach
    biased: np.ndarray = found + given["one.bias"]
    return biased


def test_a_transposed_convolution_has_one_kernel_in_every_framework(contender: str) -> None:
    model, layer = made(contender, "transposed convolution")
    given = weights("transposed convolution")
    module(contender).load(model, {"one": layer}, given)
    images = np.random.default_rng(1).normal(size=(2, 4, 3, 5)).astype(np.float32)
    inputs = images.transpose(0, 3, 1, 2) if contender == "pytorch" else images
    called = callable_of(contender, model, layer)
    found = module(contender).outputs(called, {"one": layer}, tensor(contender, inputs))["one"]
    np.testing.assert_allclose(found, spread(given, images), rtol=1e-4, atol=1e-4)
    turned = given | {"one.kernel": given["one.kernel"][::-1, ::-1]}
    assert np.abs(found - spread(turned, images)).max() > 0.1, "Flax' own kernel is turned by 180 degrees"


def test_a_gru_has_one_order_of_gates_and_two_biases_in_every_framework(contender: str) -> None:
    model, layer = made(contender, "gru")
    given = weights("gru")
    module(contender).load(model, {"one": layer}, given)
    sequence = np.random.default_rng(1).normal(size=(2, 4, 5)).astype(np.float32)
    called = callable_of(contender, model, layer)
    found = module(contender).outputs(called, {"one": layer}, tensor(contender, sequence))["one"]
    layers = {name.replace("one", "layer0"): value for name, value in given.items()}
    layers |= {"head.kernel": np.eye(3), "head.bias": np.zeros(3)}
    spec = GruSpec(steps=4, features=5, layers=(GruLayer(units=3),), outputs=3)
    np.testing.assert_allclose(found[:, -1], forward(spec, layers, sequence), rtol=1e-4, atol=1e-5)
    swapped = np.concatenate(np.split(given["one.kernel"], 3, axis=1)[::-1], axis=1)
    assert np.abs(found[:, -1] - forward(spec, layers | {"layer0.kernel": swapped}, sequence)).max() > 1e-2


def callable_of(contender: str, model: Any, layer: Any) -> Any:  # noqa: ANN401 (a model of any framework)
    """The model itself in Keras; elsewhere the layer, in a container that calls it."""
    if contender == "pytorch":
        return importlib.import_module("torch").nn.Sequential(layer)
    return importlib.import_module("flax.nnx").Sequential(layer) if contender == "flax" else model


def tensor(contender: str, inputs: np.ndarray) -> Any:  # noqa: ANN401 (a tensor of any framework)
    return importlib.import_module("torch").tensor(inputs) if contender == "pytorch" else inputs


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"a.x: no named.*b.y: the layer.*c.z: found shape.*d: a trainable"):
        names.check({"a.x": (1,), "c.z": (1,)}, {"b.y": (1,), "c.z": (2,)}, unnamed=["d"])
    names.check({"a.x": (1,)}, {"a.x": (1,)}, unnamed=[])
