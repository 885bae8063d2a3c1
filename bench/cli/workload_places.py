"""Where the TOML files of a run lie, so that it can be continued from any folder."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Never

from bench.cli.console import USAGE, fail

if TYPE_CHECKING:
    from bench.plan.options import Options
    from bench.records.store import Plan, RunFolder


def sources(run: "RunFolder", options: "Options") -> dict[str, str]:
    """The TOML files among the workloads, each by its path as it was given; the value is relative to the run's folder.

    So a run can be continued from any folder, and after its project was moved, and its plan names no folder above.
    """
    found = {}
    for given in filter(lambda word: word.endswith(".toml"), words(options)):
        with suppress(ValueError):  # on another drive of Windows there is no relative path
            found[given] = Path(os.path.relpath(given, run.folder)).as_posix()
    return found


def located(run: "RunFolder", plan: "Plan", options: "Options") -> "Options":
    """The options of a run with its TOML files at the places that its plan knows, or as they were given.

    Older plans know no places. Fails if a file is at neither place.
    """
    known: Mapping[str, str] = plan.options.get("sources", {})
    found = [_located(run, word, known) if word.endswith(".toml") else word for word in words(options)]
    return replace(options, workload=",".join(found) or None)


def words(options: "Options") -> list[str]:
    """The names and files in `--workload`."""
    return [word.strip() for word in (options.workload or "").split(",") if word.strip()]


def _located(run: "RunFolder", given: str, known: Mapping[str, str]) -> str:
    place = Path(os.path.normpath(run.folder.absolute() / known.get(given, given)))
    if given in known and place.is_file():
        return str(place)
    if not Path(given).is_file():
        _fail(run, given, str(place) if given in known else None)
    return given


def _fail(run: "RunFolder", given: str, place: str | None) -> Never:
    there = f" nor {place}" if place else ""
    fail(
        f"--resume: found no file {Path(given).absolute()}{there}, expected the workload of {run.name}; start in the "
        "folder where the run was started, or move the file back",
        USAGE,
    )
