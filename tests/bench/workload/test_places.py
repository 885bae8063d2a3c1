"""A place is one device, or several devices that train as one."""

import pytest

from bench.errors import UsageError
from bench.plan import option_values
from bench.workload import places
from bench.workload.places import Place, alone, first, is_cpu, is_virtual, read, several


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("cpu", Place("cpu")),
        ("3xcpu", Place("cpu", 3)),
        ("cuda", Place("cuda", 1, (0,))),
        ("cuda:2", Place("cuda", 1, (2,))),
        ("2xcuda", Place("cuda", 2, (0, 1))),
        ("cuda:1+3", Place("cuda", 2, (1, 3))),
    ],
)
def test_a_word_is_read(word: str, place: Place) -> None:
    assert read(word) == place
    assert is_cpu(word) == (place.kind == "cpu")


@pytest.mark.parametrize("word", ["tpu", "cpu:1", "0xcpu", "2xcuda:1", "cuda:1,3", "x", "2x", "cuda:0/../z"])
def test_another_word_is_one_device_of_an_unknown_kind(word: str) -> None:
    assert read(word) == Place("unknown")
    assert first(word) == word
    assert not is_virtual(word, "flax")
    with pytest.raises(UsageError, match="expected cpu, cuda or cuda:N"):
        option_values.devices(word)


def test_several_devices_of_one_kind_are_a_place() -> None:
    assert [several("cpu", 1), several("cpu", 2), several("cuda", 4)] == ["cpu", "2xcpu", "4xcuda"]
    assert several("cuda:1", 1) == "cuda:1"
    with pytest.raises(ValueError, match="it already names its devices"):
        several("cuda:0+1", 2)


def test_the_first_device_of_a_place_is_a_place() -> None:
    assert list(map(first, ("cpu", "2xcpu", "cuda", "2xcuda", "cuda:1+3"))) == [
        "cpu",
        "cpu",
        "cuda",
        "cuda:0",
        "cuda:1",
    ]


def test_the_first_gpu_has_two_words() -> None:
    found = {word: alone(word) for word in ("2xcpu", "2xcuda", "cuda:0+3", "cuda:1+2")}
    assert found == {
        "2xcpu": ("cpu",),
        "2xcuda": ("cuda:0", "cuda"),
        "cuda:0+3": ("cuda:0", "cuda"),
        "cuda:1+2": ("cuda:1",),
    }


def test_only_devices_that_share_a_process_on_a_cpu_are_virtual() -> None:
    assert [is_virtual("2xcpu", name) for name in ("pytorch", "flax", "keras/tensorflow")] == [False, True, True]
    assert not any(is_virtual(word, "flax") for word in ("cpu", "cuda", "2xcuda"))
    assert places.read("2xcpu").devices == 2
