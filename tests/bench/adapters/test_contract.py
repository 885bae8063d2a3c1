"""What every adapter does, whatever the framework: the protocol of `bench.adapters.base`, promise by promise."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.adapters.base import Adapter, Batch, HostBatch, Model
from bench.adapters.engines.base import Peaks
from bench.worker import prepared_workload as subjects
from bench.worker.prepared_workload import load_adapter
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Adam, Recipe, Sgd
from bench.workload.workload import load_workload
from models.cnn.spec import CnnSpec, ConvLayer
from models.dnn.spec import DnnSpec, forward, initial_weights
from models.layers.spec import BatchNorm, DenseLayer, Weights, without_dropout

SPEC = DnnSpec(
    features=4,
    hidden=(DenseLayer(units=8, batch_norm=BatchNorm(momentum=0.5)), DenseLayer(units=8, dropout=0.5)),
    outputs=3,
)
RECIPE = Recipe(optimizer=Adam(name="adam", learning_rate=1e-2), batch_size=6, epochs=1)
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
STATISTICS = ("hidden0.mean", "hidden0.variance")

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture
def adapter(contender: str) -> Adapter:
    found = load_adapter(contender.partition("/")[0])
    found.configure(device="cpu", precision="fp32", threads=1)
    return found


@pytest.fixture
def network(contender: str) -> ModuleType:
    return importlib.import_module(f"models.dnn.{contender.partition('/')[0]}")


def prepare(adapter: Adapter, network: ModuleType, *, spec: DnnSpec = SPEC, recipe: Recipe = RECIPE) -> Model:
    """A new model with the first weights of seed 0, taken over by the adapter."""
    model = network.build(spec, first_weights(spec), seed=0)
    adapter.prepare(model, recipe)
    return model


def first_weights(spec: DnnSpec) -> Weights:
    return {name: value.astype(np.float32) for name, value in initial_weights(spec, seed=0).items()}


def batch(adapter: Adapter) -> Batch:
    placed: Batch = adapter.put(INPUTS, LABELS)
    return placed


def predict(adapter: Adapter) -> np.ndarray:
    return adapter.to_numpy(adapter.predict(adapter.put(INPUTS)))


def test_what_is_put_comes_back(adapter: Adapter) -> None:
    alone, (inputs, targets) = adapter.put(INPUTS), adapter.put(INPUTS, LABELS)
    for placed in (alone, inputs):
        found = adapter.to_numpy(placed)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, INPUTS)
    np.testing.assert_array_equal(adapter.to_numpy(targets), LABELS)


def test_real_targets_keep_their_precision(adapter: Adapter) -> None:
    _, targets = adapter.put(INPUTS, INPUTS[:, :2])
    assert adapter.to_numpy(targets).dtype == np.float32
    np.testing.assert_array_equal(adapter.to_numpy(targets), INPUTS[:, :2])


@pytest.mark.parametrize(("layout", "strides"), [("contiguous", (64, 64, 8, 1)), ("channels_last", (64, 1, 8, 1))])
def test_images_of_one_channel_are_in_the_layout_that_was_asked_for(layout: str, strides: tuple[int, ...]) -> None:
    """PyTorch goes by the strides, which NumPy calls contiguous either way."""
    subject = subjects.prepare(
        "pytorch", load_workload("digits-cnn"), device="cpu", precision="fp32", threads=1, seed=0
    )
    subject.build(tuning={"memory_format": layout} if layout != "contiguous" else {})
    placed = subject.adapter.put(subject.split("test").inputs[:4])
    assert placed.stride() == strides


def test_an_image_is_put_in_the_layout_that_its_network_takes(adapter: Adapter, contender: str) -> None:
    spec = CnnSpec(height=3, width=4, channels=2, convolutions=(ConvLayer(filters=2, kernel=1),), outputs=24)
    weights = {
        "conv0.kernel": np.eye(2, dtype=np.float32).reshape(1, 1, 2, 2),
        "conv0.bias": np.zeros(2, np.float32),
        "head.kernel": np.eye(24, dtype=np.float32),
        "head.bias": np.zeros(24, np.float32),
    }
    module = importlib.import_module(f"models.cnn.{contender.partition('/')[0]}")
    adapter.prepare(module.build(spec, weights), RECIPE)
    images = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    np.testing.assert_array_equal(adapter.to_numpy(adapter.predict(adapter.put(images))), images.reshape(2, 24))


def test_an_array_in_host_memory_is_a_copy(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    logits = adapter.predict(adapter.put(INPUTS))
    first = adapter.to_numpy(logits)
    kept = first.copy()
    first[:] = 0.0
    np.testing.assert_array_equal(adapter.to_numpy(logits), kept)


def test_training_answers_one_loss_for_each_batch(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    losses = adapter.train([batch(adapter)] * 3)
    adapter.wait(losses)
    values = [float(adapter.to_numpy(loss)) for loss in losses]
    assert len(values) == 3
    assert len(set(values)) == 3, "a loss is that of its own batch with the weights of its own time"
    assert adapter.train([]) == []


def test_the_loss_is_that_of_the_batch_before_its_step(adapter: Adapter, network: ModuleType) -> None:
    """A running mean over the batches, as Keras keeps one, would be the mean of both losses after the second."""
    spec = DnnSpec(features=4, outputs=3)
    model = prepare(adapter, network, spec=spec)
    expected, found = [], []
    for _ in range(2):
        logits = forward(spec, network.export(model), INPUTS)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected.append(-np.log((exponents / exponents.sum(axis=1, keepdims=True))[range(6), LABELS]).mean())
        found += [float(adapter.to_numpy(loss)) for loss in adapter.train([batch(adapter)])]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert abs(expected[1] / expected[0] - 1) > 1e-3, "or else both would look alike"


def test_prediction_uses_the_new_weights(adapter: Adapter, network: ModuleType) -> None:
    model = prepare(adapter, network)
    before = predict(adapter)
    np.testing.assert_allclose(before, forward(SPEC, network.export(model), INPUTS), rtol=1e-4, atol=1e-5)
    adapter.train([batch(adapter)] * 2)
    after = predict(adapter)
    np.testing.assert_allclose(after, forward(SPEC, network.export(model), INPUTS), rtol=1e-4, atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def test_a_wait_ends_with_the_new_weights_in_place(adapter: Adapter, network: ModuleType) -> None:
    model = prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)] * 3))
    found, again = network.export(model), network.export(model)
    assert not np.array_equal(found["head.kernel"], first_weights(SPEC)["head.kernel"])
    for name, value in found.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)


def test_statistics_move_while_training_alone(adapter: Adapter, network: ModuleType) -> None:
    model = prepare(adapter, network)
    for _ in range(2):  # the second time, training comes after a prediction
        before = network.export(model)
        predict(adapter)
        between = network.export(model)
        adapter.wait(adapter.train([batch(adapter)]))
        after = network.export(model)
        for name in STATISTICS:
            moved_by_prediction, moved_by_training = (
                np.abs(new[name] - old[name]).max() for new, old in ((between, before), (after, between))
            )
            # PyTorch's variance is scaled to be unbiased while it trains, and back again: that may round.
            assert moved_by_prediction < 1e-6
            assert moved_by_training > 1e-2


def test_dropout_works_while_training_alone(adapter: Adapter, network: ModuleType) -> None:
    still = Recipe(optimizer=Sgd(name="sgd", learning_rate=1e-12), batch_size=6, epochs=1)
    spec = DnnSpec(features=4, hidden=(DenseLayer(units=64, dropout=0.5),), outputs=3)
    for variant, distinct in ((spec, 4), (without_dropout(spec), 1)):
        prepare(adapter, network, spec=variant, recipe=still)
        losses = [adapter.train([batch(adapter)])[0] for _ in range(2)]
        first = predict(adapter)
        np.testing.assert_array_equal(predict(adapter), first)
        losses += [adapter.train([batch(adapter)])[0] for _ in range(2)]
        assert len({round(float(adapter.to_numpy(loss)), 5) for loss in losses}) == distinct


def test_a_new_preparation_forgets_the_old_one(adapter: Adapter, network: ModuleType) -> None:
    trained = []
    for _ in range(2):
        model = prepare(adapter, network, spec=without_dropout(SPEC))
        adapter.wait(adapter.train([batch(adapter)] * 2))
        trained.append(network.export(model))
    for name, value in trained[0].items():
        np.testing.assert_array_equal(value, trained[1][name], err_msg=name)


def test_batches_may_differ_in_size(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    losses = adapter.train([batch(adapter), adapter.put(INPUTS[:2], LABELS[:2])])
    assert np.isfinite([float(adapter.to_numpy(loss)) for loss in losses]).all()
    assert adapter.to_numpy(adapter.predict(adapter.put(INPUTS[:1]))).shape == (1, 3)


def test_an_epoch_makes_the_steps_of_its_batches(adapter: Adapter, network: ModuleType) -> None:
    """Not more, as where a first batch is looked at and not put back; not fewer; and in their order."""
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
    assert np.abs(others["head.kernel"] - by_steps["head.kernel"]).max() > 1e-3, "or else the order would not matter"


def trained_model(adapter: Adapter, network: ModuleType, *, steps: int) -> Model:
    """A model of its own with the weights that so many steps lead to, not prepared."""
    model = prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)] * steps))
    return network.build(SPEC, network.export(model), seed=0)


def answers(adapter: Adapter, model: Model) -> np.ndarray:
    adapter.prepare(model, RECIPE)
    return predict(adapter)


def test_a_model_that_was_saved_answers_as_before(adapter: Adapter, network: ModuleType, tmp_path: Path) -> None:
    model = trained_model(adapter, network, steps=3)
    adapter.save(model, tmp_path)
    blank = network.build(SPEC, first_weights(SPEC), seed=0)
    loaded = adapter.load(blank, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "one file or folder, in the framework's own format"
    np.testing.assert_array_equal(answers(adapter, loaded), answers(adapter, model))


def test_what_was_saved_is_what_is_loaded(adapter: Adapter, network: ModuleType, tmp_path: Path) -> None:
    adapter.save(trained_model(adapter, network, steps=3), tmp_path)
    loaded = adapter.load(network.build(SPEC, first_weights(SPEC), seed=0), tmp_path)
    other = trained_model(adapter, network, steps=4)
    assert np.abs(answers(adapter, loaded) - answers(adapter, other)).max() > 1e-3


def test_a_cpu_has_no_peak_of_an_allocator(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)]))
    assert adapter.peak_memory_bytes() == Peaks()


def test_what_was_spent_on_compiling_is_counted(adapter: Adapter, network: ModuleType, contender: str) -> None:
    before = adapter.engine.compiled()
    prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)]))
    first = adapter.engine.compiled()
    adapter.wait(adapter.train([batch(adapter)]))
    again = adapter.engine.compiled()
    assert again == first, "what is compiled already costs nothing more"
    if contender in {"pytorch", "keras/torch"}:
        assert first == before, "nothing is compiled"
    else:
        assert first.trace_ns > before.trace_ns
    if contender in {"flax", "keras/jax"}:
        assert first.compile_ns is not None
        assert before.compile_ns is not None
        assert first.compile_ns > before.compile_ns
    elif contender == "keras/tensorflow":
        assert first.compile_ns is None, "which TensorFlow does not say"


def test_devices_begin_with_the_cpu(adapter: Adapter) -> None:
    first, *gpus = adapter.devices()
    assert first == "cpu"
    assert all(gpu.startswith("cuda:") for gpu in gpus)


def test_versions_name_the_libraries(adapter: Adapter, contender: str) -> None:
    versions = adapter.versions()
    expected = {"pytorch": {"torch"}, "flax": {"flax", "jax", "optax"}}
    framework, _, backend = contender.partition("/")
    assert expected.get(framework, {"keras", backend}) <= set(versions)
    assert all(found[0].isdigit() for found in versions.values()), versions


def test_settings_are_words_that_name_the_optimizer(adapter: Adapter, network: ModuleType) -> None:
    prepare(adapter, network)
    adapter.wait(adapter.train([batch(adapter)]))
    settings = adapter.settings()
    assert {"execution", "inference", "optimizer", "precision", "threads"} <= set(settings)
    assert all(value.strip() for value in settings.values()), settings
    assert settings["precision"].startswith("fp32")
    assert settings["threads"].startswith("1")


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of what torch has deprecated, and of its own doing
@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_every_choice_trains_and_answers_the_same(adapter: Adapter, network: ModuleType, scenario: Scenario) -> None:
    usual = learnt(adapter, network, {})
    choices = dict(adapter.choices(scenario, input_shape=(6,), forms=()))
    choices.pop("compile", None)  # torch cannot trace through the checks of types in these tests: see test_proof
    assert choices
    for name, (first, *others) in choices.items():
        assert learnt(adapter, network, {name: first}) == pytest.approx(usual, abs=0), (
            f"{name} {first} is as the guide says"
        )
        for value in others:
            found = learnt(adapter, network, {name: value})
            assert found == pytest.approx(usual, abs=1e-5), f"{name} {value}"
    assert learnt(adapter, network, {}, steps=9) != pytest.approx(usual, abs=1e-5), "a step more is seen"


# What a library can do, by the end of a choice's value: for all that run on it, on a device and for a family.
OFFERED = {
    ("flax", "cpu", "dnn"): {"ahead of time"},
    ("flax", "cuda", "dnn"): {"ahead of time", "products by cuBLAS"},
    ("keras/jax", "cpu", "dnn"): {"ahead of time"},
    ("keras/jax", "cuda", "dnn"): {"ahead of time", "products by cuBLAS"},
    ("pytorch", "cpu", "dnn"): {"onednn off"},
    ("pytorch", "cuda", "dnn"): set(),
    ("keras/torch", "cpu", "dnn"): {"onednn off", "jit_compile on"},
    ("keras/torch", "cuda", "dnn"): {"jit_compile on"},
    # Keras compiles by itself where it can: on a GPU, but for the layers that have cuDNN.
    ("keras/tensorflow", "cpu", "dnn"): {"jit_compile on"},
    ("keras/tensorflow", "cuda", "dnn"): {"jit_compile off"},
    ("keras/tensorflow", "cuda", "rnn"): {"jit_compile off"},
    ("keras/tensorflow", "cuda", "lstm"): {"jit_compile on"},
}
ASKED = {"ahead of time", "products by cuBLAS", "onednn off", "jit_compile on", "jit_compile off"}


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_what_belongs_to_a_library_is_a_choice_for_all_that_run_on_it(
    adapter: Adapter, contender: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    for (who, device, family), expected in OFFERED.items():
        if who == contender:
            monkeypatch.setattr(adapter.engine, "device", device)
            forms = ("unroll", "use_cudnn") if family == "lstm" else ()
            choices = adapter.choices(scenario, input_shape=(5, 3), forms=forms)
            words = [f"{name} {value}" for name, (_, *others) in choices.items() for value in others]
            assert {end for end in ASKED if any(word.endswith(end) for word in words)} == expected, device
            assert len(words) == len(set(words))


def learnt(adapter: Adapter, network: ModuleType, tuning: FrameworkOptions, *, steps: int = 10) -> list[float]:
    """What the network says and how it did, in an epoch of several batches and one that is smaller."""
    spec = without_dropout(SPEC)
    model = network.build(spec, first_weights(spec), seed=0)
    # Adam would divide the gradient of a bias before a batch norm, which is nothing but rounding, by its own size.
    recipe = replace(RECIPE, optimizer=Sgd(name="sgd", learning_rate=0.1, momentum=0.5))
    adapter.prepare(model, recipe, tuning=tuning)
    batches = [(INPUTS[: 6 - (number == 4)], LABELS[: 6 - (number == 4)]) for number in range(steps)]
    losses = adapter.train_epoch(batches)
    adapter.wait([loss for loss, _ in losses])
    answers = predict(adapter)
    adapter.settle()
    head = network.export(model)["head.kernel"]
    return [*answers.ravel().tolist(), *head.ravel().tolist()]
