"""Charts are pictures of the size that a page shows, for whatever there is to draw."""

from pathlib import Path

from bench.report import charts
from tests.bench.records import quick_run, record

PNG = b"\x89PNG\r\n\x1a\n"


def _width(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:20], "big")


def test_each_chart_is_a_png_of_900_pixels(tmp_path: Path) -> None:
    drawn = charts.draw(quick_run(), tmp_path / "new")
    assert [path.name for path in drawn.values()] == [
        "training-throughput-cpu.png",
        "inference-latency-cpu.png",
        "learning-curves-cpu.png",
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
