"""Makes and reads names of variants: a workload, values of its grid, a fold, as in `wine@optimizer=adam,fold=3`."""

import re
from collections.abc import Mapping, Sequence

PATTERN = r"^[a-z0-9][a-z0-9-]*(@[A-Za-z0-9_=,.+-]+)?$"


def name(workload: str, choices: Mapping[str, object]) -> str:
    """The name of a variant; without choices, the name of the workload."""
    words = ",".join(f"{key}={_word(value)}" for key, value in choices.items())
    return f"{workload}@{words}" if words else workload


def base(variant: str) -> str:
    """The name of the workload that a variant was made from."""
    return variant.partition("@")[0]


def is_variant(workload: str) -> bool:
    """Whether this is the name of a variant."""
    return "@" in workload


def choices(variant: str) -> str:
    """The chosen grid values as text for people, without the fold: `optimizer adam, batch_size 16`."""
    words = variant.partition("@")[2].split(",")
    return ", ".join(word.replace("=", " ") for word in words if not word.startswith("fold="))


def proven_by(workload: str) -> str:
    """The variant whose certificate covers this one: the same variant on fold 0.

    All folds have the same network, the same recipe and data of the same shape, so one proof covers all folds.
    """
    return re.sub(r"(?<=[@,])fold=\d+$", "fold=0", workload)


def _word(value: object) -> str:
    """A value as part of a name. A table becomes its `name`, then its other keys and values, so that names differ."""
    values: Sequence[object] = [value]
    if isinstance(value, Mapping):
        keys = (word for key, item in value.items() if key != "name" for word in (key, item))
        values = [*([value["name"]] if "name" in value else []), *keys]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", "-".join(map(str, values)))
