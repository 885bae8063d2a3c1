"""A script of a convolutional network has all its options, as a list of layers or with the source of the family."""

from dataclasses import replace

import pytest

from bench.scripts import write
from models.cnn.convolution import ConvLayer
from models.cnn.script import network
from models.cnn.spec import EXAMPLES, CnnSpec
from tests.bench.scripts.test_scripts import CONTENDERS, run, task

LISTS = ("strides-dilation-and-rectangular-kernels", "depthwise-and-pointwise-with-average-pooling")
IN_PATCHES = {"convolution": "patches", "pooling": "reshape"}


def text_of(contender: str, spec: CnnSpec) -> str:
    """The script of a network."""
    options = IN_PATCHES if contender == "flax" else {}
    return write(replace(task(contender, "cnn", options), spec=spec))


@pytest.mark.parametrize(
    ("contender", "lines"),
    [
        (
            "pytorch",
            [
                "nn.ZeroPad2d((0, 1, 1, 1)),\n    nn.Conv2d(2, 4, 3, stride=2, padding=0, groups=2, bias=False),",
                'nn.Conv2d(4, 6, 1, padding="valid"),',
                "nn.AvgPool2d(2),",
                "nn.AdaptiveMaxPool2d(1),\n    nn.Flatten(),",
            ],
        ),
        (
            "keras/torch",
            [
                "keras.layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, ",
                'padding="same", use_bias=False, dtype=policy),',
                'keras.layers.Conv2D(6, 1, padding="valid", dtype=policy),',
                "keras.layers.AveragePooling2D(2, dtype=policy),",
                "keras.layers.GlobalMaxPooling2D(dtype=policy),",
            ],
        ),
        (
            "flax",
            [
                'nnx.Conv(2, 4, (3, 3), strides=2, padding="SAME", feature_group_count=2, use_bias=False, rngs=rngs),',
                'nnx.Conv(4, 6, (1, 1), padding="VALID", conv_general_dilated=convolve, rngs=rngs),',
                "lambda images: nnx.avg_pool(images, (2, 2), strides=(2, 2)),",
                "lambda images: images.max((1, 2)),",
            ],
        ),
    ],
)
def test_a_script_has_strides_groups_and_the_kind_of_pooling(contender: str, lines: list[str]) -> None:
    text = text_of(contender, EXAMPLES[LISTS[1]])
    assert [line for line in lines if line not in text] == []
    assert "class CnnSpec" not in text


def test_a_script_has_rectangular_kernels_and_dilation() -> None:
    spec = EXAMPLES[LISTS[0]]
    assert 'nn.Conv2d(3, 4, (2, 3), dilation=(2, 1), padding="same"),' in text_of("pytorch", spec)
    assert "keras.layers.Conv2D(4, (2, 3), dilation_rate=(2, 1), padding=" in text_of("keras/jax", spec)
    assert "nnx.Conv(3, 4, (2, 3), kernel_dilation=(2, 1), padding=" in text_of("flax", spec)


def test_the_border_of_a_script_is_even_where_the_image_allows_it() -> None:
    layer = ConvLayer(filters=4, strides=2, padding="same")
    spec = CnnSpec(height=7, width=7, channels=2, convolutions=(layer,), outputs=2)
    assert "nn.Conv2d(2, 4, 3, stride=2, padding=(1, 1))," in text_of("pytorch", spec)
    assert "ZeroPad2d" not in text_of("pytorch", spec)


def test_a_network_with_shortcuts_is_no_list_and_its_script_has_the_source_of_the_family() -> None:
    assert [name for name, spec in EXAMPLES.items() if network(spec) is None] == [
        "layer-norm-of-each-pixel",
        "residual-blocks",
    ]
    for contender in CONTENDERS:
        text = text_of(contender, EXAMPLES["residual-blocks"])
        compile(text, contender, "exec")
        assert "class CnnSpec" in text
        assert "network.build(spec, weights, seed=0" in text


@pytest.mark.study
@pytest.mark.parametrize("name", [*LISTS, "residual-blocks"])
@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_script_with_every_option_trains(contender: str, name: str) -> None:
    assert run(text_of(contender, EXAMPLES[name])).split()[1:] == ["ms", "a", "step"]


@pytest.mark.study
def test_a_script_with_shortcuts_predicts_in_bfloat16() -> None:
    asked = replace(task("flax", "cnn", {}, scenario="inference"), spec=EXAMPLES["residual-blocks"], precision="bf16")
    assert run(write(asked)).split()[1:] == ["ms", "a", "query"]
