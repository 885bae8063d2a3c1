"""The spec of the convolutional network: shapes, initial weights, reference."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.cnn.convolution import ConvLayer
from models.cnn.spec import (
    EXAMPLES,
    CnnSpec,
    convolutions,
    feature_maps,
    forward,
    initial_weights,
    input_shape,
    parameter_shapes,
    parts,
    sizes,
    starts,
)
from models.layers.spec import BatchNorm, DenseLayer, Initializer, LayerNorm, Weights

SPEC = CnnSpec(
    height=28,
    width=20,
    channels=3,
    convolutions=(
        ConvLayer(filters=8, padding="same", pool=2),
        ConvLayer(filters=16, kernel=4, pool=2, batch_norm=BatchNorm()),
    ),
    dense=(DenseLayer(units=50),),
    outputs=10,
)


def test_feature_maps_shrink_by_valid_padding_and_by_pools_that_drop_a_remainder() -> None:
    assert feature_maps(SPEC) == [(28, 20, 3), (14, 10, 8), (5, 3, 16)]


def test_shapes() -> None:
    shapes = parameter_shapes(SPEC)
    assert shapes["conv0.kernel"] == (3, 3, 3, 8)
    assert shapes["conv1.kernel"] == (4, 4, 8, 16)
    assert shapes["conv1.variance"] == (16,)
    assert shapes["dense0.kernel"] == (5 * 3 * 16, 50)
    assert shapes["head.kernel"] == (50, 10)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 224 + 2064 + 64 + 12050 + 510
    assert input_shape(SPEC) == (28, 20, 3)


def test_without_dense_layers_the_head_reads_the_last_map() -> None:
    spec = CnnSpec(height=4, width=5, channels=1, convolutions=(ConvLayer(filters=2),), outputs=3)
    assert parameter_shapes(spec)["head.kernel"] == (2 * 3 * 2, 3)


def test_a_sample_without_channels_has_one() -> None:
    assert sizes((8, 9)) == {"height": 8, "width": 9, "channels": 1}
    assert sizes((8, 9, 3)) == {"height": 8, "width": 9, "channels": 3}


@pytest.mark.parametrize("shape", [(8,), (8, 8, 3, 2)])
def test_a_sample_that_is_not_an_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"samples have the shape .* a cnn takes \(height, width\)"):
        sizes(shape)


def test_an_image_that_shrinks_to_nothing_is_refused() -> None:
    layers = (ConvLayer(filters=2, pool=2), ConvLayer(filters=2))
    with pytest.raises(ValidationError, match="shrinks to nothing: 6x6 -> 2x2 -> 0x0; use fewer layers"):
        CnnSpec(height=6, width=6, channels=1, convolutions=layers, outputs=2)


def test_a_network_without_convolutions_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        CnnSpec(height=6, width=6, channels=1, convolutions=(), outputs=2)


def test_flops_by_hand() -> None:
    first = 2 * 28 * 20 * 9 * 3 * 8
    second = 2 * 11 * 7 * 16 * 8 * 16
    assert sum(part.flops for part in parts(SPEC)) == first + second + 2 * (240 * 50 + 50 * 10)


def test_initial_weights_have_the_right_shapes_and_follow_from_the_seed() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (not name.endswith("kernel")), name
    assert np.abs(first["conv0.kernel"]).max() <= np.sqrt(6 / (9 * (3 + 8)))


def test_the_reference_by_hand() -> None:
    layer = ConvLayer(filters=1, kernel=2, activation="linear", pool=2)
    spec = CnnSpec(height=3, width=4, channels=1, convolutions=(layer,), outputs=1)
    weights = {
        "conv0.kernel": np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1),
        "conv0.bias": np.array([0.5]),
        "head.kernel": np.array([[2.0]]),
        "head.bias": np.array([-1.0]),
    }
    image = np.array([[1, 0, 0, 9], [0, 2, 0, 9], [0, 0, 3, 9]], dtype=np.float64).reshape(1, 3, 4, 1)
    # The windows give 2001, 200, …; 3002, 320, …: the pool of 2 × 2 keeps 3002 and drops the third column.
    np.testing.assert_array_equal(forward(spec, weights, image), [[2 * 3002.5 - 1]])


def test_flattening_is_in_the_order_of_rows_columns_channels() -> None:
    layer = ConvLayer(filters=2, kernel=1, activation="linear")
    spec = CnnSpec(height=2, width=2, channels=2, convolutions=(layer,), outputs=8)
    weights = {
        "conv0.kernel": np.eye(2).reshape(1, 1, 2, 2),
        "conv0.bias": np.zeros(2),
        "head.kernel": np.eye(8),
        "head.bias": np.zeros(8),
    }
    image = np.arange(8.0).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(forward(spec, weights, image), [np.arange(8.0)])


SAME = {"filters": 4, "padding": "same"}


def made(*layers: dict[str, Any], **more: Any) -> CnnSpec:  # noqa: ANN401 (fields of the spec)
    """A network for images of 8 × 8 × 2."""
    size = {"height": 8, "width": 8, "channels": 2, "outputs": 3}
    return CnnSpec(**{**size, "convolutions": [ConvLayer(**layer) for layer in layers], **more})


@pytest.mark.parametrize("length", [7, 8])
def test_a_stride_of_two_takes_eight_and_seven_pixels_to_four(length: int) -> None:
    spec = made({**SAME, "strides": 2}, height=length, width=length)
    assert feature_maps(spec)[-1] == (4, 4, 4)
    assert [part.shape for part in parts(spec)] == [(4, 4, 4), (3,)]


def test_a_depthwise_kernel_has_one_input_for_each_output() -> None:
    spec = made({**SAME, "kernel": (3, 2), "depthwise": True})
    assert parameter_shapes(spec)["conv0.kernel"] == (3, 2, 1, 4)
    assert parts(spec)[0].flops == 2 * 8 * 8 * 3 * 2 * 4


def test_global_pooling_leaves_one_number_of_each_channel() -> None:
    spec = made(SAME, global_pooling="average")
    assert parameter_shapes(spec)["head.kernel"] == (4, 3)
    assert [(part.name, part.shape, part.flops) for part in parts(spec)] == [
        ("conv0", (8, 8, 4), 2 * 8 * 8 * 9 * 2 * 4),
        ("pooling", (4,), 0),
        ("head", (3,), 2 * 4 * 3),
    ]


def residual(**last: Any) -> CnnSpec:  # noqa: ANN401 (fields of a layer)
    """A stem, and a block of two layers."""
    return made(SAME, SAME, {**SAME, "shortcut": 2, **last})


def test_a_shortcut_between_equal_shapes_has_no_weights() -> None:
    plain = made(SAME, SAME, SAME)
    assert parameter_shapes(residual()) == parameter_shapes(plain)
    assert starts(residual()) == ((), (2,), ())
    for name, value in initial_weights(plain, seed=1).items():
        np.testing.assert_array_equal(initial_weights(residual(), seed=1)[name], value)


def test_a_shortcut_between_different_shapes_is_a_convolution_with_the_strides_of_its_block() -> None:
    he = Initializer(name="he_normal")
    spec = made(
        {**SAME, "strides": (2, 1)},
        {**SAME, "filters": 6, "strides": 2, "shortcut": 2, "batch_norm": BatchNorm(epsilon=0.5), "initializer": he},
    )
    name, layer, image = convolutions(spec)[1]
    assert (name, layer.kernel, layer.strides, image) == ("shortcut1", 1, (4, 2), (8, 8, 2))
    assert (layer.batch_norm, layer.initializer) == (BatchNorm(epsilon=0.5), he)
    shapes = parameter_shapes(spec)
    assert list(shapes)[2:4] == ["shortcut1.kernel", "shortcut1.bias"]
    assert shapes["shortcut1.kernel"] == (1, 1, 2, 6)
    assert shapes["shortcut1.variance"] == (6,)
    part = parts(spec)[1]
    assert (part.name, part.shape, part.flops) == ("shortcut1", (2, 4, 6), 2 * 2 * 4 * 2 * 6)


def by_hand(spec: CnnSpec, **weights: float) -> float:
    """The output for an image of one pixel with the value 2, where every weight that is not given is 0 or the head."""
    shapes = parameter_shapes(spec)
    given: Weights = {name: np.full(shape, weights.get(name.replace(".", "_"), 0.0)) for name, shape in shapes.items()}
    given["head.kernel"] = np.ones(shapes["head.kernel"])
    return float(forward(spec, given, np.full((1, 1, 1, 1), 2.0))[0, 0])


def one_pixel(*layers: dict[str, Any]) -> CnnSpec:
    """A network of convolutions of 1 × 1 for images of one pixel."""
    pixel = {"filters": 1, "kernel": 1, "padding": "same"}
    return made(*({**pixel, **layer} for layer in layers), height=1, width=1, channels=1, outputs=1)


def test_a_shortcut_is_added_in_front_of_the_activation() -> None:
    spec = one_pixel({}, {"shortcut": 2})
    assert by_hand(spec, conv0_kernel=1.0, conv1_kernel=-0.5) == 1.0  # relu(-1 + 2)
    assert by_hand(spec, conv0_kernel=1.0, conv1_kernel=-1.5) == 0.0  # relu(-3 + 2)


def test_a_batch_norm_comes_before_the_shortcut_or_after_the_activation() -> None:
    doubled = {"conv0_kernel": 1.0, "conv0_scale": 2.0, "conv0_variance": 1.0, "conv0_offset": -7.0}
    for position, expected in (("before", 0.0), ("after", 2 * (2 + 2) - 7.0)):  # relu(2·2 - 7 + 2), 2·relu(2 + 2) - 7
        norm = BatchNorm(position=position, epsilon=1e-12)  # type: ignore[arg-type]
        assert by_hand(one_pixel({"batch_norm": norm, "shortcut": 1}), **doubled) == pytest.approx(expected, abs=1e-9)


def test_two_shortcuts_may_start_at_one_layer_and_overlap() -> None:
    spec = one_pixel({"shortcut": 1}, {"shortcut": 2}, {"shortcut": 2})
    assert starts(spec) == ((0, 1), (2,), ())
    assert by_hand(spec, conv1_kernel=1.0, conv2_kernel=1.0) == 6.0  # 0 + 2, then 2 + 2, then 4 + 2


def test_the_layers_are_described_in_words() -> None:
    kinds = [part.kind for part in parts(EXAMPLES["residual-blocks"])]
    assert kinds[4:6] == [
        "convolution 1×1 same, strides 2×2, batch norm, linear",
        "convolution 3×3 same, relu, batch norm, shortcut around 2 layers, max-pooling 2×2",
    ]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [{**SAME, "filters": 5, "depthwise": True}],
            "filters: found 5, expected a multiple of 2, the input channels of this depthwise layer",
        ),
        (
            [{**SAME, "shortcut": 2}],
            "shortcut: found 2, expected at most 1, the number of layers up to this one",
        ),
        (
            [{"filters": 4}, {**SAME, "shortcut": 2}],
            "padding: found 'valid', expected 'same', since the shortcut of convolutions[1] goes around this layer",
        ),
        (
            [{**SAME, "pool": 2}, {**SAME, "shortcut": 2}],
            "pool: found 2, expected 1, since the shortcut of convolutions[1] goes around this layer; use strides",
        ),
    ],
)
def test_layers_that_do_not_fit_each_other_are_refused_with_their_key(
    layers: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        made(*layers)
    (error,) = caught.value.errors()
    assert error["loc"][:2] == ("convolutions", 0)
    assert f"{error['loc'][2]}: {error['ctx']['error']}" == message


def test_the_last_layer_of_a_block_may_have_pooling() -> None:
    assert feature_maps(residual(pool=2))[-1] == (4, 4, 4)


def test_a_layer_norm_normalises_the_channels_of_each_pixel() -> None:
    layer = ConvLayer(filters=5, kernel=1, layer_norm=LayerNorm())
    spec = CnnSpec(height=3, width=2, channels=4, convolutions=(layer,), outputs=30)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in parameter_shapes(spec).items()}
    weights |= {"head.kernel": np.eye(30), "head.bias": np.zeros(30)}
    images = generator.normal(size=(2, 3, 2, 4))
    values = images @ weights["conv0.kernel"][0, 0] + weights["conv0.bias"]

    def normalised(*axes: int) -> np.ndarray:
        centred = values - values.mean(axis=axes, keepdims=True)
        scaled = centred / np.sqrt(values.var(axis=axes, keepdims=True) + 1e-5)
        found: np.ndarray = np.maximum(scaled * weights["conv0.scale"] + weights["conv0.offset"], 0)
        return found.reshape(2, 30)

    np.testing.assert_allclose(forward(spec, weights, images), normalised(3), rtol=1e-12, atol=1e-12)
    assert np.abs(normalised(1, 2, 3) - normalised(3)).max() > 0.1, "over the whole image"


def test_a_convolution_has_at_most_one_norm() -> None:
    with pytest.raises(ValidationError, match="at most one norm in a layer"):
        ConvLayer(filters=2, batch_norm=BatchNorm(), layer_norm=LayerNorm())
