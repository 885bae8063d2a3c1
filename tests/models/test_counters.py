"""The specs and the frameworks count the same parameters and FLOPs."""

import importlib
import math
from typing import Any

import jax
import numpy as np
import pytest
import torch
from flax import nnx
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bench.worker.prepared_workload import load_adapter
from bench.workload import model_families
from bench.workload.model_families import Spec
from tests.models.networks import EXAMPLES, NETWORKS, family_of, random_inputs

SPECS: dict[str, Spec] = {family: list(examples.values())[-1] for family, examples in EXAMPLES.items()}


def is_recurrent(family: str) -> bool:
    """Whether a layer of the family has a recurrent kernel; frameworks do not count FLOPs inside a recurrence."""
    shapes = model_families.spec_module(family).parameter_shapes(SPECS[family])
    return any(name.endswith(".recurrent") for name in shapes)


BATCH = 4


@pytest.fixture(params=SPECS)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def built(family: str, framework: str, spec: Spec | None = None) -> Any:  # noqa: ANN401 (a model of some framework)
    spec = spec or SPECS[family]
    weights = model_families.spec_module(family).initial_weights(spec, seed=0)
    typed = {name: value.astype(np.float32) for name, value in weights.items()}
    return importlib.import_module(f"models.{family}.{framework}").build(spec, typed, seed=0)


def trained_and_running(model: Any, framework: str) -> tuple[int, int]:  # noqa: ANN401 (a model of some framework)
    """The framework's own counts of trained parameters and of running statistics."""
    if framework == "pytorch":
        running = sum(buffer.numel() for buffer in model.buffers() if buffer.ndim)  # batches are counted in a scalar
        return sum(item.numel() for item in model.parameters() if item.requires_grad), running
    if framework == "flax":
        kinds = (nnx.Param, nnx.BatchStat)
        trained, running = (sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, kind))) for kind in kinds)
        return trained, running
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return trained, model.count_params() - trained


def test_the_framework_counts_as_many_parameters_as_the_spec(family: str, contender: str) -> None:
    framework = contender.partition("/")[0]
    load_adapter(framework).configure(device="cpu", precision="fp32", threads=1)  # TensorFlow allows it only early
    shapes = model_families.spec_module(family).parameter_shapes(SPECS[family])
    running = sum(math.prod(shape) for name, shape in shapes.items() if name.endswith((".mean", ".variance")))
    counted = sum(layer.parameters for layer in model_families.layers(family, SPECS[family]))
    assert trained_and_running(built(family, framework), framework) == (counted - running, running)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("network", [name for name, spec in NETWORKS.items() if not is_recurrent(family_of(spec))])
def test_pytorch_counts_as_many_flops_as_the_spec(network: str) -> None:
    spec = NETWORKS[network]
    family = family_of(spec)
    inputs = torch.tensor(random_inputs(spec, samples=BATCH))
    if family == "cnn":
        inputs = inputs.movedim(-1, 1)
    model = built(family, "pytorch", spec)  # in mode `train`, since a fused attention is not counted
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(inputs.float() if inputs.is_floating_point() else inputs)
    assert counter.get_total_flops() == BATCH * model_families.flops_per_sample(family, spec)


@pytest.mark.parametrize("family", [family for family in SPECS if is_recurrent(family)])
def test_a_recurrent_step_multiplies_by_input_and_recurrent_kernel(family: str) -> None:
    """No framework counts FLOPs inside its recurrence, so the multiplications of the reference are counted by hand."""
    spec = SPECS[family]
    shapes = model_families.spec_module(family).parameter_shapes(spec)
    kernels = [shape for name, shape in shapes.items() if name.endswith((".kernel", ".recurrent"))]
    *recurrent, head = [2 * math.prod(shape) for shape in kernels]
    assert model_families.flops_per_sample(family, spec) == spec.steps * sum(recurrent) + head
