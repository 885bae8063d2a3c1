"""A file of budgets is read, and a mistake in it is reported in one line."""

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.records.budget import LIMITS, Budget
from bench.records.budget_files import load_budgets


def test_every_limit_is_a_key_of_a_budget() -> None:
    assert set(LIMITS) <= set(Budget.__dataclass_fields__)


def test_the_budgets_of_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text('[[budget]]\nworkload = "digits-cnn"\nbatch_size = 1\nlatency_p90_ms = 2\naccuracy = 0.9\n')
    assert load_budgets(path) == (Budget(workload="digits-cnn", batch_size=1, latency_p90_ms=2.0, accuracy=0.9),)


@pytest.mark.parametrize("key", ["framework", "contender"])
def test_a_budget_names_its_framework_and_the_former_key_is_still_accepted(tmp_path: Path, key: str) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(f'[[budget]]\nworkload = "a"\n{key} = "keras/jax"\naccuracy = 0.9\n')
    (found,) = load_budgets(path)
    assert found == Budget(workload="a", framework="keras/jax", accuracy=0.9)
    assert found.chosen_by() == {"workload": "a", "contender": "keras/jax"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"budgets.toml: found no budget, expected \[\[budget\]\], \[drift\] or \[log\]"),
        ("budget = []", r"budgets.toml: found no budget, expected \[\[budget\]\], \[drift\] or \[log\]"),
        (
            "[drift]",
            r"budgets.toml: drift: found no limit, expected one of drifted_share, outputs_share, accuracy, mae",
        ),
        ("[log]\nerrors_share = 2.0", r"budgets.toml: log.errors_share: found 2.0, expected a number of at most 1"),
        (
            '[[budget]]\nworkload = "a"',
            r"toml: \[\[budget\]\] 1: found no limit, expected one of latency_p50_ms, ",
        ),
        (
            "[[budget]]\nlatency_p50_ms = 1.0",
            r"toml: \[\[budget\]\] 1: workload: found nothing, expected a value",
        ),
        (
            '[[budget]]\nworkload = "a"\nlatency_p95_ms = 1.0',
            r"\[\[budget\]\] 1: latency_p95_ms: unknown key \(did you mean latency_p99_ms or .*\), expected one of acc",
        ),
        (
            '[[budget]]\nworkload = "a"\nlatency_p50_ms = -1.0',
            r"\[\[budget\]\] 1: latency_p50_ms: found -1.0, expected a number greater than 0",
        ),
        (
            '[budget]\nworkload = "a"',
            r"budgets.toml: budget: found .*, expected a list in square brackets, or tables whose headers",
        ),
        (
            '[[budget]]\nworkload = "a"\nloss = 1.0\nframework = "flax"\ncontender = "pytorch"',
            r"\[\[budget\]\] 1: contender: unknown key, expected one of accuracy, .* framework, ",
        ),
        ("[[budget", r"budgets.toml: not valid TOML: "),
        (
            '[[budget]]\nworkload = "a"\naccuracy = 95',
            r"budgets.toml: \[\[budget\]\] 1: accuracy: found 95, expected 0 to 1: write 0\.95 for 95 %",
        ),
        ('[[budget]]\nworkload = "a"\nrmse = -1', r"\[\[budget\]\] 1: rmse: found -1, expected at least 0"),
        (
            '[[budget]]\nworkload = "a"\naccuracy = 95\n[[budget]]\nwork = "a"\nr2 = 2',
            r"\] 2: work: unknown key .*\[\[budget\]\] 1: accuracy: found 95.*\[\[budget\]\] 2: r2: found 2",
        ),
    ],
)
def test_a_mistake_in_a_budget_is_reported_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_budgets(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.toml: no such file, expected a TOML file"):
        load_budgets(tmp_path / "none.toml")


def test_values_that_a_metric_can_have_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text('[[budget]]\nworkload = "a"\naccuracy = 1\nr2 = -0.5\nrmse = 95\nloss = 0\n')
    assert load_budgets(path)[0].limits() == {"accuracy": 1.0, "r2": -0.5, "rmse": 95.0, "loss": 0.0}
