"""Charts of memory: the peak of each case by its purpose."""

from typing import Any

import altair as alt

from bench.records.measurement import Memory
from bench.report.charts.look import BYTES, hint, linear, panels
from bench.report.figures import Row, lane_names
from bench.report.results import Results, lane, lanes, select, status, workloads

RUNTIME, UNEXPLAINED, ADDED = "runtime and data", "not explained", "added by the network"
# The network's own parts by the cost model, then the parts that the accounts of JAX and torch name.
PARTS = {
    RUNTIME: "#BBCCEE",
    "weights": "#332288",
    "gradients": "#117733",
    "moments": "#44AA99",
    "inputs": "#88CCEE",
    "outputs of layers": "#DDCC77",
    "gradients of outputs": "#CC6677",
    "held before": "#332288",
    "arrays": "#332288",
    "forward pass": "#DDCC77",
    "backward pass": "#CC6677",
    "optimizer": "#44AA99",
    "results": "#117733",
    "temporaries": "#AA4499",
    "workspace of cuBLAS": "#882255",
    "rounding": "#999933",
    "rounding and the rest": "#999933",
    ADDED: "#4477AA",
    UNEXPLAINED: "#AAAAAA",
}


def memory_rows(results: Results) -> list[Row]:
    """A row for each part of each peak: what was loaded before, then the network's parts, then what nobody explains."""
    found = []
    for workload in workloads(results):
        proven = {row: status(results, workload, row) == "passed" for row in lanes(results, workload)}
        for record in select(results, workload, purpose="memory"):
            names = lane_names(results, workload, lane(record.case))
            for item in record.measurement.memory:
                shown = {**names, "scenario": record.case.scenario, "batch": item.batch_size}
                shown |= {"proven": proven[lane(record.case)], "row": f"{names['label']}, batch {item.batch_size}"}
                shown |= {
                    "summary_panel": names["panel"],
                    "panel": f"{names['workload']}, {record.case.scenario}",
                    "place": 1000 * item.batch_size + names["place"],
                }
                shown |= {"panel_place": 2 * names["panel_place"] + (record.case.scenario != "training")}
                parts = _parts(item)
                whole = {"whole": sum(parts.values())}
                found += [
                    {**shown, **whole, "part": part, "bytes": size, "order": order}
                    for order, (part, size) in enumerate(parts.items())
                ]
    return found


def training_peaks(found: list[Row], cells: list[Row]) -> list[Row]:
    """The whole peak of each lane at the batch size of training that the summary shows, or else at the smallest."""
    wanted = {(row["workload"], row["label"]): row["batch"] for row in cells if "training" in row["roles"]}
    best: dict[tuple[str, str], Row] = {}
    for row in sorted((row for row in found if row["scenario"] == "training"), key=lambda row: row["batch"]):
        key = row["workload"], row["label"]
        if key not in best or row["batch"] == wanted.get(key):
            best[key] = {**row, "bytes": row["whole"], "panel": row["summary_panel"]}
    return list(best.values())


def _parts(item: Memory) -> dict[str, int]:
    """The parts of a peak, of the device if it has an allocator of its own, else of the host."""
    if item.device_peak_bytes is not None:
        return _explained(item.device_peak_bytes, item.accounted_bytes or item.demanded_bytes)
    if item.host_peak_bytes is None:
        return {}
    before = {RUNTIME: item.host_baseline_bytes} if item.host_baseline_bytes else {}
    return {**before, **_explained(item.host_peak_bytes, item.demanded_bytes)}


def _explained(peak: int, parts: dict[str, int]) -> dict[str, int]:
    """The parts and the rest of a peak; the whole peak as one part if the parts do not fit into it."""
    together = sum(parts.values())
    if not parts or together > peak:
        return {ADDED: peak}
    return {**parts, UNEXPLAINED: peak - together}


def peaks() -> dict[str, Any]:
    """A stacked bar for each framework and batch size."""
    base = alt.Chart().encode(
        y=alt.Y("row:N", sort=alt.EncodingSortField("place", op="min"), axis=alt.Axis(title=None, labelLimit=200))
    )
    bars = base.mark_bar(height=11, stroke="#888", strokeWidth=0.4).encode(
        strokeDash=alt.condition(f"datum.part === '{UNEXPLAINED}'", alt.value([3, 2]), alt.value([1, 0])),
        fillOpacity=alt.condition(f"datum.part === '{UNEXPLAINED}'", alt.value(0.3), alt.value(0.9)),
        x=alt.X(**linear("bytes", "peak memory", BYTES)),
        color=alt.Color(
            "part:N",
            scale=alt.Scale(domain=[*PARTS], range=[*PARTS.values()]),
            legend=alt.Legend(title=None, orient="bottom", columns=4, values=alt.ExprRef("parts")),
        ),
        order=alt.Order("order:Q"),
        tooltip=hint(
            ("batch:Q", "batch", ""), ("part:N", "part", ""), ("bytes:Q", "bytes", ".3~s"), ("whole:Q", "peak", ".3~s")
        ),
    )
    # What nobody explains is paler, so that it differs by more than its colour.
    return panels(bars, height={"step": 17}, across=2, width=270)
