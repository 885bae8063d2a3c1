"""When Keras may compute the LSTM with cuDNN, which only a GPU has."""

import pytest

from bench.subject import DTYPES, load_adapter
from models.lstm.spec import LstmLayer, LstmSpec, initial_weights

SPEC = LstmSpec(steps=2, features=3, layers=(LstmLayer(units=4),), outputs=2)


@pytest.mark.parametrize(
    ("precision", "form", "elsewhere", "on_jax"),
    [("fp32", "auto", "auto", "auto"), ("fp32", "off", False, False), ("fp64", "auto", "auto", False)],
)
def test_on_jax_cudnn_computes_in_float32_alone(
    contender: str, precision: str, form: str, elsewhere: object, on_jax: object
) -> None:
    if contender.startswith("keras/"):
        assert use_of_cudnn(precision, form) == (on_jax if contender == "keras/jax" else elsewhere)


def test_nor_does_it_in_mixed_precision(contender: str) -> None:
    if contender.startswith("keras/"):
        assert use_of_cudnn("bf16", "auto") == (False if contender == "keras/jax" else "auto")


def use_of_cudnn(precision: str, form: str) -> object:
    """What the layer was told."""
    from models.lstm.keras import build

    adapter = load_adapter("keras")
    adapter.configure(device="cpu", precision=precision, threads=1)
    weights = {name: value.astype(DTYPES[precision]) for name, value in initial_weights(SPEC, seed=0).items()}
    told: object = build(SPEC, weights, **adapter.build_options(), use_cudnn=form).layers[0].use_cudnn  # type: ignore[arg-type]
    return told
