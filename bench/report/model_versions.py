"""Saved models as tables, and as JSON for other programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.records.model_versions import ModelVersion
from bench.records.record import Certificate, to_json
from bench.report import formatting
from bench.report.certificates import status_of
from bench.report.layout import Column, Entry, Report, Section, Table, left
from bench.report.results import STATUS_WORDS

UNKNOWN = "unknown"


def table(models: Sequence[ModelVersion], *, title: str) -> Table:
    """A row for each model, in their order."""
    columns = (
        *left("digest", "workload", "framework"),
        *(Column(title="quality"), *left("certificate", "tags", "run", "trained (UTC)", "model")),
    )
    return Table(
        title=title,
        columns=columns,
        rows=tuple(_row(item) for item in models),
        notes=("`levelfield models show MODEL` shows one: its digest, a tag, its folder, or the name of this folder.",),
        names=1,
    )


def report(model: ModelVersion, *, command: str | None) -> Report:
    """Everything that is known of a model; `command` is that of its run."""
    tables = [
        _facts("Model", _identity(model, command)),
        _facts("Network", {"family": model.text("family") or UNKNOWN, **_texts(model.table("spec"))}),
        _facts("Data", _texts({**model.table("dataset"), **_described(model.table("description"))})),
        _facts("Recipe", _texts(model.table("recipe"))),
        _facts("Quality on the test data", {name: formatting.score(value) for name, value in model.quality.items()}),
        _facts("Versions", _texts(model.table("versions"))),
        *([_deviations(model.record.certificate)] if model.record and model.record.certificate else []),
        _facts("Files", {name: formatting.size(size) for name, size in _files(model.folder).items()}),
    ]
    title = f"{model.folder.name}, digest {model.digest}"
    return Report(title=title, sections=(Section(title="Saved model", tables=tuple(tables)),))


def brief_json(models: Iterable[ModelVersion]) -> list[dict[str, Any]]:
    """An object for each model, with the values of its row in the table; what is unknown is null."""
    return [_brief(item) for item in models]


def as_json(model: ModelVersion, *, command: str | None) -> dict[str, Any]:
    """Everything that is known of a model; what is unknown is null."""
    certificate = None if model.record is None else model.record.certificate
    return {
        **_brief(model),
        "command": command,
        "about": dict(model.about),
        "proof": None if certificate is None else {"passed": certificate.passed, **to_json(certificate)},
        "files": _files(model.folder),
    }


def certificate_words(model: ModelVersion) -> str:
    """Whether the training was proven to be the same as in other frameworks; `unknown` without its record."""
    if model.record is None:
        return UNKNOWN
    return STATUS_WORDS["missing" if model.record.certificate is None else status_of(model.record.certificate)]


def _brief(model: ModelVersion) -> dict[str, Any]:
    return {
        "model": str(model.folder),
        "workload": model.text("workload"),
        "framework": model.text("contender"),
        "quality": dict(model.quality),
        "run": model.run.name if model.run else None,
        "when": model.when,
        "digest": model.digest,
        "certificate": certificate_words(model),
        "tags": list(model.tags),
    }


def _row(model: ModelVersion) -> tuple[Entry, ...]:
    metric, value = next(iter(model.quality.items()), (UNKNOWN, None))
    return (
        Entry(model.digest),
        Entry(model.text("workload") or UNKNOWN),
        Entry(model.text("contender") or UNKNOWN),
        Entry(metric if value is None else f"{metric} {formatting.score(value)}", value),
        Entry(certificate_words(model)),
        Entry(", ".join(model.tags)),
        Entry(model.run.name if model.run else UNKNOWN),
        Entry((model.when or UNKNOWN)[:16].replace("T", " ")),
        Entry(str(model.folder)),
    )


def _identity(model: ModelVersion, command: str | None) -> Mapping[str, str]:
    """Which model it is, who trained it, and when."""
    machine = model.record.environment.machine if model.record else None
    return {
        "model": str(model.folder),
        "digest": model.digest,
        "tags": ", ".join(model.tags) or "none",
        "workload": model.text("workload") or UNKNOWN,
        "digest of the workload": model.text("digest") or UNKNOWN,
        "framework": model.text("contender") or UNKNOWN,
        "seed": _text(model.about.get("seed", UNKNOWN)),
        "certificate": certificate_words(model),
        "run": model.run.name if model.run else UNKNOWN,
        "machine": machine or UNKNOWN,
        "trained (UTC)": model.when or UNKNOWN,
        "command": command or UNKNOWN,
    }


def _described(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the data are, without the names of all columns."""
    shown = ("task", "source", "sample_shape", "outputs", "unit", "train", "validation", "test", "labels")
    return {key: description[key] for key in shown if description.get(key) not in (None, "", [], 0)}


def _deviations(certificate: Certificate) -> Table:
    """Every comparison of the certificate, and what it found."""
    rows = tuple(
        (
            Entry(item.check),
            Entry(item.against),
            Entry(formatting.deviation(item.found), item.found),
            Entry(formatting.limit(item.allowed), item.allowed),
            Entry("holds" if item.holds else f"does not hold{f', most in {item.tensor}' if item.tensor else ''}"),
        )
        for item in certificate.deviations
    )
    columns = (*left("check", "against"), Column(title="found"), Column(title="allowed"), *left("verdict"))
    problem = (certificate.problem,) if certificate.problem else ()
    return Table(title="Certificate", columns=columns, rows=rows, notes=(*certificate.notes, *problem))


def _files(folder: Path) -> dict[str, int]:
    """The files of a model's folder, with their sizes in bytes."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def _facts(title: str, facts: Mapping[str, str]) -> Table:
    rows = tuple((Entry(name), Entry(text)) for name, text in facts.items()) or ((Entry(UNKNOWN), Entry("")),)
    return Table(title=title, columns=left("what", "value"), rows=rows)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in values.items() if value is not None}


def _text(value: object) -> str:
    """A value as it is in `model.json`; text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
