"""Two interleaved runs wait for each other only in the cases that both have."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.record import Case, to_json
from bench.run import plan_exchange
from tests.bench.sample_records import record

BOTH = record().case
MINE, THEIRS = replace(BOTH, workload="mine"), replace(BOTH, workload="theirs")


def test_both_runs_find_the_cases_that_they_share(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        base = pool.submit(plan_exchange.shared, (BOTH, MINE), folder=tmp_path, side="base")
        head = pool.submit(plan_exchange.shared, (THEIRS, BOTH), folder=tmp_path, side="head")
        assert base.result() == head.result() == {BOTH}


@pytest.mark.parametrize(("changes", "found"), [({}, True), ({"batch_sizes": (7,)}, False), ({"replicate": 3}, False)])
def test_cases_of_two_commits_are_equal_if_their_common_keys_are(
    changes: dict[str, object], *, found: bool, tmp_path: Path
) -> None:
    older = to_json(replace(BOTH, **changes))  # type: ignore[arg-type]
    del older["feed"]
    older["what is not known here"] = 1
    (tmp_path / "base.plan").write_text(json.dumps([older]))
    assert (BOTH in plan_exchange.shared((BOTH,), folder=tmp_path, side="head")) == found


def test_all_cases_are_shared_if_the_other_run_has_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_exchange, "LIMIT_S", 0.1)
    cases: tuple[Case, ...] = (BOTH, MINE)
    assert plan_exchange.shared(cases, folder=tmp_path, side="base") == set(cases)
