"""Charts are SVG files in the size of a page, drawn for all data that the records have; pictures are PNG files."""

import re
from base64 import b64encode
from dataclasses import replace
from html import unescape
from pathlib import Path

from bench.records.evaluation import Error, Evaluation, Picture, Threshold
from bench.records.measurement import Measurement
from bench.records.record import Record, SearchResult
from bench.report.charts import files
from tests.bench.sample_records import learning, quick_run, record

CHARTS = [
    "overview-cpu.svg",
    "training-throughput-cpu.svg",
    "inference-latency-cpu.svg",
    "latency-percentiles-cpu.svg",
    "inference-throughput-cpu.svg",
    "memory-cpu.svg",
    "learning-curves-cpu.svg",
    "learning-over-time-cpu.svg",
    "time-to-target-cpu.svg",
]


def drawn(records: list[Record], folder: Path) -> dict[str, str]:
    """The charts by their captions, as SVG."""
    return {caption: item.path.read_text() for caption, item in files.draw(records, folder).items()}


def texts(svg: str) -> list[str]:
    """Everything that is written in a chart."""
    return [unescape(text) for text in re.findall(">([^<]+)</t(?:ext|span)>", svg)]


def test_each_chart_is_an_svg_of_the_width_of_a_page(tmp_path: Path) -> None:
    found = files.draw(quick_run(), tmp_path / "new")
    assert [item.path.name for item in found.values()] == CHARTS
    for item in found.values():
        width = re.match('<svg[^>]* width="([0-9.]+)"', item.path.read_text())
        assert width is not None
        assert 200 < float(width[1]) < 1000


def test_there_is_no_chart_of_nothing(tmp_path: Path) -> None:
    assert files.draw([record(outcome="timeout", certificate=None)], tmp_path).keys() <= {"Training throughput on cpu"}
    captions = ["Overview on cpu", "Training throughput on cpu"]
    assert list(files.draw([record()], tmp_path)) == captions


def test_devices_and_runs_have_charts_of_their_own(tmp_path: Path) -> None:
    found = files.draw([record(), record(device="cuda:0"), record(run="second")], tmp_path)
    assert len({item.path.name for item in found.values()}) == 6


def test_charts_of_an_earlier_page_do_not_stay(tmp_path: Path) -> None:
    before = files.draw([record()], tmp_path)["Training throughput on cpu"].path
    own = tmp_path / "holiday.svg"
    own.write_bytes(b"")
    files.draw([record(scenario="inference")], tmp_path)
    assert not before.exists()
    assert own.exists(), "what is not of a page is nobody's business"


def test_a_chart_names_the_run_the_machine_and_its_marks(tmp_path: Path) -> None:
    on_gpu = record(device="cuda:0")
    named = replace(on_gpu, environment=replace(on_gpu.environment, gpus=("Example GPU",)))
    found = drawn([record(), named], tmp_path)
    marks = "Bars: median over processes. Dots: single processes. Hollow: not proven equal, or not reliable (†)."
    on_cpu = texts(found["Training throughput on cpu"])
    assert {"Training throughput on cpu", f"{on_gpu.run} · Example CPU @ 2.60GHz, 2 cores", marks} <= set(on_cpu)
    assert f"{on_gpu.run} · Example GPU" in texts(found["Training throughput on cuda:0"])


def test_the_text_of_a_chart_says_what_it_shows(tmp_path: Path) -> None:
    found = files.draw([record()], tmp_path)["Training throughput on cpu"]
    assert found.text.startswith("Training throughput on cpu. Bars: median over processes.")


def test_modes_and_precisions_have_panels_of_their_own(tmp_path: Path) -> None:
    usual = [
        record(workload, framework, "inference") for workload in ("two", "one") for framework in ("pytorch", "flax")
    ]
    mixed = [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    shown = texts(drawn([*usual, *mixed[2:]], tmp_path)["Inference latency on cpu"])  # "two" was not run in bf16
    assert [text for text in shown if text.startswith(("one, ", "two, "))] == ["two, fp32", "one, fp32", "one, bf16"]


def test_a_missing_bar_shows_its_outcome_and_a_remark_names_several_steps_per_call(tmp_path: Path) -> None:
    there = [record(framework="flax"), record("wine", "pytorch")]
    options = {"call": "lax.scan of 8 steps"}
    search = SearchResult(batch_size=32, options=options, metric="step_time_pipelined_s", searched="", candidates=())
    tuned = replace(there[0], case=replace(there[0].case, mode="tuned"), tunings=(search,))
    said = []
    for records in ([*there, record(framework="pytorch", outcome="unavailable")], there, [*there, tuned]):
        shown = texts(drawn(records, tmp_path)["Training throughput on cpu"])
        said.append(("unavailable" in shown, any("several steps per call" in text for text in shown)))
    assert said == [(True, False), (False, False), (False, True)]


def test_figures_that_are_not_proven_equal_are_hollow(tmp_path: Path) -> None:
    proven = quick_run()
    certificate = proven[0].certificate
    assert certificate is not None
    doubtful = [replace(item, certificate=replace(certificate, problem="it differs")) for item in proven]
    for caption in ("Training throughput on cpu", "Inference latency on cpu"):
        assert 'fill-opacity="0"' not in drawn(proven, tmp_path)[caption]
        assert 'fill-opacity="0"' in drawn(doubtful, tmp_path)[caption]


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
    drawn = files.draw([classes], tmp_path)
    assert list(drawn)[3:] == ["Precision and recall on cpu", "Confusion matrices on cpu"]
    numbers = judged("pytorch", Evaluation(pairs=((1.0, 1.5), (2.0, 1.8), (3.0, 3.3))))
    drawn = files.draw([numbers], tmp_path)
    assert list(drawn)[3:] == ["Predicted and true values on cpu"]
    assert all(item.path.read_text().startswith("<svg") for item in drawn.values())


def test_images_are_drawn_with_their_predictions(tmp_path: Path) -> None:
    pixels = b64encode(bytes(range(64))).decode()
    shown = tuple(Picture(sample=number, shape=(8, 8, 1), pixels=pixels) for number in (0, 5))
    right, wrong = Error(sample=0, truth=7, predicted=7, size=0.0), Error(sample=5, truth=1, predicted=7, size=0.9)
    found = judged("flax", Evaluation(first=(right, wrong), worst=(wrong,), pictures=shown))
    assert list(files.draw([found], tmp_path))[3:] == ["First samples on cpu", "Largest errors on cpu"]
    all_right = judged("flax", Evaluation(first=(right,), pictures=shown[:1]))
    assert list(files.draw([all_right], tmp_path))[3:] == ["First samples on cpu"]


def test_a_series_is_drawn_beside_its_forecasts(tmp_path: Path) -> None:
    forecast = judged("flax", Evaluation(pairs=((1.0, 1.5), (2.0, 1.8)), naive={"mae": 1.0}))
    assert "Series and forecast on cpu" in files.draw([forecast], tmp_path)


def test_a_single_point_is_not_drawn(tmp_path: Path) -> None:
    drawn = files.draw([judged("pytorch", Evaluation(pairs=((1.0, 1.5),)))], tmp_path)
    assert "Predicted and true values on cpu" not in drawn
