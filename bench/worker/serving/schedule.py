"""Computes the schedule by which LoadGen sends queries in its server scenario, which it does not tell.

LoadGen draws gaps from an exponential distribution of the C++ standard library, with the generator `std::mt19937`. It
logs the length of its schedule, which shows whether it is the one that is computed here.
"""

from typing import Any

import numpy as np

from bench.workload.axes import Load

NANOSECONDS = 1_000_000_000
FULL = 2**32
SHORTEST_NS = 3 * NANOSECONDS
FEWEST = 1_000

Seeds = tuple[int, int, int]  # of the samples in memory, of the sample of each query, of the arrivals


def arrivals_ns(queries: int, *, per_s: float, seed: int) -> np.ndarray:
    """The scheduled arrivals of a Poisson process, in nanoseconds from the first query; shape (queries,), int64.

    Each gap is -ln(1 - u) / rate, rounded down, where u has 64 random bits: the first 32-bit number of the generator is
    the lower half. Source: `std::exponential_distribution` and `std::generate_canonical` of libstdc++, and
    `ScheduleDistribution` of LoadGen.
    """
    words = np.frombuffer(np.random.RandomState(seed).bytes(8 * (queries - 1)), dtype="<u4").astype(np.float64)
    uniform = (words[0::2] + words[1::2] * FULL) / FULL**2
    gaps = -np.log1p(-uniform) / per_s * NANOSECONDS
    return np.concatenate([[0], np.cumsum(gaps.astype(np.int64))])


def queries_for(per_s: float, *, percentile: float = 99.0) -> int:
    """The queries of a run at this rate: enough for three seconds, and for ten above the percentile.

    That are 1 000 for the 99th percentile, and no run has fewer.
    """
    rare = int(np.ceil(FEWEST / 100 / (1 - percentile / 100)))
    return max(FEWEST, rare, int(np.ceil(per_s * SHORTEST_NS / NANOSECONDS)))


def seeds(number: int) -> Seeds:
    """The seeds of a run, by its number from 1; the same for all frameworks, so that they get the same queries."""
    first, second, third = (int(seed) for seed in np.random.SeedSequence(number).generate_state(3, np.uint32))
    return first, second, third


def settings(load: Load, queries: int, *, seeds: Seeds, per_s: float | None, limit_ns: int | None) -> dict[str, Any]:
    """The settings of LoadGen for a run of so many queries, by its own names, as JSON."""
    first, second, third = seeds
    found: dict[str, Any] = {
        "min_query_count": queries,
        "min_duration_ms": 0,
        "qsl_rng_seed": first,
        "sample_index_rng_seed": second,
        "schedule_rng_seed": third,
    }
    if load == "single_stream":
        return found | {"max_query_count": queries}
    if load == "offline":
        return found | {"offline_expected_qps": 1.0}
    found["server_target_qps"] = per_s
    return found if limit_ns is None else found | {"server_target_latency_ns": limit_ns}
