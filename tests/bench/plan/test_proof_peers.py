"""A proof adds a second framework where only one was chosen, and none that a variable of the shell spoils."""

import pytest

from bench.plan.proof_peers import all_that_run, second
from bench.workload import frameworks
from bench.workload.frameworks import Contender

PYTORCH, FLAX = Contender("pytorch"), Contender("flax")
TENSORFLOW, JAX, TORCH = (Contender("keras", name) for name in ("tensorflow", "jax", "torch"))
NO_JIT = {"JAX_DISABLE_JIT": "1"}


@pytest.mark.parametrize(
    ("chosen", "company"),
    [
        ((PYTORCH,), (FLAX,)),
        ((FLAX,), (PYTORCH,)),
        ((PYTORCH, FLAX), ()),
        ((JAX, TORCH), (PYTORCH, FLAX)),
        ((TORCH, FLAX), (PYTORCH,)),
        ((), (PYTORCH, FLAX)),
    ],
)
def test_a_second_peer_is_added_where_one_is_missing(
    chosen: tuple[Contender, ...], company: tuple[Contender, ...]
) -> None:
    assert second(chosen) == company


def test_only_installed_frameworks_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "is_installed", lambda contender: contender == FLAX)
    assert second((PYTORCH,)) == (FLAX,)
    monkeypatch.setattr(frameworks, "is_installed", lambda _: False)
    assert second((PYTORCH,)) == ()


def test_a_framework_for_which_the_network_has_no_file_is_not_added() -> None:
    assert second((PYTORCH,), able=lambda item: item.framework != "flax") == (TENSORFLOW,)
    assert second((FLAX,), able=lambda item: item.framework == "flax") == ()


def test_a_framework_that_a_variable_of_the_shell_spoils_is_not_added() -> None:
    assert second((PYTORCH,), environ=NO_JIT) == (TENSORFLOW,)
    assert second((PYTORCH,), environ={"JAX_DISABLE_JIT": "0"}) == (FLAX,)
    assert second((PYTORCH,), environ=NO_JIT | {"LEVELFIELD_ALLOW": "JAX_DISABLE_JIT"}) == (FLAX,)


def test_what_a_proof_cannot_do_without_counts_as_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    assert all_that_run((PYTORCH,), gpu=False) == (PYTORCH, TENSORFLOW)
    monkeypatch.setattr(frameworks, "is_installed", lambda contender: contender in {PYTORCH, FLAX})
    assert all_that_run((PYTORCH,), gpu=False) == (PYTORCH, FLAX), "no other framework is left"
    assert all_that_run((PYTORCH, FLAX), gpu=False) == (PYTORCH, FLAX)
