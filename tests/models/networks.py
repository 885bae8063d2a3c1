"""Networks that between them use every option of every family, with weights that no framework would start from."""

import numpy as np

from bench.workload import model_families
from models.cnn.spec import CnnSpec, ConvLayer
from models.dnn.spec import DnnSpec
from models.layers.spec import BatchNorm, DenseLayer, RecurrentLayer, Weights
from models.lstm.spec import LstmLayer, LstmSpec
from models.rnn.spec import RnnSpec

BEFORE = BatchNorm(position="before", epsilon=1e-2, momentum=0.7)
AFTER = BatchNorm(position="after", epsilon=1e-4, momentum=0.8)

NETWORKS: dict[str, model_families.Spec] = {
    "dnn-no-hidden-layer": DnnSpec(features=5, outputs=3),
    "dnn-every-activation": DnnSpec(
        features=5,
        hidden=tuple(DenseLayer(units=6, activation=name) for name in ("linear", "relu", "tanh", "sigmoid")),
        outputs=3,
    ),
    "dnn-batch-norm-and-dropout": DnnSpec(
        features=5,
        hidden=(
            DenseLayer(units=6, batch_norm=BEFORE, dropout=0.5),
            DenseLayer(units=6, activation="tanh", batch_norm=AFTER, dropout=0.2),
        ),
        outputs=1,
    ),
    "cnn-valid-no-dense-layer": CnnSpec(
        height=8,
        width=7,
        channels=1,
        convolutions=(ConvLayer(filters=3), ConvLayer(filters=4, kernel=2, activation="tanh")),
        outputs=3,
    ),
    "cnn-same-with-pools-that-drop-a-remainder": CnnSpec(
        height=11,
        width=9,
        channels=2,
        convolutions=(
            ConvLayer(filters=3, padding="same", batch_norm=BEFORE, pool=2, dropout=0.3),
            ConvLayer(filters=4, padding="same", activation="sigmoid", batch_norm=AFTER, pool=2),
        ),
        dense=(DenseLayer(units=5, batch_norm=BEFORE, dropout=0.3), DenseLayer(units=4, activation="linear")),
        outputs=3,
    ),
    "cnn-same-with-an-even-kernel": CnnSpec(
        height=5,
        width=4,
        channels=2,
        convolutions=(ConvLayer(filters=3, kernel=4, padding="same", activation="linear"),),
        dense=(DenseLayer(units=5, activation="tanh", batch_norm=AFTER),),
        outputs=2,
    ),
    "lstm-one-layer": LstmSpec(steps=5, features=3, layers=(LstmLayer(units=4),), outputs=2),
    "lstm-two-layers-with-batch-norm-and-dropout": LstmSpec(
        steps=4,
        features=3,
        layers=(LstmLayer(units=5, batch_norm=AFTER, dropout=0.4), LstmLayer(units=4, batch_norm=AFTER)),
        outputs=2,
    ),
    "rnn-one-layer": RnnSpec(steps=5, features=3, layers=(RecurrentLayer(units=4),), outputs=2),
    "rnn-two-layers-with-batch-norm-and-dropout": RnnSpec(
        steps=4,
        features=3,
        layers=(
            RecurrentLayer(units=5, activation="relu", batch_norm=AFTER, dropout=0.4),
            RecurrentLayer(units=4, batch_norm=AFTER),
        ),
        outputs=2,
    ),
}


def family_of(spec: model_families.Spec) -> str:
    """The family whose spec this is."""
    return type(spec).__module__.split(".")[1]


def random_weights(spec: model_families.Spec, *, seed: int = 0) -> Weights:
    """Weights whose every part matters: biases and offsets that are not zero, statistics that are not at rest."""
    generator = np.random.default_rng(seed)
    shapes = model_families.spec_module(family_of(spec)).parameter_shapes(spec)
    return {
        name: generator.uniform(0.5, 2.0, shape)
        if name.endswith((".scale", ".variance"))
        else generator.normal(0.0, 0.5, shape)
        for name, shape in shapes.items()
    }


def random_inputs(spec: model_families.Spec, *, samples: int = 6, seed: int = 1) -> np.ndarray:
    """A batch in the network's input shape; float64."""
    shape = model_families.spec_module(family_of(spec)).input_shape(spec)
    return np.random.default_rng(seed).normal(size=(samples, *shape))


def reference(spec: model_families.Spec, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    """What the network must compute."""
    return model_families.spec_module(family_of(spec)).forward(spec, weights, inputs)
