"""Records of servers under load, whose runs are those of a scripted server in virtual time."""

from dataclasses import replace
from functools import partial

from bench.analysis import rate_search
from bench.analysis.load_runs import Seen
from bench.records.load import Loaded, LoadRun, Serving, Verdict
from bench.records.measurement import Measurement
from bench.records.record import Record
from bench.workload.axes import Load
from tests.bench.analysis.scripted_server import NS, ScriptedServer
from tests.bench.sample_records import record

LIMIT_NS = 5_000_000
SEEN = Seen(by_generator={"loadgen_version": "6.0.17 @ d6147c7eb7", "result_validity": "VALID"}, checked=34)
SHARES = (0.3, 0.6, 0.8)


def served(  # noqa: PLR0913 (a builder: every part of a record may matter to a test)
    framework: str = "pytorch",
    load: Load = "server",
    *,
    workload: str = "digits-cnn",
    service_ns: float = 1e6,
    limit_ns: int | None = LIMIT_NS,
    seen: Seen = SEEN,
    late_ns: int = 0,
    **more: object,
) -> Record:
    """A record of a server whose services are exponential, with this mean; `late_ns` is how late queries are sent."""
    serving = Serving(load=load, limit_ns=limit_ns if load == "server" else None)
    server = ScriptedServer(serving=serving, is_exponential=True, service_ns=service_ns, queries=2_000, late_ns=late_ns)
    full = NS / service_ns
    found = record(workload, framework, "inference", purpose="serving", batch_sizes=(1,), **more)  # type: ignore[arg-type]
    case = replace(found.case, serving=serving, threads=1)
    loaded = _loaded(server, full, seen) if found.outcome == "ok" else None
    return replace(found, case=case, measurement=Measurement(loaded=loaded))


def _loaded(server: ScriptedServer, full: float, seen: Seen) -> Loaded:
    if server.serving.load != "server":
        shares = SHARES if server.serving.load == "single_stream" else SHARES[-1:]
        return Loaded(runs=tuple(_closed(server.run(share * full, seen), server.serving) for share in shares))
    probe = partial(_probe, server, seen)
    if server.serving.limit_ns is None:
        for share in SHARES:
            probe(share * full)
        return Loaded(runs=tuple(server.runs))
    highest = rate_search.search(probe, start=full / 2)
    return Loaded(runs=tuple(server.runs), highest=highest)


def _probe(server: ScriptedServer, seen: Seen, per_s: float) -> Verdict:
    return server.run(per_s, seen).verdict or "invalid"


def _closed(run: LoadRun, serving: Serving) -> LoadRun:
    """The same run as one of a load without a rate."""
    return replace(
        run,
        load=serving.load,
        asked_per_s=None,
        scheduled_per_s=None,
        sent_per_s=None,
        lateness=None,
        growth=None,
        growth_error=None,
        in_flight=(),
        added_ns=2e4,
    )


def three_frameworks(**more: object) -> list[Record]:
    """A run of three frameworks under all loads; Flax is the fastest, then PyTorch, then Keras."""
    records = []
    for framework, service_ns in (("pytorch", 1e6), ("keras/tensorflow", 3e6), ("flax", 0.6e6)):
        loads: tuple[Load, ...] = ("single_stream", "offline", "server")
        records += [served(framework, load, service_ns=service_ns, **more) for load in loads]  # type: ignore[arg-type]
    return [replace(item, order=order) for order, item in enumerate(records)]
