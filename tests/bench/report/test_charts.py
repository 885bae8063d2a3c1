"""Charts are pictures of the size that a page shows, for whatever there is to draw."""

from dataclasses import replace
from pathlib import Path

from bench.record import Judgement, Measurement, Record, Threshold
from bench.report import charts
from tests.bench.records import learning, quick_run, record

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


def judged(framework: str, judgement: Judgement) -> Record:
    found = replace(learning(), judgement=judgement)
    return record(framework=framework, purpose="learning", measurement=Measurement(learning=found))


def test_what_was_judged_is_drawn_where_there_is_such_a_thing(tmp_path: Path) -> None:
    threshold = Threshold(
        value=0.3,
        chosen_on="test",
        accuracy=0.9,
        precision=0.8,
        recall=0.7,
        f1=0.75,
        curve=((0.1, 0.5, 1.0), (0.6, 0.9, 0.4)),
    )
    classes = judged("flax", Judgement(confusion=((38, 1), (0, 75)), threshold=threshold))
    drawn = charts.draw([classes], tmp_path)
    assert list(drawn)[2:] == ["Precision and recall on cpu", "Confusion matrices on cpu"]
    numbers = judged("pytorch", Judgement(pairs=((1.0, 1.5), (2.0, 1.8), (3.0, 3.3))))
    drawn = charts.draw([numbers], tmp_path)
    assert list(drawn)[2:] == ["Predicted against real on cpu"]
    assert all(path.read_bytes().startswith(PNG) for path in drawn.values())


def test_one_point_is_no_picture(tmp_path: Path) -> None:
    drawn = charts.draw([judged("pytorch", Judgement(pairs=((1.0, 1.5),)))], tmp_path)
    assert list(drawn) == ["Learning curves on cpu", "Learning over time on cpu"]
