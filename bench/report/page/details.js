// What a row of the summary opens to: its cells, processes and samples, the certificate, settings, environment.
for (const row of DATA.samples) keyed(row);
const cellsOfLane = groups(DATA.cells, laneKey);
const samplesOfLane = groups(DATA.samples, laneKey);

const FIGURE_COLUMNS = [
  ["samples/s", "samples_per_second", count],
  ["p50", (cell) => (cell.scenario === "training" ? "step_time_p50_s" : "query_time_p50_s"), duration],
  ["p90", (cell) => (cell.scenario === "training" ? "step_time_p90_s" : "query_time_p90_s"), duration],
  ["p99", "query_time_p99_s", duration],
  ["first call", "first_call_time_s", duration],
  ["CPU/wall", "cpu_use", significant],
];

function figureColumn([title, name, write]) {
  const figure = (cell) => cell.figures[typeof name === "string" ? name : name(cell)];
  return { title, number: true, text: (cell) => written(figure(cell), write), value: (cell) => figure(cell)?.value, doubt: (cell) => figure(cell)?.doubt };
}

function laneDetails(lane) {
  const cells = cellsOfLane.get(laneKey(lane)) ?? [];
  const columns = [
    { title: "scenario", text: (cell) => cell.scenario },
    { title: "batch", number: true, text: (cell) => String(cell.batch), value: (cell) => cell.batch },
    ...FIGURE_COLUMNS.map(figureColumn),
    { title: "outcome", text: (cell) => cell.outcome },
  ];
  const run = DATA.runs.find((item) => item.run === lane.run);
  return [
    make("h3", { textContent: `${lane.workload}, ${lane.label}` }),
    commandLine("Measure it again: ", lane.command),
    ...cells.flatMap((cell) => Object.entries(cell.figures).filter(([, figure]) => figure.doubt).slice(0, 1).map(([, figure]) => make("p", { className: "doubt", textContent: `${SIGN} ${cell.scenario}, batch ${cell.batch}: ${figure.doubt}` }))),
    ...(cells.length ? table({ name: "cells", caption: "Figures: medians over processes, with the lowest and the highest process", columns, rows: cells }) : []),
    fold("Processes and samples", () => samplesPart(lane, cells)),
    fold(`Certificate: ${lane.status}`, () => proofPart(lane, run)),
    fold("Settings of the framework", () => pairsTable("settings", lane.settings)),
    fold("Environment", () => [...pairsTable("environment", run.environment), ...run.remarks.map((text) => make("p", { textContent: text }))]),
  ];
}

function pairsTable(name, pairs) {
  const columns = [{ title: "what", text: (row) => row[0] }, { title: "value", text: (row) => row[1] }];
  return table({ name, caption: name, columns, rows: pairs });
}

function proofPart(lane, run) {
  const columns = [
    { title: "check", text: (row) => row[0] }, { title: "against", text: (row) => row[1] },
    { title: "found", number: true, text: (row) => row[2], value: (row) => Number(row[2]) },
    { title: "allowed", number: true, text: (row) => row[3], value: (row) => Number(row[3]) },
    { title: "holds", text: (row) => (row[4] ? "yes" : "NO") },
  ];
  return [
    make("p", { textContent: run.proven }),
    ...lane.proofs.flatMap((proof) => [
      ...(proof.problem ? [make("p", { className: "doubt", textContent: proof.problem })] : []),
      ...table({ name: "certificate", caption: `Largest relative deviations, ${proof.steps} training steps`, columns, rows: proof.checks }),
      ...proof.notes.map((text) => make("p", { className: "soft", textContent: text })),
    ]),
  ];
}

// The processes of one cell as dots, and their samples over time.
function samplesPart(lane, cells) {
  const samples = samplesOfLane.get(laneKey(lane)) ?? [];
  if (!samples.length) return [make("p", { textContent: "This page has no samples of this row: `results` has the records with all of them." })];
  const timed = cells.filter((cell) => samples.some((item) => isOf(item, cell)));
  const choice = make("select", { "aria-label": "Which cell", onchange: () => show() }, ...timed.map((cell, at) => make("option", { value: String(at), textContent: `${cell.scenario}, batch ${cell.batch}` })));
  const kind = make("select", { "aria-label": "Which timings", onchange: () => show() }, make("option", { value: "call_us", textContent: "single calls (latency)" }), make("option", { value: "round_us", textContent: "rounds (throughput), per call" }));
  const which = make("select", { "aria-label": "Which process", onchange: () => show() });
  const place = make("div", { className: "drawing" });
  const words = make("p", { className: "soft" });
  const facts = make("div");

  function show() {
    const cell = timed[Number(choice.value)];
    const mine = samples.filter((item) => isOf(item, cell));
    const names = ["all", ...mine.map((item) => String(item.process))];
    if (which.options.length !== names.length) which.replaceChildren(...names.map((name) => make("option", { value: name, textContent: name === "all" ? "all processes" : `process ${name}` })));
    const picked = mine.filter((item) => ["all", String(item.process)].includes(which.value || "all"));
    const rows = picked.flatMap((item) => item[kind.value].map((value, at) => ({ process: `process ${item.process}`, at: (at / Math.max(1, item[kind.value].length - 1)) * 100, seconds: value / 1e6 })));
    const medians = picked.map((item) => ({ process: `process ${item.process}`, seconds: middle(item[kind.value].length ? item[kind.value] : [0]) / 1e6 }));
    const axis = { labelExpr: "format(datum.value, '~s') + 's'", tickCount: 5 };
    const dots = { data: { values: rows }, mark: { type: "point", filled: true, size: 9, opacity: 0.55, tooltip: true }, encoding: { x: { field: "at", type: "quantitative", title: "share of the timings, in their order (%)" }, y: { field: "seconds", type: "quantitative", scale: { zero: false }, title: "time per call", axis }, color: { field: "process", type: "nominal", legend: { title: null, orient: "bottom" } } } };
    const lines = { data: { values: medians }, mark: { type: "rule", strokeDash: [4, 3] }, encoding: { y: { field: "seconds", type: "quantitative" }, color: { field: "process", type: "nominal" } } };
    const ink = isDark() ? "#e7ecf1" : "#1b2128";
    const spec = { layer: [dots, lines], width: Math.max(220, Math.min(640, place.clientWidth - 90)), height: 180, background: null, config: { axis: { labelColor: ink, titleColor: ink }, legend: { labelColor: ink }, view: { stroke: null } } };
    if (window.vegaEmbed) embed(place, spec).catch((error) => { place.textContent = error.message; });
    const thinned = mine.some((item) => item.calls > item.call_us.length || item.rounds > item.round_us.length);
    words.textContent = `Dashed: the median of each process.${thinned ? " Samples are thinned to at most 200 for each process and batch size; medians in the tables are of all." : ""}`;
    const columns = [
      { title: "process", number: true, text: (item) => String(item.process), value: (item) => item.process },
      { title: "started", text: (item) => item.started },
      { title: "place in the run", number: true, text: (item) => String(item.order), value: (item) => item.order },
      { title: "warm-up calls", number: true, text: (item) => String(item.warm_up), value: (item) => item.warm_up },
      { title: "steady", text: (item) => (item.steady ? "yes" : "no") },
      { title: "single calls", number: true, text: (item) => String(item.calls), value: (item) => item.calls },
      { title: "rounds", number: true, text: (item) => `${item.rounds} of ${item.per_round} calls`, value: (item) => item.rounds },
    ];
    facts.replaceChildren(...table({ name: "processes", caption: "Processes", columns, rows: mine }));
  }
  queueMicrotask(show);
  return [make("div", { className: "bar" }, choice, kind, which), place, words, facts];
}

const isOf = (item, cell) => item.scenario === cell.scenario && item.batch === cell.batch && item.feed === cell.feed;
