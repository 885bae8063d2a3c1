"""Measures the same network in PyTorch, Keras and JAX/Flax; in notebooks, `bench.load` reads what was measured."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.charts import Chart, Picture
    from bench.api.comparison import Comparison, compare
    from bench.api.loading import load
    from bench.api.runs import Runs

    __version__: str

__all__ = ["Chart", "Comparison", "Picture", "Runs", "__version__", "compare", "load"]

# Where each name is. It is imported when it is used, so that commands start without pandas and Altair.
PLACES = {
    "Chart": "bench.api.charts",
    "Comparison": "bench.api.comparison",
    "Picture": "bench.api.charts",
    "Runs": "bench.api.runs",
    "__version__": "bench.version",
    "compare": "bench.api.comparison",
    "load": "bench.api.loading",
}


if not TYPE_CHECKING:  # type checkers read the imports above, and find names that do not exist

    def __getattr__(name: str) -> Any:  # noqa: ANN401
        """A name of the Python API, or AttributeError."""
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    """The names of the Python API, and what Python has in each module."""
    return sorted({*globals(), *__all__})
