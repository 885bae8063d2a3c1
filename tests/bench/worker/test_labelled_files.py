"""A file of samples and labels for a saved model that does not fit it is an error that says what is expected."""

from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.worker import labelled_files
from tests.bench.workloads import saved_tiny


@pytest.mark.parametrize("shape", [(), (0, 6), (3, 5)], ids=["a single number", "no sample", "too few features"])
def test_inputs_that_do_not_fit_are_an_error_also_beside_labels(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "new.npz"
    np.savez(path, inputs=np.zeros(shape), targets=np.zeros(shape[:1], int))
    with pytest.raises(UsageError, match=r"found samples of shape \(.*\), expected \(samples, 6\)"):
        labelled_files.read(path, saved_tiny())
    np.savez(path, inputs=np.zeros((3, 6)), targets=np.zeros(3, int))
    assert len(labelled_files.read(path, saved_tiny()).labelled) == 3
