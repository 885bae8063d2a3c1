from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import base
from bench.datasets.base import Split, batches, checksum, cycle, load, validation_split
from bench.datasets.description import Part, describe, fingerprint
from bench.errors import DataError, UsageError

TABLES: list[dict[str, object]] = [
    {"name": "digits"},
    {"name": "mnist"},
    {"name": "mnist", "scaling": "standard"},
    {"name": "synthetic", "shape": [4, 3], "classes": 5, "train": 50, "test": 20},
    {"name": "synthetic", "shape": [6], "outputs": 2, "train": 50, "test": 20},
]


def _epoch(seed: int = 0, epoch: int = 0, samples: int = 10) -> list[int]:
    order = batches(samples, 3, seed=seed, epoch=epoch, last_batch="keep")
    return [int(index) for batch in order for index in batch]


def _split(samples: int) -> Split:
    inputs = np.arange(samples * 4, dtype=np.float32).reshape(samples, 2, 2)
    return Split(inputs=inputs, targets=np.arange(samples) % 10)


@pytest.mark.usefixtures("small_mnist")
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_the_arrays_of_every_data_set_fit_its_description(table: dict[str, object]) -> None:
    dataset = load(table)
    assert dataset.description == describe(table)
    assert dataset.checksum == fingerprint(table)
    for split, samples in ((dataset.train, dataset.description.train), (dataset.test, dataset.description.test)):
        assert len(split) == samples
        assert split.inputs.shape == (samples, *dataset.description.sample_shape)
        assert split.inputs.flags.c_contiguous
        assert split.targets.dtype == (np.int64 if dataset.description.task == "classification" else np.float32)


@pytest.mark.parametrize("table", [{"name": "digits"}, TABLES[3]], ids=str)
def test_a_part_is_read_once_and_always_the_same_and_the_parts_differ(table: dict[str, object]) -> None:
    dataset = load(table)
    assert dataset.test is dataset.test
    assert checksum(dataset.test.inputs) == checksum(load(table).test.inputs)
    assert checksum(dataset.test.inputs) != checksum(dataset.train.inputs[: len(dataset.test)])


def test_only_the_requested_part_is_read(small_mnist: Path) -> None:
    (small_mnist / "mnist" / "train-images.gz").unlink()
    dataset = load({"name": "mnist"})
    assert len(dataset.test) == 10
    with pytest.raises(DataError, match=r"train-images\.gz: no such file"):
        _ = dataset.train


def test_arrays_that_do_not_fit_the_description_are_refused() -> None:
    table: dict[str, object] = {"name": "synthetic", "shape": [2, 2], "classes": 10, "train": 12, "test": 6}
    description, part = describe(table), _split(12)
    broken = part.inputs.copy()
    broken[7, 1, 1] = np.nan
    base._check(part, "train", description)
    faults: list[tuple[Part, Split, str]] = [
        (
            "test",
            part,
            r"test part, inputs: found float32 of shape \(12, 2, 2\), expected float32 of shape \(6, 2, 2\)",
        ),
        ("train", _split(11), r"found float32 of shape \(11, 2, 2\)"),
        ("train", replace(part, inputs=part.inputs.reshape(12, 4)), r"found float32 of shape \(12, 4\)"),
        ("train", replace(part, inputs=broken), "inputs: found NaN or infinity in sample 7"),
        ("train", replace(part, targets=part.targets + 1), "targets: found labels 1 to 10, expected 0 to 9"),
        ("train", replace(part, targets=part.targets - 1), "targets: found labels -1 to 8, expected 0 to 9"),
        ("train", replace(part, targets=np.zeros((12, 1), np.float32)), "found float32 .*, expected int64"),
    ]
    for name, split, message in faults:
        with pytest.raises(DataError, match=f"data set 'synthetic'.*{message}.*; correct `read`"):
            base._check(split, name, description)


def test_an_epoch_is_a_permutation_and_the_last_batch_is_kept_or_dropped() -> None:
    kept = list(batches(10, 4, seed=0, epoch=0, last_batch="keep"))
    dropped = list(batches(10, 4, seed=0, epoch=0, last_batch="drop"))
    assert [len(batch) for batch in kept] == [4, 4, 2]
    assert [len(batch) for batch in dropped] == [4, 4]
    assert sorted(np.concatenate(kept)) == list(range(10))
    assert all((one == other).all() for one, other in zip(kept, dropped, strict=False))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert _epoch(seed=1, epoch=2) == _epoch(seed=1, epoch=2)
    orders = {tuple(_epoch(seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_the_order_of_batches_is_the_order_of_stored_results() -> None:
    assert _epoch(seed=0, epoch=0) == [4, 6, 2, 7, 3, 5, 9, 0, 8, 1]
    assert _epoch(seed=7, epoch=3) == [3, 5, 4, 7, 8, 0, 9, 2, 1, 6]


@pytest.mark.parametrize(("samples", "batch_size"), [(10, 11), (10, 0), (10, -1), (0, 1)])
def test_a_batch_size_that_is_too_small_or_too_large_is_refused(samples: int, batch_size: int) -> None:
    with pytest.raises(UsageError, match=f"batch size: found {batch_size}, expected 1 to {samples}"):
        batches(samples, batch_size, seed=0, epoch=0, last_batch="keep")
    assert len(list(batches(10, 10, seed=0, epoch=0, last_batch="drop"))) == 1


def test_samples_repeat_in_a_cycle_if_the_batch_is_larger_than_the_data() -> None:
    assert cycle(3, 7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert cycle(3, 2).tolist() == [0, 1]
    with pytest.raises(UsageError, match="found a query of 5 samples from a data set of 0"):
        cycle(0, 5)


def test_validation_data_are_the_last_rows() -> None:
    train, validation = validation_split(_split(10), 0.3)
    assert train.inputs[:, 0, 0].tolist() == [0, 4, 8, 12, 16, 20, 24]
    assert validation.targets.tolist() == [7, 8, 9]
    assert [len(part) for part in validation_split(_split(1437), 0.1)] == [1293, 144]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 0.01, 0.99])
def test_a_validation_fraction_that_leaves_a_part_empty_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match=f"validation fraction: found {fraction}"):
        validation_split(_split(10), fraction)


def test_the_checksum_depends_on_values_shapes_and_types_but_not_on_byte_order() -> None:
    array = np.arange(6, dtype=np.int64)
    same = [array, array.astype(">i8"), np.repeat(array, 2)[::2]]
    other: list[np.ndarray] = [array + 1, array[::-1], array.reshape(2, 3), array.astype(np.int32), array[:5]]
    assert len({checksum(each) for each in same}) == 1
    assert len({checksum(each) for each in (array, *other)}) == len(other) + 1
