"""Times whole epochs of the harness and of the framework's own guide (`fit` or a `DataLoader` loop), interleaved."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench.adapters.base import HostBatch, Loss
from bench.datasets.base import Split
from bench.worker.measure import block, training
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.workload.update_rules import Adam
from bench.workload.workload import parse_workload
from tests.benchmarks.bare.interleaved import fresh_model
from tests.benchmarks.turns import Rounds

TURNS = 12

# So many epochs: the nanoseconds until they are done. And how many steps were made in all.
Epochs = Callable[[int], int]
Steps = Callable[[], int]


def by_fit(subject: PreparedWorkload, train: Split) -> tuple[Epochs, Steps]:
    """Keras: `compile` and `fit`, with the optimizer and the loss of the harness."""
    import keras

    from bench.adapters.losses.keras import LOSSES
    from bench.adapters.optimizers.keras import optimizer

    model, recipe = fresh_model(subject), subject.workload.recipe
    model.compile(optimizer=optimizer(recipe.optimizer), loss=LOSSES[recipe.loss]())

    def epochs(number: int) -> int:
        start = perf_counter_ns()
        model.fit(train.inputs, train.targets, batch_size=recipe.batch_size, epochs=number, verbose=0)
        return perf_counter_ns() - start

    return epochs, lambda: int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def by_data_loader(subject: PreparedWorkload, train: Split) -> tuple[Epochs, Steps]:
    """PyTorch: a loop over a `DataLoader`; on a CPU a step is done when it returns."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from bench.adapters.losses.pytorch import LOSSES

    model, recipe = fresh_model(subject), subject.workload.recipe
    rule = recipe.optimizer
    assert isinstance(rule, Adam)
    inputs = train.inputs.transpose(0, 3, 1, 2).copy() if train.inputs.ndim == 4 else train.inputs
    loader = DataLoader(
        TensorDataset(torch.tensor(inputs), torch.tensor(train.targets)), batch_size=recipe.batch_size, shuffle=True
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=rule.learning_rate)
    loss, steps = LOSSES[recipe.loss], 0

    def epochs(number: int) -> int:
        nonlocal steps
        start = perf_counter_ns()
        for _ in range(number):
            model.train()
            for features, targets in loader:
                optimizer.zero_grad()
                loss(model(features), targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                steps += 1
        return perf_counter_ns() - start

    return epochs, lambda: steps


def by_harness(subject: PreparedWorkload, train: Split) -> tuple[Epochs, Steps, list[int]]:
    """The harness' own epochs; and the nanoseconds that each call of them spent at training steps and waiting."""
    subject.build()
    timed = _Timed(subject.adapter)
    numbers = count()
    inside: list[int] = []

    def epochs(number: int) -> int:
        before = timed.spent_ns
        spent = 0
        for _ in range(number):
            epoch = next(numbers)
            spent += training.train_epoch(timed, train, subject.workload.recipe, seed=0, number=epoch)[1]
        inside.append(timed.spent_ns - before)
        return spent

    return epochs, lambda: timed.steps, inside


class _Timed:
    """An adapter that knows how long it was at training steps and waiting: not at making batches and placing them."""

    def __init__(self, adapter: Any) -> None:  # noqa: ANN401 (an adapter)
        self.adapter, self.spent_ns, self.steps = adapter, 0, 0
        self.put = adapter.put
        adapter.put = self._placed

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        start = perf_counter_ns()
        found: list[Loss] = self.adapter.train_epoch(self._made(batches))
        self.spent_ns += perf_counter_ns() - start
        return found

    def wait(self, result: object) -> None:
        start = perf_counter_ns()
        self.adapter.wait(result)
        self.spent_ns += perf_counter_ns() - start

    def _made(self, batches: Iterable[HostBatch]) -> Iterator[HostBatch]:
        outside = steps = 0
        start = perf_counter_ns()
        for batch in batches:
            steps += 1
            outside += perf_counter_ns() - start
            yield batch
            start = perf_counter_ns()
        self.spent_ns -= outside
        self.steps += steps

    def _placed(self, *arrays: Any) -> Any:  # noqa: ANN401 (whatever the adapter makes of them)
        start = perf_counter_ns()
        placed = self.put(*arrays)
        self.spent_ns -= perf_counter_ns() - start
        return placed

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the adapter has)
        return getattr(self.adapter, name)


def _turned(theirs: Epochs, ours: Epochs, number: int) -> Iterator[tuple[int, int]]:
    """Run both once, which compiles everything; then alternate, and change the order from turn to turn."""
    theirs(number)
    ours(number)
    for turn in range(TURNS):
        if turn % 2 == 0:
            before = theirs(number)
            yield before, ours(number)
        else:
            after = ours(number)
            yield theirs(number), after


def main() -> None:
    """Run what the command line names: a workload in one framework, and the number of epochs in each turn."""
    job = json.loads(sys.argv[1])
    workload = parse_workload(job["workload"], source=Path(job["source"]))
    subject = prepare(job["framework"], workload, device="cpu", precision="fp32", threads=job["threads"], seed=0)
    train = subject.encoded(subject.split("train"))
    theirs, their_steps = (by_fit if job["framework"] == "keras" else by_data_loader)(subject, train)
    ours, our_steps, inside = by_harness(subject, train)
    with block.collector_off():
        pairs = list(_turned(theirs, ours, job["epochs"]))
    their_ns, our_ns = (list(map(float, column)) for column in zip(*pairs, strict=True))
    steps = -(-len(train) // workload.recipe.batch_size) * job["epochs"]
    found = {
        "epochs": asdict(Rounds(baseline_ns=their_ns, candidate_ns=our_ns, steps=steps)),
        "overhead": asdict(Rounds(baseline_ns=list(map(float, inside[1:])), candidate_ns=our_ns, steps=steps)),
        "steps": [their_steps(), our_steps()],
    }
    sys.stdout.write("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
