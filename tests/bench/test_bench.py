"""`import bench` offers the Python API, and imports it only when it is used."""

import subprocess
import sys

import pytest

import bench
from bench.version import __version__

HEAVY = ("pandas", "altair", "pydantic", "numpy", "vl_convert")


def imported(code: str) -> set[str]:
    """The heavy libraries that a new process has imported after this code."""
    asked = f"{code}\nimport sys\nsys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    return {*done.stderr.split()}


def test_importing_bench_imports_no_library() -> None:
    assert imported("import bench; bench.__version__; dir(bench)") == set()


@pytest.mark.parametrize("name", ["load", "compare", "Runs"])
def test_a_name_is_imported_when_it_is_used_and_pandas_when_a_frame_is(name: str) -> None:
    found = imported(f"import bench; bench.{name}")
    assert "pydantic" in found
    assert found & {"pandas", "altair", "vl_convert"} == set()


def test_a_used_library_is_seen() -> None:
    assert {"pandas"} <= imported("import bench.api.frames")
    assert {"altair"} <= imported("import bench; bench.Chart")


@pytest.mark.parametrize(
    "arguments",
    [
        "--version",
        "list runs --results results/examples",
        "show digits-dnn",
        "report 20261126T125629Z-fd78 --results results/examples --format csv",
    ],
)
def test_commands_need_no_frame_and_no_chart(arguments: str) -> None:
    code = f"""
import sys
from bench.cli import main
sys.argv = ["levelfield", *{arguments.split()}]
try:
    main()
except SystemExit as end:
    assert end.code in {{None, 0, 1}}, end.code
"""
    assert imported(code) & {"pandas", "altair", "vl_convert"} == set()


def test_every_name_is_there() -> None:
    assert bench.PLACES.keys() == {*bench.__all__}
    assert {*bench.__all__} <= {*dir(bench)}
    assert [name for name in bench.__all__ if getattr(bench, name).__class__ is type(None)] == []
    assert bench.__version__ == __version__
    with pytest.raises(AttributeError, match="module 'bench' has no attribute 'laod'"):
        bench.laod  # type: ignore[attr-defined]  # noqa: B018 (it is looked up)
