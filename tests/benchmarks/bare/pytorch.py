"""PyTorch: the harness against the loop that one would write by hand."""

from itertools import cycle, islice
from time import perf_counter_ns

import torch
from torch.nn import functional

from bench.worker.prepared_workload import PreparedWorkload
from tests.benchmarks.bare.interleaved import Trainee, adam_of, by_harness, first_batches, fresh_model, main
from tests.benchmarks.turns import Way


def by_hand(subject: PreparedWorkload, batch_size: int) -> Trainee:
    """A model, an optimizer and a loop; on a CPU a step is done when it returns."""
    model = fresh_model(subject)
    rule = adam_of(subject)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=rule.learning_rate, betas=(rule.beta_1, rule.beta_2), eps=rule.epsilon
    )
    tensors = [(torch.tensor(inputs), torch.tensor(targets)) for inputs, targets in first_batches(subject, batch_size)]
    stream = cycle(tensors)
    model.train()

    def synchronised(steps: int) -> list[int]:
        times = []
        for inputs, targets in islice(stream, steps):
            start = perf_counter_ns()
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            times.append(perf_counter_ns() - start)
        return times

    def pipelined(steps: int) -> int:
        start = perf_counter_ns()
        for inputs, targets in islice(stream, steps):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return perf_counter_ns() - start

    way = Way(synchronised=synchronised, pipelined=pipelined)
    return Trainee(way=way, weights=lambda: subject.module.export(model))


if __name__ == "__main__":
    main(lambda subject, batch_size: (by_hand(subject, batch_size), by_harness(subject, batch_size)))
