"""Keras, on the backend of this process: the harness against the loop that one would write by hand."""

from collections.abc import Callable
from itertools import cycle, islice
from time import perf_counter_ns

import keras

from bench.adapters.optimizers.keras import optimizer
from bench.worker.prepared_workload import PreparedWorkload
from tests.benchmarks.bare.interleaved import Trainee, adam_of, by_harness, first_batches, fresh_model, main
from tests.benchmarks.turns import Way


def by_hand(subject: PreparedWorkload, batch_size: int) -> Trainee:
    """A compiled model and a loop over `train_on_batch`; a step is done when the parameters are there."""
    model = fresh_model(subject)
    model.compile(
        optimizer=optimizer(adam_of(subject)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    convert = keras.ops.convert_to_tensor
    tensors = [(convert(inputs), convert(targets)) for inputs, targets in first_batches(subject, batch_size)]
    stream = cycle(tensors)
    wait = waiting(model)

    def synchronised(steps: int) -> list[int]:
        times = []
        for inputs, targets in islice(stream, steps):
            start = perf_counter_ns()
            model.train_on_batch(inputs, targets)
            wait()
            times.append(perf_counter_ns() - start)
        return times

    def pipelined(steps: int) -> int:
        start = perf_counter_ns()
        for inputs, targets in islice(stream, steps):
            model.train_on_batch(inputs, targets)
        wait()
        return perf_counter_ns() - start

    way = Way(synchronised=synchronised, pipelined=pipelined)
    return Trainee(way=way, weights=lambda: subject.module.export(model))


def waiting(model: keras.Model) -> Callable[[], object]:
    """Wait for the parameters, on the one backend that hands them out before they are computed on a CPU."""
    if keras.backend.backend() != "jax":
        return lambda: None
    import jax

    variables = model.trainable_variables
    return lambda: jax.block_until_ready([variable.value for variable in variables])  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(lambda subject, batch_size: (by_hand(subject, batch_size), by_harness(subject, batch_size)))
