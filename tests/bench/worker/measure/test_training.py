"""Training follows the stream of row indices and the recipe; the time to target is a sum of epochs; fake clock."""

import json
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.datasets import base as datasets
from bench.errors import BenchError, UsageError
from bench.records.measurement import Learning, Parallel
from bench.records.timing_metrics import METRICS, value
from bench.worker.measure import training
from bench.worker.measure.training import DivergedError, Lesson, learn, time_steps
from tests.bench.worker.measure.recorder import BRIEF, QUERY_NS, STEP_NS, Recorder, is_adapter, right, split, wrong
from tests.bench.workloads import Change, workload

TARGET: Change = ("epochs = 2\n", 'epochs = 4\n\n[target]\nmetric = "accuracy"\nvalue = 0.9\n')
TRAIN, TEST = split(20), split(9, first=100)
STEPS = 3  # 20 samples in batches of 8


def learnt(recorder: Recorder, *changes: Change, seed: int = 0, news: list[dict[str, Any]] | None = None) -> Learning:
    made = workload(*changes)
    fraction = made.recipe.validation_fraction
    train, validation = datasets.validation_split(TRAIN, fraction) if fraction else (TRAIN, None)
    lesson = Lesson(
        workload=made,
        train=train,
        validation=validation,
        test=TEST,
        seed=seed,
        prepare_ns=7,
        snapshot=lambda: {"steps": np.array(len(recorder.steps))},
        restore=lambda weights: recorder.restored.append(int(weights["steps"])),
    )
    return learn(is_adapter(recorder), lesson, (news if news is not None else []).append)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_every_epoch_follows_the_index_stream_of_its_seed(recorder: Recorder) -> None:
    learnt(recorder, seed=3)
    expected = [
        rows.tolist() for epoch in range(2) for rows in datasets.batches(20, 8, seed=3, epoch=epoch, last_batch="keep")
    ]
    assert recorder.steps == expected
    assert [len(step) for step in recorder.steps] == [8, 8, 4] * 2
    assert recorder.steps[:STEPS] != recorder.steps[STEPS:], "each epoch has another order"


def test_another_seed_gives_another_batch_order(recorder: Recorder) -> None:
    other = Recorder()
    learnt(recorder, seed=3)
    learnt(other, seed=4)
    assert recorder.steps != other.steps


def test_the_last_batch_is_dropped_if_the_recipe_says_so(recorder: Recorder) -> None:
    learnt(recorder, ("epochs = 2", 'epochs = 2\nlast_batch = "drop"'))
    assert [len(step) for step in recorder.steps] == [8, 8] * 2


def test_the_training_loss_is_a_mean_over_samples_and_not_over_batches() -> None:
    epochs = learnt(Recorder(loss=lambda numbers, _: float(len(numbers)))).epochs
    over_samples, over_batches = (8 * 8 + 8 * 8 + 4 * 4) / 20, (8 + 8 + 4) / 3
    assert [epoch.train_loss for epoch in epochs] == pytest.approx([over_samples] * 2)
    assert over_samples != pytest.approx(over_batches)


def test_the_curve_is_of_the_test_set_without_validation_data(recorder: Recorder) -> None:
    found = learnt(recorder)
    assert found.evaluated_on == "test"
    assert recorder.queries == [list(range(100, 109))] * 3, "after each epoch, and for the final quality"
    assert [epoch.evaluation_quality for epoch in found.epochs] == [1.0, 1.0]
    assert found.quality["accuracy"] == 1.0


def test_validation_takes_the_last_rows_which_are_not_trained_on(recorder: Recorder) -> None:
    found = learnt(recorder, ("epochs = 2", "epochs = 2\nvalidation_fraction = 0.25"))
    assert found.evaluated_on == "validation"
    assert recorder.queries == [list(range(15, 20))] * 2 + [list(range(100, 109))]
    assert {number for step in recorder.steps for number in step} == set(range(15))


def test_the_quality_is_that_of_the_test_set_and_the_curve_that_of_validation() -> None:
    def only_test_is_right(numbers: np.ndarray, _steps: int) -> np.ndarray:
        return right(numbers) if numbers[0] >= 100 else wrong(numbers)

    found = learnt(Recorder(logits=only_test_is_right), ("epochs = 2", "epochs = 2\nvalidation_fraction = 0.25"))
    assert [epoch.evaluation_quality for epoch in found.epochs] == [0.0, 0.0]
    assert found.quality["accuracy"] == 1.0


def slow_learner(steps: int) -> Recorder:
    """An adapter whose predictions are all wrong before `steps` steps, and all right from then on."""
    return Recorder(logits=lambda numbers, made: right(numbers) if made >= steps else wrong(numbers))


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_time_to_target_is_the_time_of_all_epochs_until_the_target(
    epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = slow_learner(epochs * STEPS)
    monkeypatch.setattr(training, "now_ns", recorder.clock)
    found = learnt(recorder, TARGET)
    assert found.time_to_target_ns == epochs * (STEPS * STEP_NS + QUERY_NS)
    assert [(epoch.train_ns, epoch.evaluation_ns) for epoch in found.epochs] == [(STEPS * STEP_NS, QUERY_NS)] * 4
    assert (found.target_metric, found.target, found.prepare_ns, found.seed) == ("accuracy", 0.9, 7, 0)


def test_a_target_that_is_never_reached_has_no_time() -> None:
    assert learnt(slow_learner(1000), TARGET).time_to_target_ns is None


def test_without_a_target_there_is_no_time_to_it(recorder: Recorder) -> None:
    found = learnt(recorder)
    assert (found.target, found.time_to_target_ns, found.target_metric) == (None, None, "accuracy")


def test_a_nan_loss_ends_training_and_keeps_the_curve() -> None:
    recorder = Recorder(loss=lambda _, steps: float("nan") if steps == STEPS + 1 else 1.0)
    with pytest.raises(DivergedError, match=r"^a loss is not a finite number in epoch 2 of 4$") as caught:
        learnt(recorder, TARGET)
    kept = caught.value.learning
    assert len(kept.epochs) == 2
    assert (kept.epochs[0].train_loss, np.isnan(kept.epochs[1].train_loss)) == (1.0, True)


def test_nan_outputs_end_training_too() -> None:
    recorder = Recorder(logits=lambda numbers, _: np.full((len(numbers), 3), np.nan, np.float32))
    with pytest.raises(DivergedError) as caught:
        learnt(recorder)
    assert len(caught.value.learning.epochs) == 1
    assert np.isnan(caught.value.learning.quality["accuracy"])


@pytest.mark.parametrize("gathered_bytes", [1, 200, 10**9])
def test_batches_gathered_at_once_equal_batches_gathered_one_by_one(
    recorder: Recorder, gathered_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch, some batches, or all with the smaller last batch are gathered at once."""
    monkeypatch.setattr(training, "GATHERED_BYTES", gathered_bytes)
    training.train_epoch(is_adapter(recorder), TRAIN, workload().recipe, seed=3, number=2)
    expected = datasets.batches(20, 8, seed=3, epoch=2, last_batch="keep")
    assert recorder.steps == [rows.tolist() for rows in expected]


def test_the_losses_of_an_epoch_are_waited_for_before_the_clock_is_read(recorder: Recorder) -> None:
    learnt(recorder)
    assert recorder.waited == [[1.0] * STEPS] * 2


def stops_early(metric: str, *, restore_best: bool = True) -> Change:
    rule = f'{{ patience = 2, metric = "{metric}", restore_best = {str(restore_best).lower()} }}'
    return ("epochs = 2", f"epochs = 8\nvalidation_fraction = 0.4\nearly_stopping = {rule}")


def worse_after(steps: int) -> Recorder:
    """An adapter whose predictions are all right up to `steps` steps, and all wrong after them."""
    return Recorder(logits=lambda numbers, made: right(numbers) if made <= steps else wrong(numbers))


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_early_stopping_restores_the_best_weights(metric: str) -> None:
    """With twelve samples an epoch has two steps; the first epoch is the best."""
    recorder = worse_after(2)
    found = learnt(recorder, stops_early(metric))
    assert len(found.epochs) == 3
    assert (found.stopped_early, found.restored_epoch, recorder.restored) == (True, 1, [2])


def test_early_stopping_refuses_a_metric_that_is_nan(recorder: Recorder) -> None:
    """The only validation sample has one class, for which there is no ROC curve."""
    rule = 'epochs = 8\nvalidation_fraction = 0.05\nearly_stopping = { patience = 2, metric = "roc_auc" }'
    with pytest.raises(BenchError, match=r"recipe\.early_stopping: roc_auc is NaN on 1 validation samples"):
        learnt(recorder, ("epochs = 2", rule))


def test_an_equal_value_is_no_improvement_for_early_stopping(recorder: Recorder) -> None:
    assert len(learnt(recorder, stops_early("accuracy")).epochs) == 3


def test_the_best_weights_are_not_restored_if_the_recipe_says_so() -> None:
    recorder = worse_after(2)
    found = learnt(recorder, stops_early("loss", restore_best=False))
    assert (found.stopped_early, found.restored_epoch, recorder.restored) == (True, None, [])


def test_a_training_that_improves_until_the_end_is_neither_stopped_nor_restored() -> None:
    better = Recorder(logits=lambda numbers, made: right(numbers) * (1 + made) / 100)
    found = learnt(better, stops_early("loss"))
    assert len(found.epochs) == 8
    assert (found.stopped_early, found.restored_epoch, better.restored) == (False, 8, [])


def test_the_record_has_an_evaluation_of_the_test_set() -> None:
    found = learnt(
        Recorder(logits=lambda numbers, _: np.where(numbers[:, None] == 100, wrong(numbers), right(numbers)))
    )
    assert found.judgement is not None
    assert [(item.sample, item.truth, item.predicted) for item in found.judgement.worst] == [(0, 1, 2)]
    assert np.trace(found.judgement.confusion or ((),)) == len(TEST) - 1


def test_every_epoch_sends_a_progress_message_in_json(recorder: Recorder) -> None:
    news: list[dict[str, Any]] = []
    learnt(recorder, news=news)
    assert [(item["epoch"], item["epochs"], item["accuracy"]) for item in news] == [(1, 2, 1.0), (2, 2, 1.0)]
    assert json.loads(json.dumps(news)) == news


def test_timed_steps_cycle_through_the_first_full_batches(recorder: Recorder) -> None:
    time_steps(is_adapter(recorder), TRAIN, batch_size=8, seed=3, conditions=BRIEF)
    stream = [rows.tolist() for rows in datasets.batches(20, 8, seed=3, epoch=0, last_batch="drop")]
    assert len(stream) == 2
    assert recorder.steps == [stream[number % 2] for number in range(len(recorder.steps))]


def test_timed_steps_cycle_through_at_most_sixteen_batches(recorder: Recorder) -> None:
    time_steps(is_adapter(recorder), TRAIN, batch_size=1, seed=3, conditions=BRIEF)
    assert len({tuple(step) for step in recorder.steps}) == 16
    assert recorder.steps[:16] == recorder.steps[16:32]


def test_at_least_two_hundred_steps_are_pipelined() -> None:
    recorder = Recorder(loss=lambda _, steps: float(steps))
    block = time_steps(is_adapter(recorder), TRAIN, batch_size=8, seed=0, conditions=BRIEF)
    assert block.iterations_per_round * len(block.pipelined_ns) >= 200
    assert block.checksum == len(recorder.steps) - 1, "the last loss"


def test_processes_share_the_minimum_of_pipelined_steps(recorder: Recorder) -> None:
    block = time_steps(is_adapter(recorder), TRAIN, batch_size=8, seed=0, conditions=BRIEF, processes=3)
    assert 67 <= block.iterations_per_round * len(block.pipelined_ns) < 100


def test_a_batch_larger_than_the_training_data_is_refused(recorder: Recorder) -> None:
    time_steps(is_adapter(recorder), TRAIN, batch_size=20, seed=0, conditions=BRIEF)
    assert {len(step) for step in recorder.steps} == {20}
    with pytest.raises(UsageError, match="batch size: found 21, expected 1 to 20"):
        time_steps(is_adapter(recorder), TRAIN, batch_size=21, seed=0, conditions=BRIEF)


def test_batches_are_on_the_device_before_the_clock_starts_unless_fed_from_the_host(recorder: Recorder) -> None:
    found = time_steps(is_adapter(recorder), TRAIN, batch_size=8, seed=3, conditions=BRIEF).boundary
    assert found is not None
    assert recorder.puts == 2 + len(found.to_device_ns)
    fed = Recorder()
    time_steps(is_adapter(fed), TRAIN, batch_size=8, seed=3, conditions=replace(BRIEF, feed="host"))
    assert fed.puts == 2 + len(fed.steps)
    both = min(len(fed.steps), len(recorder.steps))
    assert fed.steps[:both] == recorder.steps[:both]


@pytest.mark.parametrize(("min_delta", "epochs"), [(0.05, 8), (0.3, 3)])
def test_an_improvement_by_min_delta_or_less_does_not_count(min_delta: float, epochs: int) -> None:
    """In each epoch one more of eight validation samples is predicted right, which is an accuracy higher by 0.125."""

    def logits(numbers: np.ndarray, made: int) -> np.ndarray:
        is_right = np.arange(len(numbers)) < made // 2
        answers: np.ndarray = np.where(is_right[:, None], right(numbers), wrong(numbers))
        return answers

    rule = f'{{ patience = 2, metric = "accuracy", min_delta = {min_delta} }}'
    change = ("epochs = 2", f"epochs = 8\nvalidation_fraction = 0.4\nearly_stopping = {rule}")
    assert len(learnt(Recorder(logits=logits), change).epochs) == epochs


@pytest.mark.parametrize(("processes", "is_known"), [(1, True), (2, False)])
def test_the_cpu_time_of_one_process_of_several_is_no_figure(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, processes: int, *, is_known: bool
) -> None:
    monkeypatch.setattr(recorder, "parallel", SimpleNamespace(processes=processes))
    monkeypatch.setattr("bench.worker.measure.communication.measure", lambda *_, **__: Parallel(method="a test"))
    monkeypatch.setattr("bench.worker.measure.block.processor_ns", count(step=1000).__next__)
    block = time_steps(is_adapter(recorder), TRAIN, batch_size=8, seed=0, conditions=BRIEF)
    assert (value(METRICS["cpu_use"], block) is not None) == is_known
