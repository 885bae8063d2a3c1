"""Charts are those of the report, are shown as SVG, and say so if there is nothing to draw."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import bench
from bench.errors import BenchError, NothingMeasuredError, UsageError
from bench.report.charts import files
from bench.report.charts.catalogue import CHARTS
from tests.bench.api.conftest import store
from tests.bench.sample_records import record

CHART = "training-throughput"


@pytest.fixture(scope="module")
def drawn(runs: bench.Runs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The charts that a report has of the same run, by their file names."""
    folder = tmp_path_factory.mktemp("charts")
    files.draw(runs.records, folder)
    return {path.stem.removesuffix("-cpu"): path.read_text() for path in folder.glob("*.svg")}


def test_charts_are_those_of_the_report(runs: bench.Runs, drawn: dict[str, str]) -> None:
    assert list(runs.charts) == list(CHARTS)
    assert {name for name, chart in runs.charts.items() if chart.pictures} == drawn.keys()
    assert runs.charts[CHART].svg == drawn[CHART]
    assert runs.charts["overview"].svg != drawn[CHART]


def test_a_notebook_shows_a_chart_as_svg_with_its_text(runs: bench.Runs) -> None:
    shown = runs.charts[CHART]._repr_mimebundle_()
    assert shown == {"image/svg+xml": runs.charts[CHART].svg, "text/plain": runs.charts[CHART].pictures[0].text}
    assert shown["image/svg+xml"].startswith("<svg")
    assert shown["text/plain"].startswith("Training throughput on cpu. Bars: median over processes.")


def test_a_chart_is_saved(runs: bench.Runs, tmp_path: Path) -> None:
    path = runs.charts[CHART].save(str(tmp_path / "chart.svg"))
    assert path.read_text() == runs.charts[CHART].svg
    with pytest.raises(UsageError, match=r"chart.png: found the ending '.png', expected '.svg'"):
        runs.charts[CHART].save(tmp_path / "chart.png")
    with pytest.raises(BenchError, match=r"missing/chart.svg: cannot be written \(No such file"):
        runs.charts[CHART].save(tmp_path / "missing" / "chart.svg")


def test_a_chart_is_an_altair_object_with_the_same_data(runs: bench.Runs) -> None:
    made = runs.charts[CHART].altair.to_dict()
    (picture,) = runs.charts[CHART].pictures
    assert made["datasets"] == picture.spec["datasets"]
    assert made["facet"] == picture.spec["facet"]


def test_a_chart_without_data_says_so(runs: bench.Runs, tmp_path: Path) -> None:
    chart = runs.charts["series"]
    said = "series: nothing to draw, because these runs have no data for this chart."
    assert (chart.pictures, repr(chart)) == ((), said)
    assert chart._repr_mimebundle_() == {"text/html": f"<p>{said}</p>", "text/plain": said}
    with pytest.raises(NothingMeasuredError, match="series: nothing to draw"):
        chart.save(tmp_path / "chart.svg")
    page = runs.charts._repr_html_()
    assert page.count("nothing to draw") == sum(not item.pictures for item in runs.charts.values())


def test_a_chart_of_selected_frameworks_says_so(results: Path, runs: bench.Runs) -> None:
    among = ", only among flax, pytorch"
    for name, chart in bench.load(results, framework=["flax", "pytorch"]).charts.items():
        for picture in chart.pictures:
            assert picture.caption.endswith(among), name
            assert among in json.dumps(picture.spec["title"]), name
    assert among not in runs.charts[CHART].pictures[0].caption


def test_text_of_other_people_cannot_colour_a_terminal(tmp_path: Path) -> None:
    store(tmp_path, [record("own\x1b[31m\nwine"), record("own\x1b[31m\nwine", framework="flax")])
    chart = replace(bench.load(tmp_path).charts[CHART])
    (picture,) = chart.pictures
    coloured = replace(picture, text=f"{picture.text} \x1b[31m\nred")
    assert repr(coloured) == f"{picture.text} \\x1b[31m red"
    assert repr(chart).isprintable()


def test_several_runs_have_a_picture_each(tmp_path: Path) -> None:
    first, second = (store(tmp_path, [record(), record(framework="flax")]) for _ in range(2))
    chart = bench.load(tmp_path).charts[CHART]
    assert [picture.caption for picture in chart.pictures] == [
        f"Training throughput on cpu, run {run.name}" for run in (first, second)
    ]
    assert chart._repr_mimebundle_()["text/html"].count("<img src=") == 2
    with pytest.raises(UsageError, match=f"{CHART}: found 2 pictures, .*expected one"):
        _ = chart.svg


def test_too_many_panels_are_not_drawn_and_told(tmp_path: Path) -> None:
    store(tmp_path, [record(f"own-{number}") for number in range(files.MOST_PANELS + 1)])
    chart = bench.load(tmp_path).charts[CHART]
    assert repr(chart).startswith(
        "Training throughput on cpu: not drawn, because it has more than 36 panels; load fewer"
    )
    with pytest.raises(NothingMeasuredError, match="more than 36 panels"):
        _ = chart.svg


def test_a_chart_that_does_not_exist_is_refused_with_those_that_do(runs: bench.Runs) -> None:
    assert "throughput" not in runs.charts
    assert runs.charts.get("throughput") is None
    with pytest.raises(UsageError, match=r"charts: found 'training-througput' \(did you mean training-throughput"):
        _ = runs.charts["training-througput"]


def test_names_of_other_people_are_text_in_a_picture(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    store(
        tmp_path,
        [replace(item, case=replace(item.case, workload=name)) for item in (record(), record(framework="flax"))],
    )
    picture = bench.load(tmp_path).charts[CHART]._repr_mimebundle_()["image/svg+xml"]
    assert "&lt;script&gt;" in picture
    assert "<script" not in picture
