"""How many files are made: a few that are always the same in the quick suite, and 2 000 in the studies."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

Test = Callable[..., Any]

FEW = settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a smaller example is not worth minutes of search
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
MANY = settings(FEW, max_examples=400, derandomize=False, print_blob=True)


def study(test: Test) -> Test:
    """The test is a study with 400 examples, which differ each time."""
    return pytest.mark.study(pytest.mark.timeout(3600)(MANY(test)))
