"""In what the environments of records differ: variables of the shell, limits, versions, hardware, system; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.records.record import Environment, Record
from bench.records.variables import EMPTY, NOT_SET

NONE = "none"
FACTS: dict[str, Callable[[Environment], str | None]] = {
    "limits": lambda found: None if found.host_cores is None else "; ".join(found.limits) or NONE,
    "CPU": lambda found: found.cpu,
    "cores": lambda found: str(found.cores),
    "memory": lambda found: f"{found.memory_bytes / 2**30:.0f} GiB",
    "GPU": lambda found: ", ".join(found.gpus) or NONE,
    "driver": lambda found: found.driver,
    "system": lambda found: found.system,
    "Python": lambda found: found.python,
    "levelfield": lambda found: found.levelfield,
}

VERSION = "version of "

Values = dict[str, dict[str, None]]  # the different values of each fact, in the order of the records


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDifference:
    """One fact that differs between two sides, with the values of both; several values of a side are listed."""

    what: str
    baseline: str
    candidate: str


def differences(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[EnvironmentDifference, ...]:
    """What differs between the environments of two sides: variables first, then limits, hardware, system, versions.

    Facts that one side does not know are left out: older records have no variables and no limits, and a library may be
    missing because its framework was not measured. The commit is left out too, since both sides usually differ in it.
    """
    names = _variable_names((*baseline, *candidate))
    before, after = _values(baseline, names), _values(candidate, names)
    return tuple(
        EnvironmentDifference(what=name, baseline=", ".join(before[name]), candidate=", ".join(after[name]))
        for name in before
        if name in after and before[name].keys() != after[name].keys()
    )


def mixed(records: Sequence[Record]) -> Mapping[str, tuple[str, ...]]:
    """The facts in which the records of one run differ, with their values in the order of the run."""
    values = _values(records, _variable_names(records))
    return {name: tuple(found) for name, found in values.items() if len(found) > 1}


def text(found: Iterable[EnvironmentDifference]) -> str:
    """The differences in words: `TF_ENABLE_ONEDNN_OPTS (0 / not set), Python (CPython 3.12.1 / CPython 3.12.3)`."""
    return ", ".join(f"{item.what} ({item.baseline} / {item.candidate})" for item in found)


def _variable_names(records: Iterable[Record]) -> list[str]:
    return sorted({name for record in records for name in record.environment.variables or ()})


def _values(records: Sequence[Record], names: Iterable[str]) -> Values:
    """The values of the variables with these names, of the other facts, and of the versions, as far as known."""
    environments = [record.environment for record in records]
    readers: dict[str, Callable[[Environment], str | None]] = {name: _variable(name) for name in names} | FACTS
    readers |= {
        VERSION + name: _version(name) for name in sorted({name for item in environments for name in item.versions})
    }
    found = {name: dict.fromkeys(map(read, environments)) for name, read in readers.items()}
    known = {name: {value: None for value in values if value is not None} for name, values in found.items()}
    return {name: values for name, values in known.items() if values}


def _variable(name: str) -> Callable[[Environment], str | None]:
    return lambda found: None if found.variables is None else found.variables.get(name, NOT_SET) or EMPTY


def _version(name: str) -> Callable[[Environment], str | None]:
    return lambda found: found.versions.get(name)
