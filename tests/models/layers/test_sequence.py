"""Both directions of a recurrent layer: names and sizes of the weights, first weights, and the reference."""

from collections.abc import Callable
from dataclasses import replace
from math import tanh
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bench.workload import model_families
from models.layers.examples import AFTER
from models.layers.spec import Part, RecurrentLayer, Weights, without_dropout
from models.lstm.spec import LstmLayer
from models.rnn.spec import RnnSpec, forward, parameter_shapes
from tests.models.networks import random_inputs, random_weights, reference

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
BIASES = {"rnn": 1, "lstm": 1, "gru": 2}

Mistake = Callable[[Weights], Weights]


def spec_of(family: str, *layers: dict[str, Any], outputs: int = 2) -> model_families.Spec:
    return model_families.spec_module(family).Spec(steps=4, features=3, layers=layers, outputs=outputs)


def both_ways(family: str, **more: object) -> model_families.Spec:
    return spec_of(family, {"units": 5, "bidirectional": True, **more})


@pytest.fixture(params=GATES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_backward_weights_are_a_layer_of_their_own(family: str) -> None:
    shapes = model_families.spec_module(family).parameter_shapes(both_ways(family, batch_norm=AFTER))
    forward, backward = (
        {name.partition(".")[2]: shape for name, shape in shapes.items() if name.startswith(prefix)}
        for prefix in ("layer0.", "backward0.")
    )
    norm = {part: forward.pop(part) for part in ("scale", "offset", "mean", "variance")}
    assert forward == backward
    assert len(forward) == 2 + BIASES[family]
    assert set(norm.values()) == {(10,)}, "the batch norm sees the outputs of both directions"
    assert shapes["head.kernel"] == (10, 2)
    one_way = spec_of(family, {"units": 5})
    assert not any("backward" in name for name in model_families.spec_module(family).parameter_shapes(one_way))


def test_the_next_layer_reads_the_outputs_of_both_directions(family: str) -> None:
    spec = spec_of(family, {"units": 5, "bidirectional": True}, {"units": 2})
    shapes = model_families.spec_module(family).parameter_shapes(spec)
    assert shapes["layer1.kernel"] == (10, 2 * GATES[family])
    assert shapes["head.kernel"] == (2, 2)


def embedded(family: str, **more: object) -> model_families.Spec:
    module = model_families.spec_module(family)
    return module.Spec(steps=4, features=1, vocabulary=6, width=3, layers=({"units": 5, **more},), outputs=2)


def test_a_whole_number_is_the_row_of_the_table(family: str) -> None:
    spec = embedded(family)
    weights, inputs = random_weights(spec), random_inputs(spec)
    table = weights["embedding.table"]
    of_rows = spec_of(family, {"units": 5})
    rest = {name: value for name, value in weights.items() if name != "embedding.table"}
    assert sorted(rest) == sorted(model_families.spec_module(family).parameter_shapes(of_rows))
    found = reference(spec, weights, inputs)
    np.testing.assert_array_equal(found, reference(of_rows, rest, table[inputs]))
    assert np.abs(found - reference(of_rows, rest, table[inputs - 1])).max() > 1e-2, "the row before it"


def test_each_number_of_a_time_step_is_a_step_of_its_own(family: str) -> None:
    module = model_families.spec_module(family)
    spec = module.Spec(steps=4, features=2, vocabulary=6, width=3, layers=({"units": 5},), outputs=2)
    assert module.input_shape(spec) == (8,)
    first, second, _ = module.parts(spec)
    assert (first.shape, first.flops) == ((8, 3), 0)
    assert second.flops == 8 * 2 * (3 + 5) * GATES[family] * 5


@pytest.mark.parametrize(
    ("keys", "found"),
    [({"vocabulary": 6}, "found None, expected a value"), ({"width": 3}, "found 3, expected no such key")],
)
def test_a_table_has_a_number_of_rows_and_a_width(family: str, keys: dict[str, int], found: str) -> None:
    with pytest.raises(ValidationError, match=f"width: {found}"):
        model_families.spec_module(family).Spec(steps=4, features=1, layers=({"units": 5},), outputs=2, **keys)


def test_a_layer_norm_normalises_each_time_step(family: str) -> None:
    layer = {"units": 5, "bidirectional": True}
    plain = spec_of(family, layer, outputs=10)
    normed = spec_of(family, {**layer, "layer_norm": {"position": "after", "epsilon": 1e-12}}, outputs=10)
    weights = random_weights(plain) | {"head.kernel": np.eye(10), "head.bias": np.zeros(10)}
    states = reference(plain, weights, random_inputs(plain))
    expected = (states - states.mean(axis=1, keepdims=True)) / states.std(axis=1, keepdims=True)
    weights |= {"layer0.scale": np.ones(10), "layer0.offset": np.zeros(10)}
    np.testing.assert_allclose(reference(normed, weights, random_inputs(plain)), expected, rtol=1e-9)
    assert np.abs(states - expected).max() > 0.1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"layer_norm": {"position": "before"}}, "layer norm can only come after a recurrent layer"),
        ({"layer_norm": {"position": "after"}, "batch_norm": {"position": "after"}}, "at most one norm in a layer"),
    ],
)
def test_a_wrong_norm_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecurrentLayer(units=4, **keys)


def test_both_directions_count_in_parameters_flops_and_memory(family: str) -> None:
    one_way, both = spec_of(family, {"units": 5}), both_ways(family)
    (single, _), (double, _) = (model_families.spec_module(family).parts(spec) for spec in (one_way, both))
    kind, flops, kept = f"bidirectional {single.kind}", 2 * single.flops, 2 * single.kept
    assert double == Part("layer0", kind, (10,), flops, kept, others=("backward0",))
    layers = [model_families.layers(family, spec)[1] for spec in (one_way, both)]
    assert layers[1].parameters == 2 * layers[0].parameters > 0
    assert sum(layer.parameters for layer in model_families.layers(family, both)) == sum(
        value.size for value in random_weights(both).values()
    )


def test_recurrent_dropout_is_named_in_the_list_of_layers() -> None:
    part, _ = model_families.spec_module("lstm").parts(both_ways("lstm", recurrent_dropout=0.2, dropout=0.1))
    assert part.kind == "bidirectional LSTM, recurrent dropout 0.2, tanh, dropout 0.1"


def test_each_direction_and_gate_has_its_own_orthogonal_kernel(family: str) -> None:
    spec = both_ways(family)
    weights = model_families.spec_module(family).initial_weights(spec, seed=0)
    gates = [
        gate
        for name in ("layer0", "backward0")
        for gate in np.split(weights[f"{name}.recurrent"], GATES[family], axis=-1)
    ]
    for number, gate in enumerate(gates):
        np.testing.assert_allclose(gate.T @ gate, np.eye(5), atol=1e-12)
        assert all(np.abs(gate - other).max() > 1e-2 for other in gates[:number])
    assert np.abs(weights["layer0.kernel"] - weights["backward0.kernel"]).max() > 1e-2


def test_the_forward_weights_of_a_seed_are_those_of_the_layer_with_one_direction(family: str) -> None:
    spec = spec_of(family, {"units": 5})
    drawn = [model_families.spec_module(family).initial_weights(of, seed=3) for of in (spec, both_ways(family))]
    for part in ("kernel", "recurrent"):
        np.testing.assert_array_equal(drawn[0][f"layer0.{part}"], drawn[1][f"layer0.{part}"])


def test_unit_forget_bias_is_in_both_directions() -> None:
    spec = spec_of("lstm", {"units": 2, "bidirectional": True, "unit_forget_bias": True})
    weights = model_families.spec_module("lstm").initial_weights(spec, seed=0)
    for name in ("layer0", "backward0"):
        assert weights[f"{name}.bias"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def one_direction(spec: model_families.Spec, weights: Weights, name: str, inputs: np.ndarray) -> np.ndarray:
    """The last state of one recurrence alone, by a network with one direction whose head is an identity."""
    (layer,) = spec.layers
    alone = replace(spec, layers=(replace(layer, bidirectional=False),), outputs=layer.units)
    own = {f"layer0.{key.partition('.')[2]}": value for key, value in weights.items() if key.startswith(f"{name}.")}
    return reference(alone, own | {"head.kernel": np.eye(layer.units), "head.bias": np.zeros(layer.units)}, inputs)


def logits(weights: Weights, *states: np.ndarray) -> np.ndarray:
    return np.concatenate(states, axis=-1) @ weights["head.kernel"] + weights["head.bias"]


def test_the_last_states_have_both_read_the_whole_sequence(family: str) -> None:
    spec = both_ways(family)
    weights, inputs = random_weights(spec), random_inputs(spec)
    last = one_direction(spec, weights, "layer0", inputs)
    first = one_direction(spec, weights, "backward0", inputs[:, ::-1])
    found = reference(spec, weights, inputs)
    np.testing.assert_allclose(found, logits(weights, last, first), rtol=1e-13)
    at_the_last_step = one_direction(replace(spec, steps=1), weights, "backward0", inputs[:, -1:])
    assert np.abs(found - logits(weights, last, at_the_last_step)).max() > 1e-2
    assert np.abs(found - logits(weights, first, last)).max() > 1e-2


@pytest.mark.parametrize("reversed_back", [True, False])
def test_stacked_directions_by_hand(*, reversed_back: bool) -> None:
    """Two layers of one unit in each direction, in scalars; without the right order of time steps they differ."""
    layer = RecurrentLayer(units=1, bidirectional=True)
    spec = RnnSpec(steps=3, features=1, layers=(layer, layer), outputs=1)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in parameter_shapes(spec).items()}

    def states(name: str, steps: list[list[float]]) -> list[float]:
        kernel, recurrent, bias = (weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias"))
        hidden, found = 0.0, []
        for step in steps:
            read = sum(value * float(weight) for value, weight in zip(step, kernel[:, 0], strict=True))
            hidden = tanh(read + hidden * float(recurrent[0, 0]) + float(bias[0]))
            found.append(hidden)
        return found

    sequence = [[1.0], [-2.0], [0.5]]
    forwards, backwards = states("layer0", sequence), states("backward0", sequence[::-1])
    middle = [list(pair) for pair in zip(forwards, backwards[::-1] if reversed_back else backwards, strict=True)]
    last = states("layer1", middle)[-1], states("backward1", middle[::-1])[-1]
    expected = sum(state * float(weight) for state, weight in zip(last, weights["head.kernel"][:, 0], strict=True))
    found = forward(spec, weights, np.array([sequence])) - weights["head.bias"]
    assert (abs(found.item() - expected) < 1e-14) == reversed_back
    assert abs(found.item() - expected) < 1e-14 or abs(found.item() - expected) > 1e-2


def test_recurrent_dropout_is_off_in_the_spec_of_a_proof() -> None:
    spec = spec_of(
        "gru", {"units": 2, "recurrent_dropout": 0.3, "dropout": 0.2}, {"units": 3, "recurrent_dropout": 0.1}
    )
    found = without_dropout(spec)
    assert found == spec_of("gru", {"units": 2}, {"units": 3})
    assert found != spec


def test_layers_without_the_new_keys_mean_what_they_meant() -> None:
    assert LstmLayer(units=3) == LstmLayer(units=3, bidirectional=False, recurrent_dropout=0.0)
    assert LstmLayer(units=3).width == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bidirectional": 1}, "valid boolean"),
        ({"recurrent_dropout": 1.0}, "less than 1"),
        ({"recurrent_dropout": -0.1}, "greater than or equal to 0"),
        ({"backward": True}, "Unexpected keyword argument"),
    ],
)
def test_a_wrong_key_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecurrentLayer(units=3, **wrong)
