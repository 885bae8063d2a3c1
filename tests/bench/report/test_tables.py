"""The report shows all that was measured, ranks only what is proven, and hides no failure."""

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bench.errors import NothingMeasuredError
from bench.records.measurement import Boundary, Compiling, Measurement, Turns
from bench.records.record import Certificate, Rate, Record, Roof, SearchResult
from bench.report.layout import Report, Table
from bench.report.modes import pays_off
from bench.report.tables import report
from bench.workload.axes import Mode
from tests.bench.sample_records import block, learning, quick_run, record

WORST_TITLE = "Farthest from the hardware's limit"


def _table(found: Report, section: str, title: str) -> Table:
    tables = next(item.tables for item in found.sections if item.title == section)
    return next(table for table in tables if table.title == title)


def _column(table: Table, title: str) -> list[str]:
    index = [column.title for column in table.columns].index(title)
    return [row[index].text for row in table.rows]


def _timed(framework: str, call_time_s: float, *, replicates: int = 3, **changes: object) -> list[Record]:
    measurement = Measurement(blocks=(replace(block(call_time_s=call_time_s), **changes),))  # type: ignore[arg-type]
    return [record(framework=framework, replicate=number, measurement=measurement) for number in range(replicates)]


def test_below_the_title_stands_when_and_on_what() -> None:
    (first, *_), later = quick_run(), replace(record(order=1), started="2026-01-02T03:04:50Z", duration_s=20.0)
    (line,) = report([first, replace(later, run=first.run, outcome="failed")]).about
    assert line == (
        "2026-01-01 00:00 to 2026-01-02 03:05 UTC, with a break of 1625 minutes · "
        "Example CPU @ 2.60GHz, 2 cores · 8.59 GB of memory · "
        "torch 2.13.0, keras 3.15.0, flax 0.12.8, tensorflow 2.21.0, jax 0.11.0"
    )
    moved = replace(first.environment, cpu="Other CPU", gpus=("NVIDIA H200",), versions={"torch": "2.11.0"})
    both = report([first, replace(later, environment=moved)]).about  # two runs: a line for each
    assert [line.partition(": ")[0] for line in both] == [first.run, later.run]
    assert both[1].endswith("Other CPU, 2 cores · 8.59 GB of memory · NVIDIA H200 · torch 2.11.0")


def test_there_it_also_says_how_far_processes_are_apart_that_do_the_same() -> None:
    (line,) = report(_one_by_one((1e-3, 1.2e-3, 1.1e-3), "idiomatic")).about
    assert line.endswith(" · processes that do the same are 20% apart (median)")
    assert "apart" not in report(_one_by_one((1e-3,), "idiomatic")).about[0]


def test_the_quick_suite_fills_36_cells() -> None:
    found = report(quick_run())
    rows = [
        row
        for section in found.sections
        for table in section.tables
        if table.title in {"Training", "Inference"}
        for row in table.rows
    ]
    assert len(rows) == 36
    assert all(entry.text for row in rows for entry in row)
    assert len(_table(found, "Summary", "Summary").rows) == 9


def test_the_fastest_is_marked_and_the_others_are_shown_as_times_slower() -> None:
    found = report([*_timed("pytorch", 2e-3), *_timed("flax", 1e-3)])
    table = _table(found, "digits-dnn", "Training")
    ratios = _column(table, "vs fastest")
    assert ratios == ["2.00×", "1.00×"], "of processes that are alike there is no range"
    assert [row[2].best for row in table.rows] == [False, True]


def test_who_cannot_be_told_from_the_fastest_is_marked_as_well() -> None:
    def marked(*times_s: float) -> list[bool]:
        others = [
            replace(item, case=replace(item.case, framework="pytorch")) for item in _one_by_one(times_s, "idiomatic")
        ]
        found = report([*others, *_one_by_one((1e-3, 1.1e-3, 1.2e-3), "idiomatic")])
        return [row[2].best for row in _table(found, "digits-dnn", "Training").rows]

    assert marked(1.15e-3, 1.3e-3, 1.4e-3) == [True, True]
    assert marked(1.25e-3, 1.3e-3, 1.4e-3) == [False, True]


def test_who_has_several_steps_in_a_call_is_named() -> None:
    records = _one_by_one((1e-3, 1e-3), "tuned", {"call": "lax.scan of 8 steps"})
    (remark,) = [note for note in _table(report(records), "digits-dnn", "Training").notes if "several steps" in note]
    assert "flax, batch 32 (lax.scan of 8 steps)" in remark
    usual = _table(report(_one_by_one((1e-3, 1e-3), "tuned", {"call": "jax.jit"})), "digits-dnn", "Training")
    assert not any("several steps" in note for note in usual.notes)


@pytest.mark.parametrize(("single_ns", "said"), [(500_000, True), (2_000_000, False)])
def test_who_is_slower_with_one_wait_for_many_calls_is_named(single_ns: int, *, said: bool) -> None:
    records = _timed("flax", 1e-3, synchronised_ns=(single_ns,) * 64)  # in rounds a call takes some 0.8 ms
    notes = _table(report(records), "digits-dnn", "Training").notes
    assert any("Slower with one wait" in note and "flax, batch 32 (1.6" in note for note in notes) == said
    alone = _table(report(records[:1]), "digits-dnn", "Training").notes
    assert not any("Slower with one wait" in note for note in alone), "one process is no evidence"


def test_who_runs_alone_wins_nothing() -> None:
    table = _table(report(_timed("pytorch", 2e-3)), "digits-dnn", "Training")
    assert not any(entry.best for row in table.rows for entry in row)


@pytest.mark.parametrize("state", ["failed", None])
def test_without_a_certificate_there_is_no_rank_and_the_others_are_ranked_without_it(state: str | None) -> None:
    records = [*_timed("pytorch", 2e-3), *_timed("keras/jax", 3e-3)]
    cheat = [replace(item, certificate=record(certificate=state).certificate) for item in _timed("flax", 1e-3)]
    found = report([*records, *cheat])
    table = _table(found, "digits-dnn", "Training")
    assert [text[:10] for text in _column(table, "vs fastest")] == ["1.00×", "1.50×", "not ranked"]
    assert [row[2].best for row in table.rows] == [True, False, False]
    assert _column(_table(found, "Summary", "Summary"), "certificate")[2] == ("failed" if state else "missing")


@pytest.mark.parametrize(("available", "said"), [(False, "unavailable"), (True, "failed")])
def test_what_a_framework_cannot_do_has_not_failed_its_certificate(available: bool, said: str) -> None:  # noqa: FBT001
    certificate = Certificate(contender="flax", deviations=(), steps=100, problem="no such layer", available=available)
    cannot = [replace(item, outcome="unavailable", certificate=certificate) for item in _timed("flax", 1e-3)]
    found = report([*_timed("pytorch", 2e-3), *cannot])
    for section, title in (("Summary", "Summary"), ("digits-dnn", "Certificate: the largest relative deviations")):
        assert _column(_table(found, section, title), "certificate") == ["passed", said]


def test_percentiles_of_too_few_samples_are_not_shown() -> None:
    enough = _table(report(_timed("flax", 1e-3, synchronised_ns=(1000,) * 64)), "digits-dnn", "Training")
    assert _column(enough, "step p90") == ["1.00 µs ±0.0 %"]
    few = _table(report(_timed("flax", 1e-3, synchronised_ns=(1000,) * 63)), "digits-dnn", "Training")
    assert "step p90" not in [column.title for column in few.columns]
    assert any("64 samples" in note for note in few.notes)


def test_every_figure_has_the_range_of_its_processes_and_what_it_is_worth() -> None:
    times = [(1_000_000,), (1_040_000,), (980_000,)]
    records = [_timed("flax", 1e-3, replicates=1, synchronised_ns=item * 64)[0] for item in times]
    records = [replace(item, case=replace(item.case, replicate=number)) for number, item in enumerate(records)]
    table = _table(report(records), "digits-dnn", "Training")
    assert _column(table, "step p50") == ["1.00 ms ±4 %"]
    assert any("the range of 3 processes is a 75 % interval of the median" in note for note in table.notes)
    alone = _table(report(records[:1]), "digits-dnn", "Training")
    assert _column(alone, "step p50") == ["1.00 ms"]
    assert not any("interval" in note for note in alone.notes)


def test_the_first_three_calls_stand_beside_the_steady_state() -> None:
    first = (900_000_000, 30_000_000, 2_000_000)
    timed = _timed("flax", 1e-3, call_ns=first, synchronised_ns=(1_000_000,) * 64)
    table = _table(report(timed), "digits-dnn", "First calls")
    assert [entry.text for entry in table.rows[0]] == [
        "training",
        "32",
        "flax",
        "900 ms",
        "30.0 ms",
        "2.00 ms",
        "1.00 ms",
    ]


def test_a_call_is_shown_in_its_four_parts() -> None:
    parts = Boundary(to_device_ns=(5_000,), dispatch_ns=(70_000,), compute_ns=(1_100_000,), to_host_ns=(300,))
    found = report([*_timed("flax", 1e-3, boundary=parts), *_timed("pytorch", 1e-3)])
    table = _table(found, "digits-dnn", "Where the time of a call goes")
    assert [entry.text for entry in table.rows[0]] == [
        "training",
        "32",
        "flax",
        "5.00 µs",
        "70.0 µs",
        "1.10 ms",
        "300 ns",
    ]
    assert len(table.rows) == 1, "nothing is said of a call that was not taken apart"


def test_how_many_medians_are_known_well_is_told() -> None:
    known = _timed("flax", 1e-3, synchronised_ended="interval", pipelined_ended="interval")
    found = report([*known, *_timed("pytorch", 1e-3, synchronised_ended="interval")])
    facts = dict(
        zip(*(_column(_table(found, "Method", "How it was measured"), name) for name in ("what", "value")), strict=True)
    )
    assert "within 1 % of it, in 9 of 12 blocks" in facts["calls"]


def test_a_run_that_had_turns_with_another_says_so() -> None:
    turns = Turns(session="one", synchronised_calls=20, pipelined_rounds=5)
    facts = [
        _column(_table(report(_timed("flax", 1e-3, turns=found)), "Method", "How it was measured"), "what")
        for found in (turns, None)
    ]
    assert ["turns" in titles for titles in facts] == [True, False]


def test_unequal_use_of_cores_is_remarked_and_equal_use_is_not() -> None:
    alone = _timed("pytorch", 1e-3, cpu_ns=100, wall_ns=100)
    both = _timed("flax", 1e-3, cpu_ns=190, wall_ns=100)
    remarks = _table(report([*alone, *both]), "digits-dnn", "Training").notes
    assert any("Cores are not used alike" in note and "1.00 (pytorch) to 1.90 (flax)" in note for note in remarks)
    remarks = _table(report([*alone, *_timed("flax", 1e-3, cpu_ns=140, wall_ns=100)]), "digits-dnn", "Training").notes
    assert not any("Cores" in note for note in remarks)


def test_a_process_that_was_not_steady_is_named() -> None:
    remarks = _table(report(_timed("flax", 1e-3, steady=False)), "digits-dnn", "Training").notes
    assert "No steady state: flax, batch 32, 3 of 3 processes." in remarks


def test_modes_and_precisions_stand_in_the_order_of_the_run_and_remarks_name_them() -> None:
    usual = _timed("pytorch", 1e-3, cpu_ns=100, wall_ns=100)
    other = _timed("flax", 1e-3, cpu_ns=190, wall_ns=100, steady=False)
    records = [*usual, *other]
    records += [replace(item, case=replace(item.case, mode="tuned")) for item in (*usual, *other)]
    records += [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    table = _table(report(records), "digits-dnn", "Training")
    named = list(zip(_column(table, "mode"), _column(table, "precision"), strict=True))
    assert named == [*[("idiomatic", "fp32")] * 2, *[("tuned", "fp32")] * 2, ("idiomatic", "bf16")]
    assert (
        "No steady state: flax, batch 32 idiomatic fp32, 3 of 3 processes; flax, batch 32 tuned fp32, 3 of 3 processes."
    ) in table.notes
    (cores,) = (note for note in table.notes if note.startswith("Cores"))
    assert "batch 32 idiomatic fp32, 1.00 (pytorch) to 1.90 (flax); batch 32 tuned fp32, 1.00" in cores


def test_seeds_give_mean_and_spread_and_a_missed_target_is_said() -> None:
    records = [record(purpose="learning", seed=seed) for seed in range(3)]
    table = _table(report(records), "digits-dnn", "Quality on the test set")
    assert _column(table, "accuracy") == ["0.9680 ± 0.0020"]
    assert _column(table, "time to target") == ["900 ms"]
    missed = [replace(records[0], measurement=Measurement(learning=learning(reached=False))), *records[1:]]
    table = _table(report(missed), "digits-dnn", "Quality on the test set")
    assert _column(table, "time to target") == ["not reached (1 of 3)"]


def test_a_metric_that_is_no_number_has_no_spread() -> None:
    """R² of a single sample is none, with every seed."""
    quality = {"accuracy": 0.9, "r2": float("nan")}
    measurement = Measurement(learning=replace(learning(), quality=quality))
    records = [record(purpose="learning", seed=seed, measurement=measurement) for seed in range(3)]
    table = _table(report(records), "digits-dnn", "Quality on the test set")
    assert _column(table, "r2") == ["n/a"]
    assert _column(table, "accuracy") == ["0.9000 ± 0.0000"]


def test_a_long_learning_curve_is_told_by_its_first_last_and_some_epochs() -> None:
    records = [record(purpose="learning", measurement=Measurement(learning=learning(epochs=100)))]
    epochs = _column(_table(report(records), "digits-dnn", "Learning curve"), "epoch")
    assert (len(epochs), epochs[0], epochs[-1]) == (10, "1", "100")


@pytest.mark.parametrize("outcome", ["failed", "oom", "timeout", "diverged", "unavailable"])
def test_what_did_not_end_well_is_shown_with_its_reason(outcome: str) -> None:
    trouble = [
        record(framework="flax", purpose=purpose, outcome=outcome, error="Traceback:\n  line\nValueError: too hot\n")  # type: ignore[arg-type]
        for purpose in ("timing", "learning", "memory")
    ]
    found = report([*_timed("pytorch", 1e-3), *trouble])
    assert _column(_table(found, "Failures", "Failures"), "reason") == ["ValueError: too hot"]
    assert _column(_table(found, "Failures", "Failures"), "cases") == ["timing 1, learning seed 0, memory"]
    assert _column(_table(found, "digits-dnn", "Training"), "samples/s")[1] == outcome
    assert _column(_table(found, "digits-dnn", "Quality on the test set"), "quality") == [outcome]
    assert all(section.title != "Failures" for section in report(_timed("pytorch", 1e-3)).sections)


def test_devices_are_named_where_they_vary_and_do_not_compete() -> None:
    records = [record(framework=name, device=device) for name in ("pytorch", "flax") for device in ("cpu", "cuda")]
    table = _table(report(records), "digits-dnn", "Training")
    assert _column(table, "device") == ["cpu", "cpu", "cuda", "cuda"]
    assert sum(text.startswith("1.00×") for text in _column(table, "vs fastest")) == 2
    alone = _table(report(records[:1]), "digits-dnn", "Training")
    assert "device" not in [column.title for column in alone.columns]


def test_the_certificate_shows_the_largest_deviation_and_why_there_is_none() -> None:
    found = report([record(certificate="failed"), record(framework="flax", replicate=1)])
    table = _table(found, "digits-dnn", "Certificate: the largest relative deviations")
    assert _column(table, "float64 forward") == ["4.2e-03 not ≤ 1e-12", "3.1e-16 ≤ 1e-12"]
    problem = Certificate(contender="pytorch", deviations=(), steps=0, problem="the traces were cut short")
    table = _table(report([record(certificate=problem)]), "digits-dnn", "Certificate: the largest relative deviations")
    assert table.notes == ("pytorch: the traces were cut short",)


def test_memory_that_cannot_be_read_is_not_zero() -> None:
    table = _table(report([record(purpose="memory")]), "digits-dnn", "Peak memory")
    assert _column(table, "host peak") == ["43.2 MB"]
    assert _column(table, "device peak") == ["n/a"]


def test_method_settings_and_environment_are_told() -> None:
    found = report(quick_run(), command="nox -s bench")
    assert found.command == "nox -s bench"
    facts = dict(
        zip(*(_column(_table(found, "Method", "How it was measured"), name) for name in ("what", "value")), strict=True)
    )
    assert "timing in 3" in facts["processes"]
    assert "10 rounds of 20 calls" in facts["calls"]
    settings = _table(found, "Method", "Settings of each framework")
    (flax,) = (row for row in settings.rows if row[0].text == "flax")
    assert [entry.text for entry in flax[1:]] == ["yes", "flax Adam"]
    assert "i7-2c-1f3a" in _column(_table(found, "Method", "Environment"), "value")


def test_several_runs_are_never_mixed() -> None:
    found = report([*quick_run(run="a", workloads=["digits-dnn"]), *quick_run(run="b", workloads=["digits-dnn"])])
    assert [section.title for section in found.sections if "Summary" in section.title] == [
        "Summary (run a)",
        "Summary (run b)",
    ]


def test_no_record_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(NothingMeasuredError, match="levelfield run"):
        report([])


def test_reports_start_without_a_framework_and_without_what_is_heavy() -> None:
    program = (
        "import sys; import bench.report.tables, bench.report.markdown, bench.report.terminal, bench.report.charts, "
        "bench.report.comparison, bench.export.csv; "
        "heavy = {'torch', 'tensorflow', 'keras', 'jax', 'flax', 'sklearn', 'pandas', 'matplotlib'}; "
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).stderr == b""


ROOF = Roof(flops=Rate(per_second=1e12, size=1024, by="pytorch"), bytes=(Rate(per_second=1e9, size=10**6, by="flax"),))


def test_a_cell_stands_beside_the_limit_of_its_device() -> None:
    timed = [replace(item, roof=ROOF) for item in _timed("flax", 1e-3, flops=2 * 10**8, least_bytes=10**5)]
    found = report(timed)
    table = _table(found, "digits-dnn", "Distance from the hardware's limit")
    assert _column(table, "limited by") == ["compute"]
    assert _column(table, "floor") == ["200 µs"]
    (over,) = _column(table, "over the floor")
    assert float(over.rstrip("×")) == pytest.approx(4.0, rel=0.01), "pipelined calls take four fifths"
    assert _column(_table(found, "Method", "What the device can do"), "best rate") == ["1.00 TFLOP/s", "1.00 GB/s"]


@pytest.mark.parametrize("slower_first", [True, False])
def test_the_best_roof_counts_of_a_run_that_measured_it_at_each_start(*, slower_first: bool) -> None:
    slower = Rate(per_second=5e11, size=1024, by="flax")
    streams = (Rate(per_second=2e9, size=10**6, by="jax"), Rate(per_second=3e9, size=10**7, by="jax"))
    roofs = [ROOF, Roof(flops=slower, bytes=streams)][:: -1 if slower_first else 1]
    timed = _timed("flax", 1e-3, flops=2 * 10**8, least_bytes=10**5, replicates=2)
    found = report([replace(item, roof=roof) for item, roof in zip(timed, roofs, strict=True)])
    device = _table(found, "Method", "What the device can do")
    assert _column(device, "best rate") == ["1.00 TFLOP/s", "2.00 GB/s", "3.00 GB/s"]
    assert _column(_table(found, "digits-dnn", "Distance from the hardware's limit"), "floor") == ["200 µs"]


def test_without_a_roof_there_is_no_floor() -> None:
    titles = {table.title for section in report(quick_run()).sections for table in section.tables}
    assert "Distance from the hardware's limit" not in titles
    assert "What the device can do" not in titles


def test_a_tuned_cell_stands_beside_what_the_guide_says() -> None:
    options = {"optimizer": "fused"}
    search = SearchResult(batch_size=32, options=options, metric="step_time_pipelined_s", searched="", candidates=())
    usual, faster = _timed("pytorch", 2e-3), _timed("pytorch", 1e-3)
    tuned = [replace(item, case=replace(item.case, mode="tuned"), tunings=(search,)) for item in faster]
    table = _table(report([*usual, *tuned]), "digits-dnn", "Modes and precisions")
    assert _column(table, "mode") == ["tuned"]
    assert _column(table, "gain") == ["2.00×"]
    assert _column(table, "options") == ["optimizer fused"]
    assert _column(table, "pays off after") == ["n/a"], "nothing is known of how both began"
    assert "Modes and precisions" not in {item.title for part in report(usual).sections for item in part.tables}
    alone = _table(report(tuned), "digits-dnn", "Modes and precisions")
    assert _column(alone, "gain") == ["n/a"]


def _one_by_one(times_s: tuple[float, ...], mode: Mode, options: dict[str, str] | None = None) -> list[Record]:
    """A process for each of the times, in this mode."""
    search = SearchResult(
        batch_size=32, options=options or {}, metric="step_time_pipelined_s", searched="", candidates=()
    )
    return [
        replace(
            item,
            case=replace(item.case, mode=mode, replicate=number),
            tunings=() if options is None else (search,),
        )
        for number, time in enumerate(times_s)
        for item in _timed("flax", time, replicates=1)
    ]


@pytest.mark.parametrize(
    ("times_s", "options", "said"),
    [
        ((3e-3, 4e-3, 5e-3), {"call": "loop"}, True),
        ((1e-3, 4e-3, 5e-3), {"call": "loop"}, False),
        ((3e-3, 4e-3, 5e-3), {}, False),
    ],
)
def test_where_tuned_is_slower_in_every_process_a_remark_says_so(
    times_s: tuple[float, ...], options: dict[str, str], *, said: bool
) -> None:
    records = [*_one_by_one((2e-3, 2e-3, 2e-3), "idiomatic"), *_one_by_one(times_s, "tuned", options)]
    notes = _table(report(records), "digits-dnn", "Modes and precisions").notes
    remark = (
        "Tuned, and slower than the guide's in every pair of processes: flax training, batch 32 tuned (2.00× the time)."
    )
    assert (remark in notes) == said


def _note(table: Table, words: str) -> bool:
    return any(words in note for note in table.notes)


def _beginning(items: list[Record], *, call_ns: int) -> list[Record]:
    """Records whose first calls took so long, and were compiled in a second."""
    compiling = Compiling(trace_ns=10**9, compile_ns=10**9)
    made = []
    for item in items:
        assert item.measurement is not None
        blocks = tuple(
            replace(one, call_ns=(call_ns,) * 3, first_round_ns=call_ns, compiling=compiling)
            for one in item.measurement.blocks
        )
        made.append(replace(item, measurement=replace(item.measurement, blocks=blocks)))
    return made


def test_programs_of_several_steps_say_so_where_their_figures_stand() -> None:
    others = [replace(item, case=replace(item.case, mode="tuned")) for item in _timed("pytorch", 2e-3, replicates=2)]
    for steps, said in (("lax.scan of 8 steps", True), ("jax.jit", False)):
        mine = _beginning(_one_by_one((1e-3, 1e-3), "tuned", {"call": steps}), call_ns=10**7)
        found = report([*mine, *_beginning(others, call_ns=10**8)])
        training = _table(found, "digits-dnn", "Training")
        titles = [column.title for column in training.columns]
        best = {row[1].text: [entry.best for entry in row] for row in training.rows}
        for single in ("step p50", "first call"):
            assert best["flax"][titles.index(single)] is not said, "it is that of another program"
        assert best["flax"][titles.index("samples/s")]
        assert _note(_table(found, "digits-dnn", "First calls"), "With several steps in a call (flax)") == said
        summary = _table(found, "Summary", "Summary")
        assert _note(summary, "training samples/s are those of such calls: digits-dnn flax tuned.") == said


def test_a_summary_says_who_competes_and_what_bold_is() -> None:
    one = [*_one_by_one((2e-3,), "idiomatic"), *_one_by_one((1e-3,), "tuned", {})]
    summary = _table(report(one), "Summary", "Summary")
    assert _note(summary, "Those of one device, mode and precision compete")
    assert _note(summary, "how far processes are apart is not known")
    several = _table(report(_one_by_one((2e-3, 3e-3), "idiomatic")), "Summary", "Summary")
    assert not _note(several, "compete")
    assert _note(several, "whose range over processes overlaps")
    assert not _note(several, "is not known")


def test_what_is_faster_in_pairs_pays_off_whatever_medians_say() -> None:
    usual = _beginning(_one_by_one((1e-3, 3e-3, 2e-3), "idiomatic"), call_ns=10**8)
    tuned = _one_by_one((1e-3, 2.7e-3, 1.8e-3), "tuned", {"call": "x"})
    quicker = _table(report([*usual, *_beginning(tuned, call_ns=10**9)]), "digits-dnn", "Modes and precisions")
    assert _column(quicker, "gain")[0].startswith("1.11×")
    assert _column(quicker, "pays off after")[0].endswith(" steps")
    lucky = _beginning(_one_by_one((1.1e-3, 3.3e-3, 2e-3), "tuned", {"call": "x"}), call_ns=10**9)
    slower = _table(report([*usual, *lucky]), "digits-dnn", "Modes and precisions")
    assert _column(slower, "gain")[0].startswith("0.91×")
    assert _column(slower, "pays off after") == ["never"]
    both = _beginning(_one_by_one((1.1e-3, 2e-3, 1.5e-3), "tuned", {"call": "x"}), call_ns=10**9)
    unclear = _table(report([*usual, *both]), "digits-dnn", "Modes and precisions")
    assert _column(unclear, "gain") == ["1.33× [0.91-1.50]"]
    assert _column(unclear, "pays off after") == ["n/a"], "pairs contradict each other"


def _at(records: list[Record], minutes: int) -> list[Record]:
    return [replace(item, started=f"2026-01-02T03:{minutes:02d}:00Z", duration_s=2.0) for item in records]


def test_an_interrupted_run_says_so_and_pairs_nothing_across_the_break() -> None:
    slow, quick = _one_by_one((4e-3, 4e-3), "idiomatic"), _one_by_one((2e-3, 1e-3), "tuned")
    whole = report([*_at(slow[:1], 0), *_at(quick[:1], 1), *_at(slow[1:], 2), *_at(quick[1:], 3)])
    assert "break" not in whole.about[0]
    assert _column(_table(whole, "digits-dnn", "Modes and precisions"), "gain") == ["2.83× [2.00-4.00]"]
    apart = report([*_at(slow[:1], 0), *_at(quick[:1], 1), *_at(slow[1:], 2), *_at(quick[1:], 45)])
    assert "UTC, with a break of 43 minutes" in apart.about[0]
    assert _column(_table(apart, "digits-dnn", "Modes and precisions"), "gain") == ["2.00×"]


def test_a_gain_is_that_of_processes_that_ran_one_after_the_other() -> None:
    drifting = [*_one_by_one((2e-3, 4e-3, 8e-3), "idiomatic"), *_one_by_one((1e-3, 2e-3, 4e-3), "tuned")]
    table = _table(report(drifting), "digits-dnn", "Modes and precisions")
    assert _column(table, "gain") == ["2.00× [2.00-2.00]"], "the machine became slower for both"
    crossed = [*_one_by_one((2e-3, 4e-3, 8e-3), "idiomatic"), *_one_by_one((4e-3, 2e-3, 1e-3), "tuned")]
    table = _table(report(crossed), "digits-dnn", "Modes and precisions")
    assert _column(table, "gain") == ["2.00× [0.50-8.00]"]


@pytest.mark.parametrize(("options", "said"), [({}, True), ({"call": "loop"}, False)])
def test_what_the_same_program_gains_is_called_noise(options: dict[str, str], *, said: bool) -> None:
    records = [*_one_by_one((2e-3,), "idiomatic"), *_one_by_one((1.6e-3,), "tuned", options)]
    notes = _table(report(records), "digits-dnn", "Modes and precisions").notes
    remark = "Where the options are what the guide says, both are the same program: gains of 1.25× are noise."
    assert (remark in notes) == said


def test_a_run_that_went_on_and_numbered_anew_keeps_the_order_in_which_it_was_stored() -> None:
    """Its second start began again at 0, before it was numbered on."""
    first = [*_timed("pytorch", 1e-3, replicates=1), *_timed("flax", 1e-3, replicates=1)]
    second = _timed("keras/jax", 1e-3, replicates=1)
    resumed = [replace(item, order=number) for start in (first, second) for number, item in enumerate(start)]
    assert _column(_table(report(resumed), "digits-dnn", "Training"), "contender") == ["pytorch", "flax", "keras/jax"]


def test_modes_are_told_apart_after_each_other_whatever_their_order_in_time() -> None:
    interleaved = [
        replace(item, order=number)
        for number, item in enumerate(
            replace(made, case=replace(made.case, mode=mode))
            for framework in ("pytorch", "flax")
            for mode in ("idiomatic", "tuned")
            for made in _timed(framework, 1e-3, replicates=1)
        )
    ]
    found = report(interleaved)
    assert _column(_table(found, "Summary", "Summary"), "mode") == ["idiomatic", "idiomatic", "tuned", "tuned"]
    assert _column(_table(found, "digits-dnn", "Training"), "contender") == ["pytorch", "flax"] * 2
    how = _table(found, "Method", "How it was measured")
    order = dict(zip(_column(how, "what"), _column(how, "value"), strict=True))["order"]
    assert order.startswith("pytorch idiomatic, pytorch tuned, flax idiomatic, flax tuned")


def test_what_one_contender_can_do_with_a_batch_stands_together() -> None:
    usual = [*_timed("pytorch", 2e-3), *_timed("flax", 2e-3)]
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in usual]
    mixed = [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    table = _table(report([*usual, *tuned, *mixed]), "digits-dnn", "Modes and precisions")
    assert _column(table, "contender") == ["pytorch", "pytorch", "flax", "flax"]
    assert sorted(_column(table, "mode")[:2]) == ["idiomatic", "tuned"]


@pytest.mark.parametrize(
    ("time", "start", "expected"), [(1e-3, 2.5, 2000.0), (1e-3, 0.5, 0.0), (3e-3, 2.5, math.inf), (2e-3, 2.5, math.inf)]
)
def test_a_costlier_start_pays_off_after_so_many_calls(time: float, start: float, expected: float) -> None:
    assert pays_off(time, start, usual_time=2e-3, usual_start=0.5) == pytest.approx(expected)


def test_compiling_stands_beside_the_first_calls_and_what_it_gains() -> None:
    known: dict[str, Any] = {
        "call_ns": (500_000_000, 1_000_000, 1_000_000),
        "synchronised_ns": (1_000_000,) * 64,
        "first_round_ns": 8_000_000,
        "pipelined_ns": (8_000_000,) * 6,
        "iterations_per_round": 8,
    }
    quick: dict[str, Any] = {
        "call_ns": (1_500_000_000, 1_000_000, 1_000_000),
        "first_round_ns": 4_000_000,
        "pipelined_ns": (4_000_000,) * 6,
        "compiling": Compiling(trace_ns=100_000_000, compile_ns=300_000_000),
    }
    usual = _timed("flax", 1e-3, **known)
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in _timed("flax", 1e-3, **known | quick)]
    found = report([*usual, *tuned])
    calls = _table(found, "digits-dnn", "First calls")
    assert _column(calls, "tracing") == ["n/a", "100 ms"]
    assert _column(calls, "compiling") == ["n/a", "300 ms"]
    modes = _table(found, "digits-dnn", "Modes and precisions")
    assert _column(modes, "start") == ["1.50 s"]
    assert _column(modes, "pays off after") == ["2 000 steps"], "a second more at first, half a millisecond less each"
    search = SearchResult(batch_size=32, options={}, metric="step_time_pipelined_s", searched="", candidates=())
    same = report([*usual, *(replace(item, tunings=(search,)) for item in tuned)])
    assert _column(_table(same, "digits-dnn", "Modes and precisions"), "pays off after") == ["n/a"], "the same program"


def test_the_three_cells_farthest_from_the_limit_are_explained() -> None:
    def timed(seconds: float, *batch_sizes: int, framework: str = "flax", mode: Mode = "idiomatic") -> list[Record]:
        per_call = round(seconds * 1e9)
        blocks = tuple(
            replace(
                block(batch_size=size),
                flops=10**6 * size,
                least_bytes=1,
                pipelined_ns=(per_call * (1 + size // 100),) * 6,
                iterations_per_round=1,
            )
            for size in batch_sizes
        )
        made = record(framework=framework, scenario="inference", batch_sizes=batch_sizes)
        made = replace(made, roof=ROOF, measurement=Measurement(blocks=blocks))
        return [replace(made, case=replace(made.case, mode=mode))]

    table = _table(report([*timed(1e-3, 1, 32, 1000), *timed(1e-6, 1, framework="pytorch")]), "Summary", WORST_TITLE)
    assert _column(table, "contender") == ["flax"] * 3
    assert _column(table, "batch") == ["1", "32", "1000"]
    call, same, slow = _column(table, "why")
    assert call == "the work needs 1.00 µs; the smallest batch that was timed: a call as such costs up to 1.00 ms"
    assert "100% of the time is what a batch of 1 takes as well" in same
    assert "a batch of 1 takes 9% of the time: the work itself is slow" in slow
    tuned = report([*timed(1e-3, 1), *timed(2e-6, 1, framework="pytorch", mode="tuned")])
    alone = _table(tuned, "Summary", WORST_TITLE)
    assert _column(alone, "contender") == ["pytorch"], "what no option takes away"
    assert _column(alone, "why")[0].startswith("the work needs 1.00 µs; 500 GFLOP/s, 50.0% of what a large product")
    assert "a call's own cost is not known" in _column(alone, "why")[0]
