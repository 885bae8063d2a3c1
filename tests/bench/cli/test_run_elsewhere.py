"""Options that cannot be used on other machines are refused before anything is asked of a cluster."""

import pytest

from tests.bench.cli.conftest import Command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--executor", "slurm"), "--executor: found 'slurm', expected local or ray"),
        (("--executor", "slurm", "--dry-run"), "--executor: found 'slurm', expected local or ray"),
        (("--executor", "ray", "--self-check"), "--against or --self-check: found with --executor ray"),
        (("--executor", "ray", "--machine", "lab"), "--machine: found with --executor ray"),
        (("--executor", "ray", "--save-models", "--tensorboard"), "--save-models, --tensorboard: found with"),
    ],
)
def test_a_mistake_is_one_line(levelfield: Command, words: tuple[str, ...], said: str) -> None:
    done = levelfield("run", "digits-dnn", "--framework", "pytorch", *words)
    assert done.code == 2
    assert said in done.err
