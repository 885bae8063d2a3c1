"""Reads workloads from TOML files and checks them: model, data set, recipe and target, independent of any framework.

The catalogue is `bench/workloads/*.toml`. A user's own workload is a file of the same form.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.datasets import description
from bench.datasets.description import Description
from bench.errors import DataError, UsageError, in_toml, meant
from bench.workload import (
    digests,
    grid_variants,
    model_families,
    own_families,
    own_family_checks,
    recipe_checks,
    training_checks,
    unknown_names,
)
from bench.workload.recipe import LOSSES, Band, Recipe, Target
from bench.workload.toml_errors import mistakes, read_toml
from bench.workload.toml_types import Size, Switch, from_toml
from bench.workload.workload_files import WORKLOADS, workload_names

ANY_SHAPE = (4096, 4096)  # of samples that are not known; every family takes it
TABLES = ("optimizer", "schedule")  # keys of a recipe whose value is a table with a key `name`


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A checked workload: a model's spec, a data set, a recipe, a target and a band.

    - `digest`: a hash of everything that defines the work;
    - `proof_digest`: the same without the keys that a proof does not use: epochs, validation, early stopping, target;
    - `content` and `source`: the TOML and its path, from which another process builds the same workload;
    - `batch_sizes`: the batch sizes at which it is timed; empty if the suite and the recipe decide;
    - `large`: it needs a GPU, and `--workload all` does not include it.
    """

    name: str
    title: str
    family: str
    spec: model_families.Spec
    dataset: Mapping[str, Any]
    description: Description
    recipe: Recipe
    target: Target | None
    band: Band | None
    digest: str
    proof_digest: str
    content: Mapping[str, Any]
    source: str
    batch_sizes: tuple[int, ...] = ()
    large: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Timing:
    """The batch sizes at which this workload is timed, in place of those of the suite and the recipe.

    Attributes:
        batch_sizes: The batch sizes of training steps and of queries. `--batch-size` replaces them.
    """

    batch_sizes: Annotated[tuple[Size, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Outline:
    """The content of a workload file, before the tables `[model]` and `[dataset]` are checked.

    Attributes:
        name: The name of the workload: lower-case letters, digits and hyphens.
        model: The network. `family` chooses its kind, and the other keys depend on that kind.
        dataset: The data. `name` chooses a data set of Levelfield, `kind` a kind of file. The other keys depend on that
            choice.
        recipe: How the network is trained.
        title: One line that describes the workload.
        target: The quality to reach. With it, Levelfield measures the time to target.
        band: Where the metric is expected. A report marks results outside this range.
        timing: The batch sizes at which the workload is timed.
        large: Whether the workload needs a GPU. `--workload all` leaves large workloads out.
        grid: Keys of the recipe, each with the values to try. `--grid` trains every combination on every fold of the
            data. For the optimizer, a string stands for its name.
    """

    name: Annotated[str, Field(pattern=grid_variants.PATTERN)]
    model: dict[str, Any]
    dataset: dict[str, Any]
    recipe: Recipe
    title: str = ""
    target: Target | None = None
    band: Band | None = None
    timing: Timing | None = None
    large: Switch = False
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)


def load_workload(name: str) -> Workload:
    """The workload with this name in the catalogue, or the workload in the TOML file at this path.

    Raises UsageError for an unknown name. Raises UsageError for a mistake in the file, with file, key, what was found
    and what is expected.
    """
    path = Path(name) if name.endswith(".toml") else WORKLOADS / f"{name}.toml"
    names = workload_names()
    if name.endswith(".toml") and not path.is_file():
        raise UsageError(f"workload: found {name!r}, expected the path of a TOML file: there is no such file")
    if not (name.endswith(".toml") or name in names):
        raise UsageError(f"workload: found {name!r}{unknown_names.remark(name, names)}")
    workload = parse_workload(read_toml(path), source=path)
    if name.endswith(".toml") and workload.name in names:
        _check_name(workload, path)
    return workload


def _check_name(workload: Workload, path: Path) -> None:
    """Raise UsageError for other work under the name of a workload of the catalogue; an unchanged copy is the same."""
    if workload.digest != load_workload(workload.name).digest:
        raise UsageError(
            f"{path}: name: found {workload.name!r}, which is a workload of the catalogue that does other work; "
            "expected a name of your own, so that results of the two are not taken for each other"
        )


def outlines() -> tuple[Outline, ...]:
    """The content of every file in the catalogue; loads no spec and no data set, so that lists appear at once."""
    return tuple(
        TypeAdapter(Outline).validate_python(read_toml(WORKLOADS / f"{name}.toml")) for name in workload_names()
    )


def parse_workload(content: Mapping[str, Any], *, source: Path) -> Workload:
    """The workload that a TOML file describes.

    Raises UsageError with the file and all its problems: for each the key, what was found and what is expected.
    """
    problems: list[str] = []
    file = _outline(content, problems)
    dataset, data = _data(content, file, source, problems)
    spec = _spec(content, file, data, problems, source=source)
    if file and data:
        file = replace(file, recipe=_with_loss(file.recipe, content, data))
        problems += recipe_checks.problems(file.recipe, data, target=file.target, band=file.band, timed=_timed(file))
        problems += _wrong_grid(file)
    if file and data and spec:
        family = model_families.located(file.model["family"], beside=source.parent)
        problems += recipe_checks.single_values(family, spec, file.recipe, data, timed=_timed(file))
        problems += training_checks.unknown_layers(
            file.recipe, model_families.spec_module(family).parameter_shapes(spec)
        )
    if problems or not (file and data and spec):
        raise UsageError(f"{source}: {'; '.join(dict.fromkeys(problems))}")
    family = model_families.located(file.model["family"], beside=source.parent)
    return Workload(
        name=file.name,
        title=file.title,
        family=family,
        spec=spec,
        dataset=dataset,
        description=data,
        recipe=file.recipe,
        target=file.target,
        band=file.band,
        digest=digests.digest(content, dataset=dataset, family=family),
        proof_digest=digests.digest(digests.steps_alone(content), dataset=dataset, family=family),
        content=content,
        source=str(source),
        batch_sizes=_timed(file),
        large=file.large,
    )


def shortened(workload: Workload, *, epochs: int) -> Workload:
    """The workload with at most `epochs` epochs.

    A workload that is cut short loses its target and its band. A warm-up of more epochs is cut to all but the last one.
    """
    if workload.recipe.epochs <= epochs:
        return workload
    content = {key: value for key, value in workload.content.items() if key not in {"target", "band"}}
    content["recipe"] = {**content["recipe"], "epochs": epochs}
    schedule = workload.recipe.schedule
    if schedule and schedule.by == "epoch" and schedule.warm_up >= epochs:
        content["recipe"]["schedule"] = {**content["recipe"]["schedule"], "warm_up": epochs - 1}
    return parse_workload(content, source=Path(workload.source))


def variants(workload: Workload) -> tuple[Workload, ...]:
    """One workload for each combination of the grid's values and each fold of the data.

    A grid lists keys of the recipe with the values to try. For a key whose value is a table, such as `optimizer`, a
    text stands for the table with that `name`. The name of a variant is, for example, `wine@optimizer=adam,fold=3`.
    Only the variants of fold 0 are proven equal; each proof covers the other folds. Raises UsageError for a wrong
    value, with file, key, what was found and what is expected.
    """
    source, content = Path(workload.source), {**workload.content}
    grid = content.pop("grid", {})
    folds = description.folds(workload.dataset)
    made = []
    for values in product(*grid.values(), range(folds or 1)):
        chosen = dict(zip(grid, values, strict=False))
        changed = {**content, "recipe": {**content["recipe"], **{key: _table(key, chosen[key]) for key in grid}}}
        if folds:
            chosen["fold"] = values[-1]
            changed["dataset"] = {**content["dataset"], "fold": values[-1]}
        changed["name"] = grid_variants.name(workload.name, chosen)
        try:
            made.append(parse_workload(changed, source=source))
        except UsageError as error:  # the mistake is in [grid], and [recipe] of the file is right
            raise UsageError(re.sub(rf"([:;] )recipe\.({'|'.join(grid)})\b", r"\1grid.\2", str(error))) from None
    if len({item.name for item in made}) < len(made):
        raise UsageError(f"{source}: grid: found the same value twice for one key, expected different values")
    return tuple(made)


def _table(key: str, value: object) -> object:
    """A value of a grid; for a key whose value is a table, a text becomes the table with that name."""
    return {"name": value} if key in TABLES and isinstance(value, str) else value


def _outline(content: Mapping[str, Any], problems: list[str]) -> Outline | None:
    try:
        return TypeAdapter(Outline).validate_python(content)
    except ValidationError as error:
        problems += mistakes("", error, kind=Outline)
        return None


def _data(
    content: Mapping[str, Any], file: Outline | None, source: Path, problems: list[str]
) -> tuple[Mapping[str, Any], Description | None]:
    """The table of the data set as a process reads it, and its description.

    A user's own data file is read here, before any process starts. The parts of the data set depend on the recipe.
    """
    table = content.get("dataset")
    if not isinstance(table, Mapping):
        return {}, None
    if description.HELD_OUT in table:
        problems.append(f"dataset.{description.HELD_OUT}: unknown key; hold out rows with recipe.validation_fraction")
        return {}, None
    try:
        fraction = file.recipe.validation_fraction if file else 0.0
        dataset = description.held_out(_located(table, source), fraction)
        return dataset, description.describe(dataset)
    except (UsageError, DataError) as error:
        problems.append(str(error))
        return {}, None


def _with_loss(recipe: Recipe, content: Mapping[str, Any], data: Description) -> Recipe:
    """The recipe; without a key `loss` it has the first loss of the task."""
    return recipe if "loss" in content["recipe"] else replace(recipe, loss=LOSSES[data.task][0])


def _timed(file: Outline) -> tuple[int, ...]:
    return file.timing.batch_sizes if file.timing else ()


def _wrong_grid(file: Outline) -> list[str]:
    known = [field.name for field in fields(Recipe)]
    return [
        f"grid.{key}: found {in_toml(file.grid[key])}{meant(key, known)}, expected one of {', '.join(known)}"
        for key in file.grid
        if key not in known
    ]


def _outputs(content: Mapping[str, Any], file: Outline | None, data: Description | None) -> int:
    loss = _with_loss(file.recipe, content, data).loss if file and data else "cross_entropy"
    return recipe_checks.outputs(loss, data) if data else 1


def _module(
    table: Mapping[str, Any], source: Path, problems: list[str]
) -> tuple[str, model_families.SpecModule | None]:
    """The family that a table `[model]` names, and its spec module; None if it has a mistake."""
    family, known = table.get("family"), model_families.family_names()
    is_folder = isinstance(family, str) and own_families.is_folder(family)
    if not is_folder and family not in known:
        found = f"{in_toml(family)}{meant(str(family), known)}" if "family" in table else "nothing"
        folder = 'or the path of a folder of your own, such as "./unet"'
        problems.append(f"model.family: found {found}, expected one of {', '.join(known)}, {folder}")
        return "", None
    named = model_families.located(str(family), beside=source.parent)
    try:
        return named, model_families.spec_module(named)
    except UsageError as error:
        problems.append(f"model.family: {error}")
        return named, None


def _spec(
    content: Mapping[str, Any], file: Outline | None, data: Description | None, problems: list[str], *, source: Path
) -> model_families.Spec | None:
    """The spec of the network; None if the table `[model]` has a mistake.

    Without a description of the data, the other keys are checked as for images of any size.
    """
    table = content.get("model")
    if not isinstance(table, Mapping):
        return None
    options = {key: value for key, value in table.items() if key != "family"}
    family, module = _module(table, source, problems)
    if module is None:
        return None
    try:
        sizes = module.sizes(data.sample_shape if data else ANY_SHAPE) | {"outputs": _outputs(content, file, data)}
    except ValueError as error:
        problems.append(f"model.family: {family!r} does not fit the data set {data.name if data else ''!r}: {error}")
        return None
    decided = [
        f"model.{key}: found {options.pop(key)!r}, expected no such key: the data set determines this value"
        for key in sorted(sizes.keys() & options.keys())
    ]
    problems += decided
    try:
        spec = module.Spec(**options, **sizes)
    except ValidationError as error:
        problems += mistakes("model", error, kind=module.Spec, decided=sizes)
        return None
    if own_families.is_folder(family):
        wrong = own_family_checks.problems(Path(family), spec)
        problems += wrong
        return None if wrong else spec
    return spec


def _located(dataset: Mapping[str, Any], source: Path) -> Mapping[str, Any]:
    """The table with absolute paths; in the file, paths are relative to the workload's file."""
    folder = source.parent.resolve()
    found = {key: str(folder / dataset[key]) for key in description.PATHS if isinstance(dataset.get(key), str)}
    return {**dataset, **found}
