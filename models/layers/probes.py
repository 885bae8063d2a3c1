"""Networks of one layer that can hand their inputs on: by their answers a proof sees in which precision it computes."""

from collections.abc import Mapping
from typing import Any

Probe = tuple[str, Mapping[str, Any]]  # a family, and the fields of its spec

FEATURES = 128  # enough for the way that a large product takes
# Every family has a dense head, which is all there is in this network.
DENSE: tuple[Probe, ...] = (("dnn", {"features": FEATURES, "outputs": FEATURES}),)
