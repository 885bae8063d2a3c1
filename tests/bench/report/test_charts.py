"""Charts are pictures in the size of a page, drawn for all data that the records have."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.records.evaluation import Error, Evaluation, Picture, Threshold
from bench.records.measurement import Measurement
from bench.records.record import Record, SearchResult
from bench.report import charts
from bench.workload.axes import Mode
from tests.bench.sample_records import learning, quick_run, record

PNG = b"\x89PNG\r\n\x1a\n"


def _width(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:20], "big")


def test_each_chart_is_a_png_of_900_pixels(tmp_path: Path) -> None:
    drawn = charts.draw(quick_run(), tmp_path / "new")
    assert [path.name for path in drawn.values()] == [
        "training-throughput-cpu.png",
        "inference-latency-cpu.png",
        "learning-curves-cpu.png",
        "learning-over-time-cpu.png",
    ]
    for path in drawn.values():
        assert path.read_bytes().startswith(PNG)
        assert _width(path) == 900


def test_there_is_no_chart_of_nothing(tmp_path: Path) -> None:
    assert charts.draw([record(outcome="timeout"), record(purpose="memory")], tmp_path) == {}
    assert list(charts.draw([record()], tmp_path)) == ["Training throughput on cpu"]


def test_devices_and_runs_have_charts_of_their_own(tmp_path: Path) -> None:
    drawn = charts.draw([record(), record(device="cuda:0"), record(run="second")], tmp_path)
    assert len({path.name for path in drawn.values()}) == 3


def test_charts_of_an_earlier_page_do_not_stay(tmp_path: Path) -> None:
    before = charts.draw([record()], tmp_path)["Training throughput on cpu"]
    own = tmp_path / "holiday.png"
    own.write_bytes(b"")
    charts.draw([record(scenario="inference")], tmp_path)
    assert not before.exists()
    assert own.exists(), "what is not of a page is nobody's business"


def test_a_chart_names_the_machine_and_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_args, **_options: seen.append(figure.get_supxlabel()))
    on_gpu = record(device="cuda:0")
    charts.draw([record(), replace(on_gpu, environment=replace(on_gpu.environment, gpus=("Example GPU",)))], tmp_path)
    marks = "Bars: median over processes. Dots: single processes."
    assert seen == [f"Example CPU @ 2.60GHz, 2 cores. {marks}", f"Example GPU. {marks}"]


@pytest.mark.parametrize(("number", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (7, (3, 3))])
def test_there_are_no_more_panels_in_a_row_than_needed(
    number: int, grid: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def note(figure: Figure, *_: object, **__: object) -> None:
        spec = figure.axes[0].get_subplotspec()
        assert spec is not None
        seen.append(spec.get_gridspec().get_geometry())
        assert sum(axes.get_visible() for axes in figure.axes) == number

    monkeypatch.setattr(Figure, "savefig", note)
    charts.draw([record(f"workload-{item}") for item in range(number)], tmp_path)
    assert seen == [grid]


def test_modes_and_precisions_have_panels_of_their_own_where_lines_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[tuple[str, list[str]]]] = []

    def note(figure: Figure, *_: object, **__: object) -> None:
        visible = [axes for axes in figure.axes if axes.get_visible()]
        seen.append([(axes.get_title(), axes.get_legend_handles_labels()[1]) for axes in visible])

    monkeypatch.setattr(Figure, "savefig", note)
    usual = [
        record(workload, framework, "inference") for workload in ("one", "two") for framework in ("pytorch", "flax")
    ]
    mixed = [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    charts.draw([*usual, *mixed[:-2]], tmp_path)  # "two" was not run in bf16
    names = ["pytorch", "flax"]
    assert seen == [[("one, fp32", names), ("one, bf16", names), ("two, fp32", names)]]


def test_a_mode_without_data_has_no_panel_and_the_axis_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[tuple[str, str, bool]]] = []

    def note(figure: Figure, *_: object, **__: object) -> None:
        visible = [axes for axes in figure.axes if axes.get_visible()]
        shown = [bool(axes.yaxis.get_tick_params()["labelleft"]) for axes in visible]
        names = [(axes.get_title(), axes.get_ylabel()) for axes in visible]
        seen.append([(*name, has) for name, has in zip(names, shown, strict=True)])

    monkeypatch.setattr(Figure, "savefig", note)
    usual = [record(workload, "flax", "inference") for workload in ("one", "two")]
    mixed = [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    nothing = replace(mixed[0], case=replace(mixed[0].case, precision="tf32"), outcome="unavailable")
    charts.draw([nothing, *usual], tmp_path)
    assert [title for title, _, _ in seen.pop()] == ["one, fp32", "two, fp32"]
    charts.draw([usual[0], mixed[0], mixed[1]], tmp_path)  # "two" was not run in fp32
    assert seen.pop() == [
        ("one, fp32", "latency p50", True),
        ("one, bf16", "", False),
        ("two, bf16", "latency p50", True),
    ]


@pytest.mark.parametrize(("modes", "together"), [(("idiomatic",), True), (("idiomatic", "tuned"), False)])
def test_workloads_share_an_axis_unless_each_has_a_row_of_its_own(
    modes: tuple[Mode, ...], *, together: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def note(figure: Figure, *_: object, **__: object) -> None:
        first, last = figure.axes[0], figure.axes[-1]
        shared = first.get_shared_y_axes()
        seen.append((shared.joined(first, last), all(shared.joined(first, axes) for axes in figure.axes[: len(modes)])))

    monkeypatch.setattr(Figure, "savefig", note)
    timed = [record(workload, "flax", "inference") for workload in ("one", "two")]
    charts.draw([replace(item, case=replace(item.case, mode=mode)) for item in timed for mode in modes], tmp_path)
    assert seen == [(together, True)]


def test_bars_have_room_for_every_mode_of_every_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_args, **_options: seen.append(figure.get_figheight()))
    usual = [record(framework=name) for name in ("pytorch", "keras/tensorflow", "keras/jax", "keras/torch", "flax")]
    modes = [replace(item, case=replace(item.case, mode="tuned")) for item in usual]
    more = [replace(item, case=replace(item.case, precision="bf16")) for item in [*usual, *modes]]
    for records in (usual, [*usual, *modes, *more]):
        charts.draw(records, tmp_path)
    assert seen[1] > seen[0]


def test_missing_bars_show_their_outcome_and_a_note_names_several_steps_per_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], str]] = []

    def look(figure: Figure, *_args: object, **_options: object) -> None:
        words = [text.get_text().strip() for text in figure.axes[0].texts]
        seen.append((words, str(figure.get_supxlabel())))

    monkeypatch.setattr(Figure, "savefig", look)
    there = [record(framework="flax"), record("wine", "pytorch")]
    charts.draw([*there, record(framework="pytorch", outcome="unavailable")], tmp_path)
    charts.draw(there, tmp_path)
    options = {"call": "lax.scan of 8 steps"}
    search = SearchResult(batch_size=32, options=options, metric="step_time_pipelined_s", searched="", candidates=())
    tuned = replace(there[0], case=replace(there[0].case, mode="tuned"), tunings=(search,))
    charts.draw([*there, tuned], tmp_path)
    assert ["unavailable" in words for words, _ in seen] == [True, False, False]
    assert ["several steps per call" in below for _, below in seen] == [False, False, True]


def test_cells_that_are_not_proven_equal_look_different_and_a_note_explains_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, set[str], set[str]]] = []

    def look(figure: Figure, *_args: object, **_options: object) -> None:
        bars = {str(bar.get_hatch()) for axes in figure.axes for bar in axes.patches}
        lines = {
            str(line.get_linestyle()) for axes in figure.axes for line in axes.lines if np.size(line.get_xdata()) > 1
        }
        below = figure.get_supxlabel() or figure.legends[0].get_title().get_text()
        seen.append((below, bars, lines))

    monkeypatch.setattr(Figure, "savefig", look)
    proven = quick_run()
    certificate = proven[0].certificate
    assert certificate is not None
    charts.draw(proven, tmp_path)
    charts.draw([replace(item, certificate=replace(certificate, problem="it differs")) for item in proven], tmp_path)
    bars, lines, _, _, doubtful_bars, doubtful_lines, *_ = seen
    assert bars[1] == {"None"}
    assert doubtful_bars[1] == {"///"}
    assert ":" not in lines[2]
    assert doubtful_lines[2] == {":"}
    assert "not proven equal" not in bars[0] + lines[0]
    assert doubtful_bars[0].endswith("Hatched bars: not proven equal.")
    assert doubtful_lines[0].endswith("Dotted lines: not proven equal.")


def judged(framework: str, judgement: Evaluation) -> Record:
    found = replace(learning(), judgement=judgement)
    return record(framework=framework, purpose="learning", measurement=Measurement(learning=found))


def test_evaluations_are_drawn_if_the_task_has_them(tmp_path: Path) -> None:
    threshold = Threshold(
        value=0.3,
        chosen_on="test",
        accuracy=0.9,
        precision=0.8,
        recall=0.7,
        f1=0.75,
        curve=((0.1, 0.5, 1.0), (0.6, 0.9, 0.4)),
    )
    classes = judged("flax", Evaluation(confusion=((38, 1), (0, 75)), threshold=threshold))
    drawn = charts.draw([classes], tmp_path)
    assert list(drawn)[2:] == ["Precision and recall on cpu", "Confusion matrices on cpu"]
    numbers = judged("pytorch", Evaluation(pairs=((1.0, 1.5), (2.0, 1.8), (3.0, 3.3))))
    drawn = charts.draw([numbers], tmp_path)
    assert list(drawn)[2:] == ["Predicted and true values on cpu"]
    assert all(path.read_bytes().startswith(PNG) for path in drawn.values())


def test_images_are_drawn_with_their_predictions(tmp_path: Path) -> None:
    pixels = b64encode(bytes(range(64))).decode()
    shown = tuple(Picture(sample=number, shape=(8, 8, 1), pixels=pixels) for number in (0, 5))
    right, wrong = Error(sample=0, truth=7, predicted=7, size=0.0), Error(sample=5, truth=1, predicted=7, size=0.9)
    found = judged("flax", Evaluation(first=(right, wrong), worst=(wrong,), pictures=shown))
    assert list(charts.draw([found], tmp_path))[2:] == ["First samples on cpu", "Largest errors on cpu"]
    all_right = judged("flax", Evaluation(first=(right,), pictures=shown[:1]))
    assert list(charts.draw([all_right], tmp_path))[2:] == ["First samples on cpu"]


def test_a_series_is_drawn_beside_its_forecasts(tmp_path: Path) -> None:
    forecast = judged("flax", Evaluation(pairs=((1.0, 1.5), (2.0, 1.8)), naive={"mae": 1.0}))
    assert "Series and forecast on cpu" in charts.draw([forecast], tmp_path)


def test_a_single_point_is_not_drawn(tmp_path: Path) -> None:
    drawn = charts.draw([judged("pytorch", Evaluation(pairs=((1.0, 1.5),)))], tmp_path)
    assert list(drawn) == ["Learning curves on cpu", "Learning over time on cpu"]
