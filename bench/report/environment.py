"""The table of the environment, and notes on what in it may spoil the figures of a run."""

from collections.abc import Callable, Iterable, Iterator

from bench.analysis.environments import mixed
from bench.records.record import Record
from bench.records.variable_rules import Refused
from bench.records.variables import EMPTY, NOT_SET, refused
from bench.report import formatting
from bench.report.layout import Entry, Table, left
from bench.report.results import Results, environments
from bench.workload import places
from bench.workload.frameworks import Contender

ENVIRONMENT: dict[str, Callable[[Record], str | None]] = {
    "machine": lambda record: record.environment.machine,
    "CPU": lambda record: f"{record.environment.cpu}, {record.environment.cores} cores",
    "memory": lambda record: formatting.size(record.environment.memory_bytes),
    "limits": lambda record: "; ".join(record.environment.limits),
    "GPU": lambda record: ", ".join(record.environment.gpus) or "none",
    "driver": lambda record: record.environment.driver,
    "system": lambda record: record.environment.system,
    "Python": lambda record: record.environment.python,
    "levelfield": lambda record: record.environment.levelfield,
    "commit": lambda record: record.environment.commit,
}


def environment_table(results: Results) -> Table:
    """The machine, the versions and the variables of the shell; all values if the records differ."""
    known = environments(results)
    rows = [fact(title, map(read, known)) for title, read in ENVIRONMENT.items()]
    names = sorted({name for record in known for name in record.environment.versions})
    rows += [fact(name, (record.environment.versions.get(name) for record in known)) for name in names]
    rows += _variables(results)
    return Table(
        title="Environment",
        columns=left("what", "value"),
        rows=tuple(row for row in rows if row[1].text),
        notes=tuple(remarks(results)),
    )


def remarks(results: Results) -> Iterator[str]:
    """Notes on variables that were allowed though they spoil the figures, and on a run with several environments."""
    effects = {rule.name: rule.effect for rule in _spoiling(results)}
    for name, effect in sorted(effects.items()):
        yield f"The figures mean something else with the variable {name}, which was allowed: {effect}."
    if changed := mixed(environments(results)):
        words = ", ".join(f"{what} ({' / '.join(values)})" for what, values in changed.items())
        yield f"This run was continued in another environment. Its records differ in {words}."


def _spoiling(results: Results) -> Iterator[Refused]:
    """The variables of the shell that spoil the figures of a record."""
    for record in results.records:
        if variables := record.environment.variables:
            case = record.case
            library = Contender(case.framework, case.backend).library
            yield from refused(variables, gpu=not places.is_cpu(case.device), libraries=(library,))


def fact(title: str, values: Iterable[str | None]) -> tuple[Entry, Entry]:
    """A row with all different values."""
    return Entry(title), Entry("; ".join(dict.fromkeys(value for value in values if value)))


def _variables(results: Results) -> Iterator[tuple[Entry, Entry]]:
    """A row for each variable that the run inherited from the shell; older records do not know them."""
    known = [found for record in environments(results) if (found := record.environment.variables) is not None]
    for name in sorted({name for found in known for name in found}):
        yield fact(name, (found.get(name, NOT_SET) or EMPTY for found in known))
    if known and not any(known):
        yield fact("variables of the shell", ("none that changes what is measured",))
