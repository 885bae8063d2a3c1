"""`levelfield check` holds runs against budgets."""

from pathlib import Path

from tests.bench.cli.conftest import Command


def test_budgets_end_with_3_where_one_is_broken(levelfield: Command, baseline: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.toml"
    for limit, code in ((1e9, 0), (1e-9, 3)):
        budgets.write_text(f'[[budget]]\nworkload = "digits-dnn"\nscenario = "inference"\nlatency_p90_ms = {limit}\n')
        found = levelfield("check", budgets, baseline)
        assert found.code == code
        assert ("BROKEN" in found.out) == (code == 3)
    budgets.write_text('[[budget]]\nworkload = "digits-gnn"\naccuracy = 0.5\n')
    found = levelfield("check", budgets, baseline)
    assert found.code == 6
    line = "[[budget]] 1: workload: found 'digits-gnn', which no record has (did you mean digits-dnn or digits-cnn or "
    assert found.err.startswith(f"warning: {budgets}: {line}")
    assert found.err.count("\n") == 1
    budgets.write_text('[[budget]]\nworkload = "digits-dnn"\nsamples_per_second = 1\n')
    assert levelfield("check", budgets, baseline).err == ""
