"""Lists the supported frameworks, and the installed ones with their versions, without importing any of them."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.errors import UsageError, unknown
from bench.workload import source_code

ADAPTERS = Path(__file__).parents[1] / "adapters"

# The distributions that each framework and each backend of Keras needs. Reports show the version of the first one.
DISTRIBUTIONS = {
    "pytorch": ("torch",),
    "keras": ("keras",),
    "flax": ("flax", "jax", "jaxlib", "optax"),
    "tensorflow": ("tensorflow",),
    "jax": ("jax", "jaxlib"),
    "torch": ("torch",),
}
EVERY = "all"  # selects every framework with every backend
# The library that computes, of frameworks that have no choice of it.
LIBRARIES = {"pytorch": "torch", "flax": "jax"}
BACKENDS = {"keras": ("tensorflow", "jax", "torch")}  # in the order in which plain `keras` picks one


@dataclass(frozen=True, slots=True, order=True)
class Contender:
    """A framework and, for Keras, its backend; written `pytorch` or `keras/jax`."""

    framework: str
    backend: str | None = None

    def __str__(self) -> str:
        """The name as users write it: `pytorch`, `keras/jax`."""
        return f"{self.framework}/{self.backend}" if self.backend else self.framework

    @property
    def library(self) -> str:
        """The library that computes: `torch`, `tensorflow` or `jax`."""
        return self.backend or LIBRARIES.get(self.framework, self.framework)

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of `DISTRIBUTIONS` for the framework and, if there is one, for its backend."""
        return (self.framework, self.backend) if self.backend else (self.framework,)


def framework_names() -> tuple[str, ...]:
    """The names of the frameworks that have an adapter, in the order of `DISTRIBUTIONS`."""
    found = {path.stem for path in ADAPTERS.glob("*.py")} - {"__init__", "base"}
    return tuple(sorted(found, key=list(DISTRIBUTIONS).index))


def every_contender() -> tuple[Contender, ...]:
    """Every framework with every backend that it has, installed or not."""
    return tuple(
        Contender(framework, backend) for framework in framework_names() for backend in BACKENDS.get(framework, (None,))
    )


def choose(names: tuple[str, ...]) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """The installed frameworks among `names`, and one line for each missing one that says how to install it.

    Plain `keras` means Keras on its first installed backend. `all` means every framework on every backend. Raises
    UsageError that tells of all unknown names.
    """
    every = tuple(map(str, every_contender()))
    known = (*framework_names(), *(str(item) for item in every_contender() if item.backend), EVERY)
    if set(names) - set(known):
        raise UsageError(f"--framework: {unknown(names, known)}")
    chosen: dict[Contender, None] = {}
    problems = []
    for name in itertools.chain.from_iterable(every if name == EVERY else (name,) for name in names):
        candidates = _candidates(name)
        installed = [contender for contender in candidates if is_installed(contender)]
        if installed:
            chosen[installed[0]] = None
        else:
            problems.append(f"{name} is not installed: {_remedy(candidates[0])}")
    return tuple(chosen), tuple(problems)


def left_out(chosen: Collection[Contender]) -> tuple[Contender, ...]:
    """The installed frameworks (and backends of Keras) that are not in `chosen`."""
    return tuple(item for item in every_contender() if is_installed(item) and item not in chosen)


def is_installed(contender: Contender) -> bool:
    """Whether every distribution that the framework and its backend need is installed."""
    return all(_version(name) for part in contender.parts for name in DISTRIBUTIONS[part])


def versions(contender: Contender) -> dict[str, str]:
    """The versions of NumPy and of the distributions that the framework and its backend need, if installed."""
    names = {name for part in contender.parts for name in DISTRIBUTIONS[part]} | {"numpy"}
    return {name: found for name in sorted(names) if (found := _version(name))}


def adapter_source(framework: str) -> bytes:
    """The code that drives a framework: its adapter, optimizers and losses, and the folders that frameworks share."""
    own = (ADAPTERS / folder / f"{framework}.py" for folder in ("", "optimizers", "losses"))
    shared = ("engines", "custom_loops", "data_parallel")
    below = sorted(path for folder in shared for path in ADAPTERS.glob(f"{folder}/*.py"))
    return source_code.code_of((*own, *below))


def _candidates(name: str) -> tuple[Contender, ...]:
    return tuple(contender for contender in every_contender() if name in {contender.framework, str(contender)})


def _remedy(contender: Contender) -> str:
    extra = contender.framework
    more = f", and `pip install {contender.backend}`" if contender.backend in {"jax", "torch"} else ""
    return f"`pip install 'levelfield[{extra}]'`{more}"


@cache
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
