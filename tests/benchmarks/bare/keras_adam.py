"""Keras, on the backend of this process: the step with our rule of Adam against the step with Keras' own."""

import keras

from bench.adapters.keras import KerasAdapter
from bench.worker.measure import training
from bench.worker.prepared_workload import PreparedWorkload
from tests.benchmarks.bare.interleaved import Trainee, adam_of, by_harness, fresh_model, main, way_of


def with_kerases_own(subject: PreparedWorkload, batch_size: int) -> Trainee:
    """The harness' loop over the same model, compiled with the Adam that Keras comes with."""
    model = fresh_model(subject)
    adapter = KerasAdapter()
    adapter.prepare(model, subject.workload.recipe)
    rule = adam_of(subject)
    own = keras.optimizers.Adam(
        learning_rate=rule.learning_rate, beta_1=rule.beta_1, beta_2=rule.beta_2, epsilon=rule.epsilon
    )
    model.compile(optimizer=own, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    work = training.steps(adapter, subject.split("train"), batch_size=batch_size, seed=subject.seed)
    return Trainee(way=way_of(work), weights=lambda: subject.module.export(model))


if __name__ == "__main__":
    main(lambda subject, batch_size: (with_kerases_own(subject, batch_size), by_harness(subject, batch_size)))
