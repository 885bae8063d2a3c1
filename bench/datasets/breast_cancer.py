"""Breast cancer, Wisconsin diagnostic (UCI), which is part of scikit-learn: malignant or benign, from 30 features."""

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Switch, checked
from bench.datasets.tables import Share, Splitting, Table
from bench.errors import DataError

ROWS, FEATURES = 569, 30
SHA256 = "bad1f701395a84df5424ae2f8e08bdfa835c36aeb29d785dc2fb5c863f299450"


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """By default 60 % of the rows are for training, 20 % for validation and 20 % for testing."""

    validation: Share | None = 0.25
    seed: tables.Seed = 21
    standardise: Switch = True


def describe(options: Options) -> Description:
    """569 rows of 30 features; class 0 is malignant, class 1 is benign."""
    return Description(
        name="breast-cancer",
        task="classification",
        sample_shape=(FEATURES,),
        outputs=2,
        **tables.sizes(ROWS, options),
        labels=("malignant", "benign"),
        source="scikit-learn's breast cancer (UCI Wisconsin diagnostic), embedded",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the checksum of the rows, which `read` verifies."""
    return tables.fingerprint(options, SHA256)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the installed scikit-learn has other data."""
    from sklearn.datasets import load_breast_cancer

    inputs, labels = load_breast_cancer(return_X_y=True)
    labels = labels.astype(np.int64)
    found = checksum(inputs, labels)
    if found != SHA256:
        raise DataError(
            f"data set 'breast-cancer' of scikit-learn: found sha256 {found}, expected {SHA256}; install a release of "
            "scikit-learn that this version of levelfield was tested with"
        )
    return tables.split(Table(inputs=inputs, targets=labels), options, part)
