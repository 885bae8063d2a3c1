"""Installed frameworks are found without importing them; a missing one is reported with the extra that installs it."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from bench.errors import UsageError
from bench.workload import frameworks
from bench.workload.frameworks import Contender, choose, every_contender, is_installed, versions

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
KERAS = tuple(Contender("keras", backend) for backend in ("tensorflow", "jax", "torch"))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes some distributions appear as not installed."""

    def remove(*names: str) -> None:
        real = frameworks._version
        monkeypatch.setattr(frameworks, "_version", lambda name: None if name in names else real(name))

    return remove


def test_there_are_three_frameworks_and_keras_has_three_backends() -> None:
    assert every_contender() == (PYTORCH, *KERAS, FLAX)
    assert [str(item) for item in every_contender()] == [
        "pytorch",
        "keras/tensorflow",
        "keras/jax",
        "keras/torch",
        "flax",
    ]


def test_chosen_frameworks_keep_the_order_of_the_option() -> None:
    assert choose(("flax", "keras/jax", "pytorch")) == ((FLAX, KERAS[1], PYTORCH), ())


def test_plain_keras_is_its_first_installed_backend(without: Callable[..., None]) -> None:
    assert choose(("keras",)) == ((KERAS[0],), ())
    without("tensorflow")
    assert choose(("keras",)) == ((KERAS[1],), ())
    without("tensorflow", "jaxlib")
    assert choose(("keras",)) == ((KERAS[2],), ())


def test_all_means_every_installed_framework(without: Callable[..., None]) -> None:
    assert choose(("all",)) == (every_contender(), ())
    assert choose(("flax", "all"))[0] == (FLAX, PYTORCH, *KERAS)
    without("tensorflow")
    chosen, problems = choose(("all",))
    assert chosen == (PYTORCH, KERAS[1], KERAS[2], FLAX)
    assert problems == ("keras/tensorflow is not installed: `pip install 'levelfield[keras]'`",)


def test_a_framework_that_is_named_twice_is_chosen_once() -> None:
    assert choose(("keras", "keras/tensorflow", "keras")) == ((KERAS[0],), ())


@pytest.mark.parametrize(
    ("missing", "asked", "line"),
    [
        ("torch", "pytorch", "pytorch is not installed: `pip install 'levelfield[pytorch]'`"),
        ("optax", "flax", "flax is not installed: `pip install 'levelfield[flax]'`"),
        ("keras", "keras", "keras is not installed: `pip install 'levelfield[keras]'`"),
        ("tensorflow", "keras/tensorflow", "keras/tensorflow is not installed: `pip install 'levelfield[keras]'`"),
        ("jax", "keras/jax", "keras/jax is not installed: `pip install 'levelfield[keras]'`, and `pip install jax`"),
    ],
)
def test_a_missing_framework_is_reported_with_its_extra_and_the_others_are_chosen(
    missing: str, asked: str, line: str, without: Callable[..., None]
) -> None:
    other = "flax" if asked == "pytorch" else "pytorch"
    assert choose((asked,))[1] == ()
    without(missing)
    assert choose((asked, other)) == (choose((other,))[0], (line,))


@pytest.mark.parametrize("name", ["theano", "keras/theano", "torch", "pytorch/cpu", ""])
def test_an_unknown_framework_is_refused_with_a_list_of_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(("pytorch", name))
    known = "pytorch, keras, flax, keras/tensorflow, keras/jax, keras/torch, all"
    assert str(caught.value).startswith(f"--framework: found {name!r}")
    assert str(caught.value).endswith(f", expected one of {known}")


def test_versions_cover_every_distribution_that_a_framework_needs() -> None:
    assert versions(KERAS[1]) == {name: version(name) for name in ("jax", "jaxlib", "keras", "numpy")}
    assert versions(PYTORCH) == {name: version(name) for name in ("numpy", "torch")}
    assert all(map(is_installed, every_contender()))


def test_each_adapter_has_different_source_code() -> None:
    assert len({frameworks.adapter_source(name) for name in frameworks.framework_names()}) == 3


def test_versions_are_found_without_importing_a_framework() -> None:
    script = (
        "import sys; from bench.workload import frameworks as f; [f.versions(c) for c in f.every_contender()];"
        "print(sorted({'torch', 'keras', 'tensorflow', 'jax', 'flax', 'optax'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"
