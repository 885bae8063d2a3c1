"""Networks that can return their inputs unchanged; from their outputs a proof finds the precision of the arithmetic."""

from collections.abc import Mapping
from typing import Any

Probe = tuple[str, Mapping[str, Any]]  # a family, and the fields of its spec

FEATURES = 128  # enough for libraries to run the same code as for large matrices
# Only a dense head, which every family has.
DENSE: tuple[Probe, ...] = (("dnn", {"features": FEATURES, "outputs": FEATURES}),)
