"""Images and networks are drawn with their predictions."""

from base64 import b64encode
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from bench.records.evaluation import Error, Evaluation, Picture
from bench.records.measurement import Measurement
from bench.report.charts import pictures
from bench.report.results import Results, arrange
from bench.workload import model_families
from bench.workload.workload import load_workload
from tests.bench.sample_records import learning, record


def learnt(**more: object) -> Results:
    """The results of one trained network."""
    found = replace(learning(), **more)  # type: ignore[arg-type]
    return arrange([record(purpose="learning", measurement=Measurement(learning=found))])


@pytest.mark.parametrize(
    ("size", "colour", "words"), [(0.0, pictures.RIGHT, "two"), (0.5, pictures.WRONG, "two, not one")]
)
def test_right_predictions_are_green_and_wrong_ones_red(size: float, colour: str, words: str) -> None:
    image = Picture(sample=0, shape=(8, 8, 1), pixels=b64encode(bytes(64)).decode())
    judgement = Evaluation(first=(Error(sample=0, truth=1, predicted=2, size=size),), pictures=(image,))
    axes = Figure().subplots()
    results = learnt(judgement=judgement, labels=("none", "one", "two"))
    pictures.first_samples(axes, results, "digits-dnn")
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [(words, colour)]


def test_the_network_is_drawn_layer_by_layer() -> None:
    network = model_families.layers("dnn", load_workload("digits-dnn").spec)
    axes = Figure().subplots()
    pictures.architecture(axes, learnt(network=network), "digits-dnn")
    written = [text.get_text() for text in axes.texts if text.get_text()]
    assert written[:2] == ["input", "64"]
    assert written[-2:] == ["head: dense, linear", "10, 650 parameters"]
    assert len(written) == 2 * len(network)
