"""Model families are found by their folders, and every spec follows the protocol `SpecModule`."""

import numpy as np
import pytest

from bench.workload import model_families
from bench.workload.frameworks import framework_names
from bench.workload.model_families import family_names, framework_source, spec_module, spec_source

EXAMPLES = {family: list(spec_module(family).EXAMPLES.values()) for family in family_names()}


def test_the_families_are_all_folders_with_a_spec_except_layers() -> None:
    assert {"cnn", "dnn", "lstm", "rnn"} <= set(family_names())
    assert "layers" not in family_names()
    assert (model_families.FOLDER / "layers" / "spec.py").is_file(), "it is no family, though it has a spec"


@pytest.mark.parametrize("family", family_names())
def test_a_spec_module_has_every_function_that_the_harness_calls(family: str) -> None:
    module, spec = spec_module(family), EXAMPLES[family][-1]
    weights = module.initial_weights(spec, seed=0)
    assert {name: value.shape for name, value in weights.items()} == dict(module.parameter_shapes(spec))
    assert all(value.dtype == np.float64 for value in weights.values())
    inputs = np.zeros((2, *module.input_shape(spec)))
    assert module.forward(spec, weights, inputs).shape == (2, spec.outputs)
    assert model_families.flops_per_sample(family, spec) > sum(
        value.size for name, value in weights.items() if "head" in name
    )
    steps = {"steps": spec.steps * spec.features, "features": 1} if model_families.vocabulary(spec) else {}
    sizes = module.sizes(module.input_shape(spec))
    assert sizes | steps == sizes
    sizes = {name: size for name, size in sizes.items() if name not in steps}
    assert sizes == {name: getattr(spec, name) for name in sizes}
    assert set(sizes) < set(type(spec).__dataclass_fields__)


@pytest.mark.parametrize("family", family_names())
def test_initial_weights_depend_on_the_seed_alone(family: str) -> None:
    module, spec = spec_module(family), EXAMPLES[family][-1]
    first, again, other = (module.initial_weights(spec, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["head.kernel"], other["head.kernel"])


@pytest.mark.parametrize("family", family_names())
def test_every_family_has_a_different_file_for_each_framework(family: str) -> None:
    sources = {framework: framework_source(family, framework) for framework in framework_names()}
    assert len(set(sources.values())) == 3
    assert all(b"name='build'" in source and b"name='export'" in source for source in sources.values())
    assert spec_source(family) not in sources.values()
