"""A run knows its results and how long its cases take, or that it does not."""

from pathlib import Path

import pytest

from bench.records.store import RECORDS, Plan, RunFolder
from tests.bench.sample_records import record


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("[1, 2.5]", (1.0, 2.5)),
        ("[1, NaN]", ()),
        ("[1, Infinity]", ()),
        ("[1, -1]", ()),
        ("[1e308, 1e308]", ()),
        ('["soon", 1]', ()),
        ("3", ()),
    ],
)
def test_estimates_that_are_no_times_are_left_out(tmp_path: Path, text: str, seconds: tuple[float, ...]) -> None:
    run = RunFolder(tmp_path / RECORDS)
    run.save_plan(Plan(cases=(record().case, record(replicate=1).case), options={}))
    run.plan.write_text(run.plan.read_text().replace('"estimates_s": []', f'"estimates_s": {text}'))
    found = run.load_plan()
    assert (len(found.cases), found.estimates_s) == (2, seconds)


@pytest.mark.parametrize(
    ("records", "results"),
    [
        ("results/machine/run/records.jsonl", Path("results")),
        ("/results/machine/run/records.jsonl", Path("/results")),
        ("/machine/run/records.jsonl", Path("/")),
        ("/run/records.jsonl", None),
        ("/records.jsonl", None),
    ],
)
def test_a_run_is_two_folders_below_its_results_or_in_no_results(records: str, results: Path | None) -> None:
    assert RunFolder(Path(records)).results == results


def test_a_run_named_from_its_own_folder_has_results_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results" / "machine" / "run"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert RunFolder(Path("records.jsonl")).results == tmp_path / "results"
