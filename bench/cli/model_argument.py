"""Finds the model that an argument means: its folder, the name of this folder, a digest, a tag, or TAG@WORKLOAD."""

from pathlib import Path

from bench.errors import NothingMeasuredError


def model_folder(given: Path, *, results: Path) -> Path:
    """The folder of the model; what is given if it is a path, or if there are no models in the results.

    Raises UsageError if there are models, and none or several of them are meant.
    """
    from bench.records import model_versions

    if given.exists() or given.suffix or len(given.parts) > 1:
        return given
    try:
        return model_versions.find(results, str(given), warn=lambda _: None).folder
    except NothingMeasuredError:
        return given
