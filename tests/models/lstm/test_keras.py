"""In which cases Keras may use cuDNN for the LSTM."""

from typing import Literal

import pytest

from bench.worker.prepared_workload import DTYPES, load_adapter
from models.lstm.spec import LstmLayer, LstmSpec, initial_weights
from tests.contenders import KERAS

SPEC = LstmSpec(steps=2, features=3, layers=(LstmLayer(units=4),), outputs=2)


@pytest.mark.parametrize(
    ("precision", "form", "elsewhere", "on_jax"),
    [
        ("fp32", "auto", "auto", "auto"),
        ("fp32", "off", False, False),
        ("fp64", "auto", "auto", False),
        ("bf16", "auto", "auto", False),
    ],
)
@pytest.mark.parametrize("contender", KERAS, indirect=True)
def test_on_jax_cudnn_is_used_only_in_float32(
    contender: str, precision: str, form: Literal["auto", "off"], elsewhere: object, on_jax: object
) -> None:
    from models.lstm.keras import build

    adapter = load_adapter("keras")
    adapter.configure(device="cpu", precision=precision, threads=1)
    weights = {name: value.astype(DTYPES[precision]) for name, value in initial_weights(SPEC, seed=0).items()}
    options = adapter.build_options()
    model = build(SPEC, weights, compute_dtype=options.get("compute_dtype"), use_cudnn=form)
    assert model.layers[0].use_cudnn == (on_jax if contender == "keras/jax" else elsewhere)
