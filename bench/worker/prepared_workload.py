"""Makes a workload ready for one framework; only this module loads `models.<family>.<framework>` by name."""

import importlib
import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np

from bench.adapters.base import IDIOMATIC, Adapter, Model
from bench.datasets import base as datasets
from bench.datasets import class_shares
from bench.datasets.base import Dataset, Split
from bench.datasets.description import Part
from bench.errors import DataError, UnavailableError
from bench.worker import recipe_facts
from bench.workload import model_families, places
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.workload import Workload

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
# Of weights and inputs. In tf32 and bf16 these stay float32, and the framework converts them where it computes.
DTYPES: dict[str, np.dtype[np.floating]] = {"fp64": DOUBLE, "fp32": SINGLE, "tf32": SINGLE, "bf16": SINGLE}


FOR_GPUS = ("use_cudnn",)  # model options that make no difference on a CPU
FOR_LOOPS = ("unroll",)  # options for compiled loops, not for engines that loop in Python
FOR_CPUS = ("convolution",)  # options that cost memory, and that a GPU does not need


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWorkload:
    """A workload, the adapter that drives it, and the precision and the seed with which its model is built.

    A proof has fewer steps than a training. It passes a schedule of the learning rate in `schedule_steps` steps.
    """

    adapter: Adapter
    workload: Workload
    framework: str
    dataset: Dataset
    precision: str
    seed: int
    schedule_steps: int | None = None

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The dtype of weights and inputs."""
        return DTYPES[self.precision]

    def split(self, part: Part) -> Split:
        """One part of the data set, in the network's input shape and precision.

        Raises DataError if the rows of the training part that the recipe holds out lack a class. Every proof reads this
        part, so no framework is measured then.
        """
        split: Split = getattr(self.dataset, part)
        held_out = self.workload.recipe.validation_fraction
        if part == "train" and held_out and split.targets.ndim == 1:
            class_shares.check(split.targets, {"train": np.arange(len(split))}, held_out=held_out)
        inputs = network_inputs(split.inputs, self.workload.family, self.workload.spec, dtype=self.dtype)
        floating = np.issubdtype(split.targets.dtype, np.floating)
        targets = split.targets.astype(self.dtype) if floating else split.targets
        return replace(split, inputs=inputs, targets=targets)

    def lesson_splits(self) -> tuple[Split, Split | None, Split]:
        """Training, validation and test data; validation is the data set's, or held out by the recipe, or None."""
        train, test = self.split("train"), self.split("test")
        if self.workload.description.validation:
            return train, self.split("validation"), test
        if self.workload.recipe.validation_fraction:
            return *datasets.validation_split(train, self.workload.recipe.validation_fraction), test
        return train, None, test

    def encoded(self, split: Split) -> Split:
        """The same samples, with targets in the form that the recipe's loss takes.

        Cross-entropy takes labels as they are. For other losses labels become numbers of this precision: 0 and 1 of
        shape (samples, 1) if the network has one output, one-hot of shape (samples, classes) if it has several.
        """
        if split.targets.ndim > 1 or self.workload.recipe.loss == "cross_entropy":
            return split
        outputs = self.workload.spec.outputs
        targets = split.targets[:, None] == (np.arange(outputs) if outputs > 1 else 1)
        return replace(split, targets=targets.astype(self.dtype))

    def choices(self, scenario: Scenario) -> dict[str, tuple[str, ...]]:
        """The public options of the framework and of its model, each with its possible values, the default first."""
        own = forms(self.module)
        shape = model_families.spec_module(self.workload.family).input_shape(self.workload.spec)
        found = {**self.adapter.choices(scenario, input_shape=shape, forms=own), **own}
        engine = self.adapter.engine
        elsewhere = (
            *(FOR_GPUS if engine.device == "cpu" else FOR_CPUS),
            *(FOR_LOOPS if engine.loops_in_python else ()),
        )
        return {name: values for name, values in found.items() if name not in elsewhere}

    def build(
        self,
        *,
        spec: model_families.Spec | None = None,
        weights: model_families.Weights | None = None,
        tuning: FrameworkOptions = IDIOMATIC,
    ) -> Model:
        """A new model with these weights, or with the canonical initial weights of the seed; the adapter has it too.

        Pass the returned model to `export` to read its weights.
        """
        spec = spec or self.workload.spec
        weights = weights or model_families.spec_module(self.workload.family).initial_weights(spec, seed=self.seed)
        typed = {name: value.astype(self.dtype) for name, value in weights.items()}
        form = {name: tuning[name] for name in forms(self.module) if name in tuning}
        model = self.module.build(spec, typed, seed=self.seed, **self.adapter.build_options(), **form)
        facts = recipe_facts.facts(
            self.workload,
            self.dataset,
            module=self.module,
            framework=self.framework,
            schedule_steps=self.schedule_steps,
        )
        self.adapter.prepare(model, self.workload.recipe, tuning=tuning, facts=facts)
        return model

    def export(self, model: Model) -> model_families.Weights:
        """A copy of the current weights of the last built model, by their canonical names."""
        self.adapter.settle()
        weights: model_families.Weights = self.module.export(model)
        return weights

    def reference(
        self, weights: model_families.Weights, inputs: np.ndarray, *, spec: model_families.Spec | None = None
    ) -> np.ndarray:
        """The correct logits for these inputs, computed by NumPy in float64, for a family that has a reference.

        Integers stay integers, so that a reference can look up rows of a table.
        """
        spec = spec or self.workload.spec
        double = {name: value.astype(np.float64) for name, value in weights.items()}
        given = inputs if model_families.vocabulary(spec) else inputs.astype(np.float64)
        return model_families.spec_module(self.workload.family).forward(spec, double, given)

    @property
    def module(self) -> ModuleType:
        """The module `models.<family>.<framework>`."""
        return network_module(self.workload.family, self.framework)


def prepare(  # noqa: PLR0913 (what a process needs before it can start)
    framework: str, workload: Workload, *, device: str, precision: str, threads: int, seed: int
) -> PreparedWorkload:
    """The workload for this framework; configures this process for the device, the precision and the threads.

    Raises UnavailableError for a precision that the device does not have.
    """
    place = places.read(device)
    if precision == "tf32" and place.kind == "cpu":
        raise UnavailableError("TF32 is a mode of NVIDIA GPUs; a CPU has fp32 and bf16")
    adapter = load_adapter(framework)
    adapter.configure(device=place.kind, precision=precision, threads=threads, devices=place.devices)
    return PreparedWorkload(
        adapter=adapter,
        workload=workload,
        framework=framework,
        dataset=datasets.load(workload.dataset),
        precision=precision,
        seed=seed,
    )


def network_inputs(
    values: np.ndarray, family: str, spec: model_families.Spec, *, dtype: np.dtype[np.floating]
) -> np.ndarray:
    """The samples in the input shape of a network: numbers of this dtype, or int32 for a network of integers.

    Raises DataError for values that a network of integers cannot take.
    """
    shaped = values.reshape(len(values), *model_families.spec_module(family).input_shape(spec))
    vocabulary = model_families.vocabulary(spec)
    if not vocabulary:
        return shaped.astype(dtype, copy=False)
    wrong = shaped[~((shaped >= 0) & (shaped < vocabulary) & (shaped % 1 == 0))]
    if wrong.size:
        raise DataError(
            f"the inputs of the network: found {wrong[0]:g}, expected whole numbers from 0 to {vocabulary - 1}, since "
            f"model.vocabulary is {vocabulary}; correct the data, or model.vocabulary"
        )
    return shaped.astype(np.int32, copy=False)


def forms(module: ModuleType) -> dict[str, tuple[str, ...]]:
    """The options with which `build` of a framework's file makes equivalent models, each with its possible values."""
    # The other annotations may be names that are imported for type checkers alone.
    build = inspect.unwrap(module.build)
    named = {name: build.__annotations__.get(name, object) for name in build.__kwdefaults__ or ()}
    hints = get_type_hints(SimpleNamespace(__annotations__=named), globalns=vars(module))
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def network_module(family: str, framework: str) -> ModuleType:
    """The module `models.<family>.<framework>`, or that of the user's folder.

    Raises UnavailableError if the family has no file for the framework.
    """
    if not model_families.has_file(family, framework):
        raise UnavailableError(f"{Path(family).name} has no file {framework}.py")  # a record names no path
    return importlib.import_module(f"{model_families.package(family)}.{framework}")


def load_adapter(framework: str) -> Adapter:
    """The adapter of one framework; this imports the framework."""
    adapter: Adapter = importlib.import_module(f"bench.adapters.{framework}").create()
    return adapter
