"""Looks into a network: the outputs of its named layers, and its weights after one step, for random weights in float64.

`bench.analysis.first_deviation` compares two such looks.
"""

import importlib
from dataclasses import replace

import numpy as np

from bench.analysis.deviations import Trace
from bench.analysis.first_deviation import in_order
from bench.worker.prepared_workload import PreparedWorkload
from bench.worker.proof_trace import random_weights
from bench.workload import model_families
from bench.workload.recipe import plain
from bench.workload.update_rules import Sgd
from models.layers.spec import without_dropout

SAMPLES = 8
STEP = Sgd(name="sgd", learning_rate=0.1)  # so that a weight moves as far as its gradient says
NAMED = "layers"  # the function of a framework's file that names its layers


def look(subject: PreparedWorkload) -> Trace:
    """The outputs of the layers that the framework's file names, those of the network, and the weights after a step.

    Without a function `layers` in the file there are no outputs of layers.
    """
    workload, adapter = subject.workload, subject.adapter
    spec = without_dropout(workload.spec)
    stepped = replace(subject, workload=replace(workload, recipe=plain(workload.recipe, STEP)))
    shapes = model_families.spec_module(workload.family).parameter_shapes(spec)
    given = random_weights(shapes, seed=subject.seed, dtype=subject.dtype)
    model = stepped.build(spec=spec, weights=given)
    train = subject.encoded(subject.split("train"))
    inputs, targets = train.inputs[:SAMPLES], train.targets[:SAMPLES]
    batch = adapter.put(inputs)
    outputs: dict[str, np.ndarray] = {}
    if hasattr(subject.module, NAMED):
        named = importlib.import_module(f"models.named_layers.{subject.framework}")
        outputs = named.outputs(model, subject.module.layers(model), batch)
    logits = adapter.to_numpy(adapter.predict(batch))
    adapter.wait(adapter.train([adapter.put(inputs, targets)]))
    return in_order(outputs, logits, given=given, weights=subject.export(model))
