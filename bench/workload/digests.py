"""Computes the digest of a workload: a hash of everything that defines the work."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.datasets import description
from bench.workload import model_families, own_families

JUDGED = ("epochs", "early_stopping", "validation_fraction")  # keys of a recipe that do not change a training step
DEPEND = {"schedule", "class_weights"}  # keys by which the number of epochs and of samples changes a training step


def digest(content: Mapping[str, Any], *, dataset: Mapping[str, Any], family: str) -> str:
    """The first 16 hex digits of a sha256 over the work: the TOML, the code of the family's spec, and the data.

    Left out are the keys that do not change the work: title, band, grid, timing and large. The code of the frameworks
    is not in this digest; it has its own, the source digest.
    """
    what = {key: value for key, value in content.items() if key not in {"title", "band", "grid", "timing", "large"}}
    # The fingerprint covers the content of a user's data files, so their paths do not matter.
    what["dataset"] = {key: value for key, value in dataset.items() if key not in description.PATHS}
    if own_families.is_folder(family):  # the code of a folder is in the digest, so its place does not matter
        what["model"] = {**what["model"], "family": Path(family).name}
    text = json.dumps([what, description.fingerprint(dataset)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode() + model_families.spec_source(family)).hexdigest()[:16]


def steps_alone(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content without the keys for the end of training and its evaluation, if a proof does not use them."""
    judged = JUDGED if DEPEND.isdisjoint(content["recipe"]) else ("early_stopping",)
    recipe = {key: value for key, value in content["recipe"].items() if key not in judged}
    return {key: value for key, value in content.items() if key != "target"} | {"recipe": recipe}
