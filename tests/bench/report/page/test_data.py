"""The data of a page are the figures of the records, with samples thinned at equal distances."""

from dataclasses import replace

import numpy as np

from bench.report import tables
from bench.report.page.data import ROUNDS, SINGLE, page_data
from tests.bench.sample_records import quick_run, record


def test_cells_have_the_figures_of_their_processes() -> None:
    records = [record(replicate=number, slowdown=slowdown) for number, slowdown in ((0, 1.0), (1, 1.2), (4, 1.1))]
    (cell,) = page_data(tables.report(records), records)["cells"]
    figure = cell["figures"]["samples_per_second"]
    rates = [
        32 * block.iterations_per_round / (float(np.median(block.pipelined_ns)) / 1e9)
        for item in records
        for block in item.measurement.blocks
    ]
    assert np.allclose(figure["processes"], rates, rtol=1e-5)
    assert np.allclose([figure["value"], figure["low"], figure["high"]], np.sort(rates)[[1, 0, 2]], rtol=1e-5)
    assert cell["replicates"] == [0, 1, 4]


def test_samples_are_thinned_and_say_how_many_there_were() -> None:
    long = record(samples=5000)
    (found,) = page_data(tables.report([long]), [long])["samples"]
    (block,) = long.measurement.blocks
    assert len(found["call_us"]) == SINGLE
    assert len(found["round_us"]) <= ROUNDS
    assert found["calls"] == len(block.synchronised_ns) == 5000
    assert found["call_us"][0] == float(f"{block.synchronised_ns[0] / 1e3:.4g}")
    assert found["call_us"][-1] == float(f"{block.synchronised_ns[-1] / 1e3:.4g}")


def test_a_large_page_has_no_samples_and_no_tables_of_single_workloads() -> None:
    records = quick_run()
    found = page_data(tables.report(records, detailed=False), records, detailed=False)
    assert found["samples"] == []
    assert [section["title"] for section in found["sections"]] == ["Summary"]
    assert len(found["cells"]) == 36
    assert any("levelfield report --full" in line for line in found["about"])


def test_a_row_has_its_proof_its_quality_and_the_command_that_measures_it_again() -> None:
    records = quick_run(workloads=["digits-dnn"])
    lanes = page_data(tables.report(records), records)["lanes"]
    assert [lane["framework"] for lane in lanes] == ["pytorch", "keras/tensorflow", "flax"]
    assert lanes[1]["command"] == (
        "levelfield run digits-dnn --framework keras/tensorflow --device cpu --mode idiomatic --precision fp32 "
        "--threads 2"
    )
    assert all(check[4] for lane in lanes for proof in lane["proofs"] for check in proof["checks"])
    assert lanes[0]["quality"]["metric"] == "accuracy"
    failed = [replace(item, certificate=None) for item in records]
    assert not any(lane["proven"] for lane in page_data(tables.report(failed), failed)["lanes"])


def test_several_runs_have_panels_of_their_own() -> None:
    records = [record(run="a"), record(run="b")]
    found = page_data(tables.report(records), records)
    assert [cell["panel"] for cell in found["cells"]] == ["digits-dnn (a)", "digits-dnn (b)"]
    assert [run["run"] for run in found["runs"]] == ["a", "b"]
