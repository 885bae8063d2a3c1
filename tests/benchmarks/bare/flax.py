"""Flax: the harness against the loop that one would write by hand."""

from itertools import cycle, islice
from time import perf_counter_ns
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from bench.worker.prepared_workload import PreparedWorkload
from tests.benchmarks.bare.interleaved import Trainee, adam_of, by_harness, first_batches, fresh_model, main
from tests.benchmarks.turns import Way


@nnx.jit
def train_step(model: Any, optimizer: Any, inputs: Array, targets: Array) -> Any:  # noqa: ANN401 (Flax')
    """The step of Flax' own guide."""

    def batch_loss(model: Any) -> Any:  # noqa: ANN401 (Flax')
        return optax.softmax_cross_entropy_with_integer_labels(model(inputs), targets).mean()

    loss, gradients = nnx.value_and_grad(batch_loss)(model)
    optimizer.update(model, gradients)
    return loss


def by_hand(subject: PreparedWorkload, batch_size: int) -> Trainee:
    """A model, an optimizer and a loop; a step is done when the parameters are there."""
    model = fresh_model(subject)
    rule = adam_of(subject)
    adam = optax.adam(rule.learning_rate, b1=rule.beta_1, b2=rule.beta_2, eps=rule.epsilon)
    optimizer = nnx.Optimizer(model, adam, wrt=nnx.Param)
    arrays = [(jnp.asarray(inputs), jnp.asarray(targets)) for inputs, targets in first_batches(subject, batch_size)]
    stream = cycle(arrays)
    model.train()
    parameters = [value for _, value in nnx.iter_graph(model) if isinstance(value, nnx.Param)]

    def synchronised(steps: int) -> list[int]:
        times = []
        for inputs, targets in islice(stream, steps):
            start = perf_counter_ns()
            train_step(model, optimizer, inputs, targets)
            jax.block_until_ready([parameter.get_raw_value() for parameter in parameters])  # type: ignore[no-untyped-call]
            times.append(perf_counter_ns() - start)
        return times

    def pipelined(steps: int) -> int:
        start = perf_counter_ns()
        for inputs, targets in islice(stream, steps):
            train_step(model, optimizer, inputs, targets)
        jax.block_until_ready([parameter.get_raw_value() for parameter in parameters])  # type: ignore[no-untyped-call]
        return perf_counter_ns() - start

    way = Way(synchronised=synchronised, pipelined=pipelined)
    return Trainee(way=way, weights=lambda: subject.module.export(model))


if __name__ == "__main__":
    main(lambda subject, batch_size: (by_hand(subject, batch_size), by_harness(subject, batch_size)))
