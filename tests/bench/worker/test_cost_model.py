"""The FLOPs, bytes and memory that a call needs, counted by hand."""

from dataclasses import replace

import pytest

from bench.worker.cost_model import Demand, demand
from bench.workload.update_rules import Adam, AdamW, Sgd
from bench.workload.workload import load_workload

# Ten inputs, a hidden layer of four units, and two outputs, five samples at once.
WEIGHTS, OUTPUTS = (10 * 4 + 4, 4 * 2 + 2), (4, 2)
STEP = Demand(
    scenario="training",
    batch_size=5,
    flops_per_sample=2 * (10 * 4 + 4 * 2),
    flops_on_inputs=2 * 10 * 4,
    weights_on_inputs=10 * 4,
    inputs=10,
    weights=WEIGHTS,
    outputs=OUTPUTS,
    kept=OUTPUTS,
    moments=2,
    bytes_per_output=4,
)
QUERY = replace(STEP, scenario="inference")


def test_a_call_needs_the_flops_of_forward_and_backward_pass() -> None:
    assert QUERY.flops == 5 * STEP.flops_per_sample
    assert STEP.flops == 3 * QUERY.flops - 5 * 2 * 10 * 4, "the gradient of the inputs is not needed"


@pytest.mark.parametrize(
    ("name", "on_inputs", "weights"),
    [
        ("digits-dnn", 2 * 64 * 128, 64 * 128),
        ("digits-cnn", 2 * 8 * 8 * 16 * 3 * 3, 16 * 3 * 3),
        # Eight rows of eight pixels; the multiplications with its state need both gradients.
        ("digits-lstm", 8 * 2 * 8 * 4 * 64, 8 * 4 * 64),
    ],
)
def test_the_first_layer_needs_no_gradient_of_its_inputs(name: str, on_inputs: int, weights: int) -> None:
    query = demand(load_workload(name), "inference", 32, precision="fp32")
    step = demand(load_workload(name), "training", 32, precision="fp32")
    assert step.flops == 3 * query.flops - 32 * on_inputs
    assert step.weights_on_inputs == weights


def test_both_directions_of_a_layer_multiply_the_inputs() -> None:
    one_way = load_workload("digits-lstm")
    (layer,) = one_way.spec.layers
    both = replace(one_way, spec=replace(one_way.spec, layers=(replace(layer, bidirectional=True),)))
    single, double = (demand(workload, "training", 32, precision="fp32") for workload in (one_way, both))
    assert double.flops_on_inputs == 2 * single.flops_on_inputs
    assert double.weights_on_inputs == 2 * single.weights_on_inputs
    assert (double.outputs[0], double.kept[0]) == (2 * single.outputs[0], 2 * single.kept[0])


def test_least_bytes_by_hand() -> None:
    weights, inputs, outputs = sum(WEIGHTS), 5 * 10, 5 * sum(OUTPUTS)
    assert QUERY.least_bytes == 4 * (weights + inputs + 5 * 2)
    read_once = 10 * 4  # the first kernel; only a gradient of the inputs would need it again
    assert STEP.least_bytes == 4 * (weights * (2 + 2 + 2 * 3) - read_once + 2 * inputs + 2 * outputs)
    plain = replace(STEP, moments=0, bytes_per_output=2)
    assert STEP.least_bytes - plain.least_bytes == 4 * weights * 4 + 2 * 2 * outputs


def test_of_a_table_only_the_rows_that_samples_look_up_are_read() -> None:
    rest, inputs, outputs = 10, 5 * 10, 5 * sum(OUTPUTS)
    step = replace(STEP, flops_on_inputs=0, weights_on_inputs=0, table=44)
    query = replace(step, scenario="inference")
    assert query.least_bytes == 4 * (20 + rest + inputs + 5 * 2), "five rows of four"
    assert step.least_bytes == 4 * (20 + 2 * rest + 54 * (2 + 2 * 3) + 2 * inputs + 2 * outputs)
    many = replace(query, batch_size=100)
    assert many.least_bytes == 4 * (54 + 100 * 10 + 100 * 2), "never more rows than the table has"


def test_the_table_of_a_network_of_integers_is_known() -> None:
    assert demand(load_workload("digits-transformer"), "inference", 32, precision="fp32").table == 17 * 32
    assert demand(load_workload("digits-lstm"), "inference", 32, precision="fp32").table == 0


def test_the_memory_peak_of_a_step_is_in_the_backward_pass() -> None:
    fixed = {"weights": 4 * 54, "moments": 8 * 54, "inputs": 4 * 50}
    # With few outputs the peak is at the end of the backward pass, where all gradients exist ...
    assert STEP.held == fixed | {"gradients": 4 * 54, "outputs of layers": 0, "gradients of outputs": 4 * 5 * 4}
    # ... and with many outputs at its beginning, where all outputs still exist.
    many = replace(STEP, batch_size=100, moments=0, bytes_per_output=2)
    assert many.held == {
        "weights": 4 * 54,
        "moments": 0,
        "inputs": 4 * 1000,
        "gradients": 4 * 10,
        "outputs of layers": 2 * 100 * 4,
        "gradients of outputs": 2 * 100 * (2 + 4),
    }


def test_a_recurrent_layer_keeps_the_states_and_gates_of_all_steps() -> None:
    # The layer returns only its last state, but its backward pass needs twenty numbers of each sample.
    deep = replace(STEP, kept=(20, 2), batch_size=100)
    assert deep.held["outputs of layers"] == 4 * 100 * 20, "at the start of the backward pass"
    alone = replace(STEP, weights=(54,), outputs=(2,), kept=(20,))
    assert alone.held["outputs of layers"] == 4 * 5 * (20 - 2), "at the gradients of this layer"
    assert replace(deep, scenario="inference").held == replace(QUERY, batch_size=100).held, "a query keeps nothing"
    # An LSTM keeps states, cells and four gates of all time steps; a plain recurrent layer keeps only states.
    for name, numbers in (("digits-lstm", 6), ("counting-rnn", 1)):
        workload = load_workload(name)
        found = demand(workload, "training", 4096, precision="fp32")
        units, steps = workload.spec.layers[0].units, workload.spec.steps
        assert found.kept[0] == numbers * steps * units
        assert found.kept[-1] == found.outputs[-1], "a dense layer needs its outputs"


def test_a_query_holds_the_inputs_and_outputs_of_one_layer() -> None:
    assert QUERY.held == {"weights": 4 * 54, "inputs": 4 * 50, "outputs of layers": 4 * 5 * 6}
    deep = replace(QUERY, weights=(0, 0, 0), outputs=(1, 7, 2))
    assert deep.held["outputs of layers"] == 4 * 5 * 9


@pytest.mark.parametrize(
    ("rule", "moments"),
    [
        (Sgd(name="sgd", learning_rate=0.1), 0),
        (Sgd(name="sgd", learning_rate=0.1, momentum=0.9), 1),
        (Adam(name="adam"), 2),
        (AdamW(name="adamw"), 2),
    ],
)
def test_the_optimizer_decides_how_many_moments_are_stored(rule: Sgd | Adam | AdamW, moments: int) -> None:
    workload = load_workload("digits-dnn")
    found = demand(replace(workload, recipe=replace(workload.recipe, optimizer=rule)), "training", 32, precision="fp32")
    assert found.held["moments"] == moments * found.held["weights"]


def test_mixed_precision_halves_the_outputs_of_layers_and_nothing_else() -> None:
    workload = load_workload("digits-cnn")
    full, mixed = (demand(workload, "training", 4096, precision=precision).held for precision in ("fp32", "bf16"))
    for name, size in full.items():
        assert mixed[name] == (size // 2 if "outputs" in name else size)
