"""Every adapter keeps the promises of the protocol in `bench.adapters.base`."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.adapters.base import Adapter, HostBatch, Model
from bench.adapters.engines.base import Peaks
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd
from models.dnn.spec import DnnSpec, forward
from models.layers.spec import DenseLayer, Weights, without_dropout
from tests.bench.adapters.small_network import (
    INPUTS,
    LABELS,
    RECIPE,
    SPEC,
    batch,
    first_weights,
    predict,
    prepare,
    trained,
)

STATISTICS = ("hidden0.mean", "hidden0.variance")

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def test_put_and_to_numpy_return_the_same_arrays(adapter: Adapter) -> None:
    alone, (inputs, targets) = adapter.put(INPUTS), adapter.put(INPUTS, LABELS)
    for placed in (alone, inputs):
        found = adapter.to_numpy(placed)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, INPUTS)
    np.testing.assert_array_equal(adapter.to_numpy(targets), LABELS)


def test_float_targets_keep_their_precision(adapter: Adapter) -> None:
    _, targets = adapter.put(INPUTS, INPUTS[:, :2])
    assert adapter.to_numpy(targets).dtype == np.float32
    np.testing.assert_array_equal(adapter.to_numpy(targets), INPUTS[:, :2])


def test_to_numpy_returns_a_copy(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    logits = adapter.predict(adapter.put(INPUTS))
    first = adapter.to_numpy(logits)
    kept = first.copy()
    first[:] = 0.0
    np.testing.assert_array_equal(adapter.to_numpy(logits), kept)


def test_train_returns_one_loss_for_each_batch(contender: str) -> None:
    adapter, _ = trained(contender)
    losses = adapter.train([batch(adapter)] * 3)
    adapter.wait(losses)
    values = [float(adapter.to_numpy(loss)) for loss in losses]
    assert len(values) == 3
    assert len(set(values)) == 3, "the weights change after each step, and so do the losses"
    assert adapter.train([]) == []


def test_the_loss_is_that_of_the_batch_before_its_step(adapter: Adapter, network: ModuleType) -> None:
    """The running mean that Keras keeps would be the mean of both losses after the second batch."""
    spec = DnnSpec(features=4, outputs=3)
    model = prepare(adapter, network, spec=spec)
    expected, found = [], []
    for _ in range(2):
        logits = forward(spec, network.export(model), INPUTS)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected.append(-np.log((exponents / exponents.sum(axis=1, keepdims=True))[range(6), LABELS]).mean())
        found += [float(adapter.to_numpy(loss)) for loss in adapter.train([batch(adapter)])]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert abs(expected[1] / expected[0] - 1) > 1e-3, "else the test could not tell the two losses apart"


def test_prediction_uses_the_new_weights(contender: str, network: ModuleType) -> None:
    adapter, model = trained(contender)
    before = predict(adapter)
    np.testing.assert_allclose(before, forward(SPEC, network.export(model), INPUTS), rtol=1e-4, atol=1e-5)
    adapter.train([batch(adapter)] * 2)
    after = predict(adapter)
    np.testing.assert_allclose(after, forward(SPEC, network.export(model), INPUTS), rtol=1e-4, atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def test_wait_returns_when_the_new_weights_are_in_place(contender: str, network: ModuleType) -> None:
    adapter, model = trained(contender)
    before = network.export(model)
    adapter.wait(adapter.train([batch(adapter)] * 3))
    found, again = network.export(model), network.export(model)
    assert not np.array_equal(found["head.kernel"], before["head.kernel"])
    for name, value in found.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)


def test_running_statistics_change_only_in_training(adapter: Adapter, network: ModuleType) -> None:
    model = prepare(adapter, network)
    for _ in range(2):  # the second time, training follows a prediction
        before = network.export(model)
        predict(adapter)
        between = network.export(model)
        adapter.wait(adapter.train([batch(adapter)]))
        after = network.export(model)
        for name in STATISTICS:
            moved_by_prediction, moved_by_training = (
                np.abs(new[name] - old[name]).max() for new, old in ((between, before), (after, between))
            )
            # PyTorch's variance is scaled to be unbiased in training, and scaled back, which may round.
            assert moved_by_prediction < 1e-6
            assert moved_by_training > 1e-2


def test_dropout_is_active_only_in_training(adapter: Adapter, network: ModuleType) -> None:
    still = Recipe(optimizer=Sgd(name="sgd", learning_rate=1e-12), batch_size=6, epochs=1)
    spec = DnnSpec(features=4, hidden=(DenseLayer(units=64, dropout=0.5),), outputs=3)
    for variant, distinct in ((spec, 4), (without_dropout(spec), 1)):
        prepare(adapter, network, spec=variant, recipe=still)
        losses = [adapter.train([batch(adapter)])[0] for _ in range(2)]
        first = predict(adapter)
        np.testing.assert_array_equal(predict(adapter), first)
        losses += [adapter.train([batch(adapter)])[0] for _ in range(2)]
        assert len({round(float(adapter.to_numpy(loss)), 5) for loss in losses}) == distinct


def test_prepare_starts_with_a_new_optimizer_state(adapter: Adapter, network: ModuleType) -> None:
    each = []
    for _ in range(2):
        model = prepare(adapter, network, spec=without_dropout(SPEC))
        adapter.wait(adapter.train([batch(adapter)] * 2))
        each.append(network.export(model))
    for name, value in each[0].items():
        np.testing.assert_array_equal(value, each[1][name], err_msg=name)


def test_batches_may_differ_in_size(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    losses = adapter.train([batch(adapter), adapter.put(INPUTS[:2], LABELS[:2])])
    assert np.isfinite([float(adapter.to_numpy(loss)) for loss in losses]).all()
    assert adapter.to_numpy(adapter.predict(adapter.put(INPUTS[:1]))).shape == (1, 3)


def test_train_epoch_runs_the_same_steps_as_train(adapter: Adapter, network: ModuleType) -> None:
    """As many steps as batches, in the same order; a loop that peeks at the first batch must not skip or repeat it."""
    spec = without_dropout(SPEC)
    batches = [(INPUTS, LABELS), (INPUTS[:2], LABELS[:2]), (INPUTS[::-1].copy(), LABELS)]
    model = prepare(adapter, network, spec=spec)
    losses = adapter.train([adapter.put(*batch) for batch in batches])
    adapter.wait(losses)
    expected = np.average([float(adapter.to_numpy(loss)) for loss in losses], weights=[6, 2, 6])
    by_steps = network.export(model)

    def epoch(order: list[HostBatch]) -> tuple[float, Weights]:
        model = prepare(adapter, network, spec=spec)
        means, samples = zip(*adapter.train_epoch(iter(order)), strict=True)
        adapter.wait(means)
        assert sum(samples) == 14
        return float(np.average([float(adapter.to_numpy(loss)) for loss in means], weights=samples)), network.export(
            model
        )

    loss, weights = epoch(batches)
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(predict(adapter), forward(spec, weights, INPUTS), rtol=1e-4, atol=1e-5)
    for name, value in by_steps.items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    _, others = epoch(batches[::-1])
    assert np.abs(others["head.kernel"] - by_steps["head.kernel"]).max() > 1e-3, "another order gives other weights"


def answers(adapter: Adapter, model: Model) -> np.ndarray:
    adapter.prepare(model, RECIPE)
    return predict(adapter)


def test_a_saved_and_loaded_model_predicts_the_same(
    adapter: Adapter, network: ModuleType, contender: str, tmp_path: Path
) -> None:
    model = network.build(SPEC, network.export(trained(contender)[1]), seed=0)
    adapter.save(model, tmp_path)
    blank = network.build(SPEC, first_weights(SPEC), seed=0)
    of_first_weights = answers(adapter, blank)
    loaded = adapter.load(blank, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "one file or folder, in the framework's own format"
    of_loaded = answers(adapter, loaded)
    np.testing.assert_array_equal(of_loaded, answers(adapter, model))
    assert np.abs(of_loaded - of_first_weights).max() > 1e-3, "the loaded weights are not the initial ones"


def test_allocator_peaks_are_none_on_a_cpu(contender: str) -> None:
    adapter, _ = trained(contender)
    assert adapter.peak_memory_bytes() == Peaks()


def test_time_spent_on_compiling_is_counted(adapter: Adapter, network: ModuleType, contender: str) -> None:
    before = adapter.engine.compiled()
    prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)]))
    first = adapter.engine.compiled()
    adapter.wait(adapter.train([batch(adapter)]))
    again = adapter.engine.compiled()
    assert again == first, "a second step compiles nothing"
    if contender in {"pytorch", "keras/torch"}:
        assert first == before, "nothing is compiled"
    else:
        assert first.trace_ns > before.trace_ns
    if contender in {"flax", "keras/jax"}:
        assert first.compile_ns is not None
        assert before.compile_ns is not None
        assert first.compile_ns > before.compile_ns
    elif contender == "keras/tensorflow":
        assert first.compile_ns is None, "TensorFlow does not report it"


def test_the_first_device_is_the_cpu(adapter: Adapter) -> None:
    first, *gpus = adapter.devices()
    assert first == "cpu"
    assert all(gpu.startswith("cuda:") for gpu in gpus)


def test_versions_name_the_libraries(adapter: Adapter, contender: str) -> None:
    versions = adapter.versions()
    expected = {"pytorch": {"torch"}, "flax": {"flax", "jax", "optax"}}
    framework, _, backend = contender.partition("/")
    assert expected.get(framework, {"keras", backend}) <= set(versions)
    assert all(found[0].isdigit() for found in versions.values()), versions


def test_settings_describe_execution_optimizer_precision_and_threads(contender: str) -> None:
    adapter, _ = trained(contender)
    predict(adapter)
    settings = adapter.settings()
    assert {"execution", "inference", "optimizer", "precision", "threads"} <= set(settings)
    assert all(value.strip() for value in settings.values()), settings
    assert settings["precision"].startswith("fp32")
    assert settings["threads"].startswith("1")
