"""Fixtures: the adapter and the network of the framework under test."""

from types import ModuleType

import pytest

from bench.adapters.base import Adapter
from tests.bench.adapters.small_network import adapter_of, network_of


@pytest.fixture
def adapter(contender: str) -> Adapter:
    """A new adapter, configured for float32."""
    return adapter_of(contender)


@pytest.fixture
def network(contender: str) -> ModuleType:
    """The module that builds the network."""
    return network_of(contender)
