"""The page shows the variables of the shell and the limits of a run, and says where they may spoil its figures."""

from collections.abc import Sequence
from dataclasses import replace

from bench.analysis.compare import compare
from bench.export import github, json, junit
from bench.records.record import Record
from bench.report import comparison
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import ENVIRONMENT, quick_run

KNOWN = replace(ENVIRONMENT, variables={}, host_cores=16, limits=("2 of 16 processors (quota of the control group)",))
OFF = replace(KNOWN, variables={"TF_ENABLE_ONEDNN_OPTS": "0"})


def facts(records: Sequence[Record]) -> dict[str, str]:
    table = table_of(report(records), "Method", "Environment")
    return dict(zip(column(table, "what"), column(table, "value"), strict=True))


def in_shell(environment: object, **how: object) -> list[Record]:
    return [replace(item, environment=environment) for item in quick_run(**how)]  # type: ignore[arg-type]


def test_variables_of_the_shell_and_limits_are_in_the_table_of_the_environment() -> None:
    found = facts(in_shell(OFF))
    assert found["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found["limits"] == "2 of 16 processors (quota of the control group)"
    assert facts(in_shell(KNOWN))["variables of the shell"] == "none that changes what is measured"
    assert "variables of the shell" not in facts(quick_run()), "older records do not know"


def test_a_run_that_was_continued_in_another_shell_says_so_on_the_first_page() -> None:
    first, *rest = in_shell(OFF)
    changed = [first, *(replace(item, environment=KNOWN) for item in rest)]
    note = "Its records differ in TF_ENABLE_ONEDNN_OPTS (0 / not set)."
    assert any(text.endswith(note) for text in table_of(report(changed), "Summary", "Summary").notes)
    assert facts(changed)["TF_ENABLE_ONEDNN_OPTS"] == "0; not set"
    assert not any("continued" in text for text in table_of(report(in_shell(OFF)), "Summary", "Summary").notes)


def test_a_variable_that_was_allowed_is_named_with_its_effect_on_the_first_page() -> None:
    allowed = replace(KNOWN, variables={"JAX_DISABLE_JIT": "1"})
    note = "The figures mean something else with the variable JAX_DISABLE_JIT, which was allowed: JAX compiles nothing."
    assert note in table_of(report(in_shell(allowed)), "Summary", "Summary").notes
    other = [item for item in in_shell(allowed) if item.case.framework == "pytorch"]
    assert note not in table_of(report(other), "Summary", "Summary").notes, "PyTorch does not read it"
    harmless = replace(KNOWN, variables={"JAX_DISABLE_JIT": "0"})
    assert note not in table_of(report(in_shell(harmless)), "Summary", "Summary").notes


def test_the_load_average_of_a_host_is_held_against_the_cores_of_the_host() -> None:
    def marked(loadavg: float) -> list[str]:
        records = [replace(item, loadavg=loadavg) for item in in_shell(KNOWN)]
        notes = table_of(report(records), "Summary", "Summary").notes
        return [text for text in notes if text.startswith("Other work used the cores")]

    assert marked(12.0) == [], "on two of 16 cores"
    assert "16.9 (median) on 16 cores of the host." in marked(16.9)[0]


def test_every_form_of_a_comparison_names_what_differs() -> None:
    found = compare(in_shell(KNOWN), in_shell(OFF, slowdown=1.5, run="b"), threshold=0.05)
    tables = comparison.report(found).sections[0].tables
    assert any(note == "The sides differ in TF_ENABLE_ONEDNN_OPTS (not set / 0)." for note in tables[0].notes)
    (differing,) = (table for table in tables if table.title == "The sides differ in")
    assert [[entry.text for entry in row] for row in differing.rows] == [["TF_ENABLE_ONEDNN_OPTS", "not set", "0"]]
    words = "TF_ENABLE_ONEDNN_OPTS (not set / 0)"
    assert f"::notice title=levelfield::the sides differ in {words} (baseline / candidate)\n" in github.annotations(
        found
    )
    assert words in junit.render(found)
    assert '"what": "TF_ENABLE_ONEDNN_OPTS"' in json.render(found)


def test_a_comparison_of_equal_environments_names_none() -> None:
    found = compare(in_shell(OFF), in_shell(OFF, slowdown=1.5, run="b"), threshold=0.05)
    assert not any(table.title == "The sides differ in" for table in comparison.report(found).sections[0].tables)
    assert "notice" not in github.annotations(found)
    assert "differ" not in junit.render(found)


def test_many_differences_are_counted_in_the_note_and_all_are_in_the_table() -> None:
    other = replace(OFF, python="4", system="Other", cpu="Other", variables={"A": "1", "B": "2"})
    found = compare(in_shell(OFF), in_shell(other, run="b"), threshold=0.05)
    tables = comparison.report(found).sections[0].tables
    assert any(note.endswith("TF_ENABLE_ONEDNN_OPTS (0 / not set), and 3 more.") for note in tables[0].notes)
    assert len(next(table for table in tables if table.title == "The sides differ in").rows) == 6
