"""Names of variants: a workload with choices of its grid, on one fold of its data: `wine@optimizer=adam,fold=3`."""

import re
from collections.abc import Mapping, Sequence

PATTERN = r"^[a-z0-9][a-z0-9-]*(@[A-Za-z0-9_=,.+-]+)?$"


def name(workload: str, choices: Mapping[str, object]) -> str:
    """The name of a variant; without choices, that of the workload."""
    words = ",".join(f"{key}={_word(value)}" for key, value in choices.items())
    return f"{workload}@{words}" if words else workload


def base(variant: str) -> str:
    """The name of the workload that it was made from."""
    return variant.partition("@")[0]


def is_variant(workload: str) -> bool:
    """Whether this names one."""
    return "@" in workload


def choices(variant: str) -> str:
    """What was chosen, as people read it, without the fold."""
    words = variant.partition("@")[2].split(",")
    return ", ".join(word.replace("=", " ") for word in words if not word.startswith("fold="))


def proven_by(workload: str) -> str:
    """The variant whose certificate covers this one: other folds have the same network, recipe and kind of data."""
    return re.sub(r"(?<=[@,])fold=\d+$", "fold=0", workload)


def _word(value: object) -> str:
    """A value in a name; of a table its name, and what else it says with the keys, so that no two are called alike."""
    values: Sequence[object] = [value]
    if isinstance(value, Mapping):
        keys = (word for key, item in value.items() if key != "name" for word in (key, item))
        values = [*([value["name"]] if "name" in value else []), *keys]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", "-".join(map(str, values)))
