"""Some answers of a run are kept, each with the sample that its query asked for."""

import numpy as np

from bench.worker.serving.answers import CHECKED, Answers


def served(answers: Answers, samples: np.ndarray, *, batch: int, refused: range = range(0)) -> None:
    """Answer every query by its sample, in batches; a batch has rows to spare, as a padded one has."""
    first = 0
    while first < len(samples):
        if first == refused.start and len(refused):
            first = refused.stop
        numbers = range(first, min(first + batch, len(samples)))
        answers.keep(numbers, np.stack([*samples[first : numbers.stop], -1])[:, None])
        first = numbers.stop


def test_each_answer_belongs_to_its_sample() -> None:
    samples = np.random.default_rng(0).integers(50, size=1_000)
    for batch in (1, 7):
        answers = Answers(1_000, seed=3, outputs_of=np.asarray)
        served(answers, samples, batch=batch)
        asked, outputs = answers.found(samples)
        assert CHECKED <= len(asked) <= CHECKED + 2
        assert outputs[:, 0].tolist() == asked.tolist()
        assert outputs[:, 0].tolist() != np.roll(asked, 1).tolist()


def test_the_first_and_the_last_query_are_checked() -> None:
    samples = np.arange(1_000)
    answers = Answers(1_000, seed=3, outputs_of=np.asarray)
    served(answers, samples, batch=1)
    asked, _ = answers.found(samples)
    assert (asked[0], asked[-1]) == (0, 999)


def test_refused_queries_are_not_checked() -> None:
    samples = np.arange(1_000)
    answers = Answers(1_000, seed=3, outputs_of=np.asarray)
    served(answers, samples, batch=1, refused=range(400))
    asked, outputs = answers.found(samples)
    assert min(asked) >= 400
    assert outputs[:, 0].tolist() == asked.tolist()
