"""Finds the models that runs have saved, and tells which network each one is.

No code of a network is run: files are read as text and as bytes. What an older model does not say is unknown.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from bench.errors import NothingMeasuredError, UsageError, meant, unreadable
from bench.records import model_tags
from bench.records.record import Record
from bench.records.records_file import Warn
from bench.records.store import RECORDS, RunFolder
from bench.workload import model_digest
from bench.workload.model_folders import ABOUT, MODELS, WRITTEN_BY
from bench.workload.recipe import METRICS, primary

LEAST_DIGITS = 4
HEXADECIMAL = re.compile(r"[0-9a-f]+")
ANOTHER = "expected a model's folder, the name of this folder, a digest, a tag, or TAG@WORKLOAD"
SHOWN = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One saved model.

    - `folder`: the folder of the model;
    - `about`: what `model.json` says;
    - `digest`: of the network, its training and its weights; two folders with the same digest are the same model;
    - `tags`: the names that were given to it;
    - `run`: the run that trained it, or None for a folder that was carried away from its run;
    - `record`: the record of its training, or None if the run has none.
    """

    folder: Path
    about: Mapping[str, Any]
    digest: str
    tags: tuple[str, ...] = ()
    run: RunFolder | None = None
    record: Record | None = None

    def text(self, key: str) -> str | None:
        """A word of `model.json`, such as the name of the workload; None if there is none."""
        return _text(self.about, key)

    def table(self, key: str) -> Mapping[str, Any]:
        """A table of `model.json`; empty if there is none."""
        found = self.about.get(key)
        return found if isinstance(found, dict) else {}

    @property
    def quality(self) -> Mapping[str, float]:
        """The quality on the test data, the primary metric of the task first."""
        numbers = {key: value for key, value in self.table("quality").items() if isinstance(value, int | float)}
        task = self.table("description").get("task")
        first = primary(task) if task in METRICS else None
        return {name: numbers[name] for name in sorted(numbers, key=lambda name: name != first)}

    @property
    def when(self) -> str | None:
        """When the training began (ISO 8601, UTC); None if no record says so."""
        return self.record.started if self.record else None


def every(results: Path, *, warn: Warn, workload: str | None = None) -> list[ModelVersion]:
    """The saved models of all runs, the newest first. `warn` is called with a line for each damaged folder."""
    found: list[ModelVersion] = []
    trained: dict[RunFolder, Mapping[str, Record]] = {}
    for folder in _folders(results):
        try:
            about = _about(folder)
            if workload is None or _text(about, "workload") == workload:
                found.append(_version(folder, about, trained))
        except UsageError as error:
            warn(f"{error}; the model is not listed")
    owners = _owners(item for item in found if item.tags)
    known = [replace(item, tags=owners.get(item.folder, ())) for item in found]
    return sorted(known, key=_age, reverse=True)


def find(results: Path, name: str, *, warn: Warn) -> ModelVersion:
    """The model for `name`: its folder, the name of this folder, a tag, TAG@WORKLOAD, or how its digest begins.

    Of several models with the same digest it is the newest. Raises UsageError if no model fits, or different ones do.
    """
    path = Path(name)
    if name and path.is_dir():
        inside = (item for item in every(results, warn=lambda _: None) if item.folder.resolve() == path.resolve())
        return next(inside, None) or _version(path, _about(path), {})
    known = every(results, warn=warn)
    if not known:
        raise NothingMeasuredError(f"{results}: no saved models yet; train with `levelfield run --save-models`")
    fitting = [item for item in known if name in _names(item)] or [item for item in known if _begins(item, name)]
    if not fitting:
        names = sorted({word for item in known for word in _names(item)})
        raise UsageError(f"model {name!r}: found no such model{meant(name, names)}, {ANOTHER}")
    if len({item.digest for item in fitting}) > 1:
        raise UsageError(
            f"model {name!r}: found {len(fitting)} models: {_listed(fitting)}; name one by its folder or its digest"
        )
    return fitting[0]


def digest_of(folder: Path) -> str | None:
    """The digest of the model in a folder; None if one of its files cannot be read."""
    return model_digest.of_folder(folder)


def names(results: Path) -> list[str]:
    """The folders of saved models and all their tags; nothing but names is read."""
    found = _folders(results)
    return [*map(str, found), *sorted({name for folder in found for name in model_tags.names(folder)})]


def tag(results: Path, model: ModelVersion, names: list[str]) -> dict[str, Path]:
    """Tag a model, and return the model from which each tag was moved. Raises UsageError for a name that is no tag."""
    model_tags.check(names)
    is_inside = results.resolve() in model.folder.resolve().parents
    others = [folder for folder in _folders(results) if _is_of(folder, model.text("workload"))] if is_inside else []
    own = next((folder for folder in others if folder.resolve() == model.folder.resolve()), model.folder)
    return model_tags.add(results, own, names, others=others)


def _folders(results: Path) -> list[Path]:
    """The folders of models; those that are written just now are hidden."""
    found = results.glob(f"*/*/{MODELS.as_posix()}/*")
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {unreadable(error)}, {WRITTEN_BY}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: found no JSON object, {WRITTEN_BY}")
    return found


def _version(folder: Path, about: dict[str, Any], trained: dict[RunFolder, Mapping[str, Record]]) -> ModelVersion:
    """The model in a folder; `trained` keeps the records of the trainings of each run."""
    run = _run_of(folder)
    if run is not None and run not in trained:
        trained[run] = _trainings(run)
    return ModelVersion(
        folder=folder,
        about=about,
        digest=model_digest.of(folder, about),
        tags=tuple(sorted(model_tags.read(folder))),
        run=run,
        record=None if run is None else trained[run].get(folder.name),
    )


def _run_of(folder: Path) -> RunFolder | None:
    """The run that a model's folder is in."""
    place = folder.absolute().parents
    return RunFolder(folder.parents[2] / RECORDS) if place[0] == place[2] / MODELS and len(folder.parents) > 2 else None  # noqa: PLR2004 (run/artifacts/models)


def _trainings(run: RunFolder) -> dict[str, Record]:
    """The records of a run's complete trainings, by the names of the folders of their models."""
    found = run.read(warn=lambda _: None)
    return {f"{item.case.workload}-{item.case.learner}": item for item in found if item.case.purpose == "learning"}


def _owners(tagged: Iterable[ModelVersion]) -> dict[Path, tuple[str, ...]]:
    """The tags of each model: one model of a workload has a tag at most."""
    by_workload: dict[str | None, dict[Path, model_tags.Tags]] = {}
    for item in tagged:
        by_workload.setdefault(item.text("workload"), {})[item.folder] = model_tags.read(item.folder)
    return {folder: tags for stored in by_workload.values() for folder, tags in model_tags.owned(stored).items()}


def _is_of(folder: Path, workload: str | None) -> bool:
    """Whether the folder has a model of this workload."""
    try:
        return _text(_about(folder), "workload") == workload
    except UsageError:
        return False


def _text(about: Mapping[str, Any], key: str) -> str | None:
    found = about.get(key)
    return found if isinstance(found, str) else None


def _names(model: ModelVersion) -> Iterator[str]:
    yield from (model.folder.name, *model.tags)
    yield from (f"{tag}@{model.text('workload')}" for tag in model.tags)


def _begins(model: ModelVersion, name: str) -> bool:
    return len(name) >= LEAST_DIGITS and bool(HEXADECIMAL.fullmatch(name)) and model.digest.startswith(name)


def _age(model: ModelVersion) -> tuple[str, str, str]:
    """By which models are sorted: the names of runs begin with their time."""
    return (model.run.name if model.run else "", model.when or "", model.folder.name)


def _listed(models: list[ModelVersion]) -> str:
    shown = ", ".join(f"{item.digest} ({item.folder.name} of {item.folder.parents[2].name})" for item in models[:SHOWN])
    return shown if len(models) <= SHOWN else f"{shown} and {len(models) - SHOWN} more"
