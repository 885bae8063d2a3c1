// The page of a report: answers, filters, summary, charts, all figures, the chooser, comparison, and its tables.
const answers = make("div", { id: "answers" });

function showAnswers() {
  shown(DATA.cells);  // which marks the cells that are shown
  const found = answersOf(shown(ROLED), shown(DATA.lanes));
  answers.replaceChildren(...found.slice(0, 8).map((item) => answerBox(item.title, item.lines.map(([question, clauses]) => [question, clauses.flatMap(clauseParts)]))));
  if (found.length > 8) answers.append(make("p", { className: "soft", textContent: `${found.length - 8} more modes, precisions and devices have answers: filter to see them.` }));
  if (!found.length) answers.append(make("p", { textContent: "Nothing to answer: the filters leave no workload. Reset them to see all." }));
}

function clauseParts(item) {
  const parts = [make("strong", { textContent: item.who }), ": "];
  if (item.text) parts.push(`${item.text}. `);
  else item.places.forEach(([name, words], place) => {
    const link = make("button", { className: "link", textContent: name, title: `Show ${name} alone`, onclick: () => { change({ workload: [name] }); say(`Only ${name} is shown. Reset shows all.`); } });
    parts.push(link, words ? ` (${words})` : "", place + 1 < item.places.length ? ", " : ". ");
  });
  return parts;
}

const filters = make("div", { className: "bar controls", id: "filters", role: "group", "aria-label": "Filters" });

function buildFilters() {
  for (const field of FILTERS) {
    if (CHOICES[field].length < 2) continue;
    const summary = make("summary");
    const boxes = CHOICES[field].map((value) => make("input", { type: "checkbox", value, "data-field": field, onchange: () => {
      const picked = boxes.filter((box) => box.checked).map((box) => box.value);
      change({ [field]: picked });
    } }));
    const all = make("button", { textContent: "all", onclick: () => change({ [field]: [...CHOICES[field]] }) });
    const details = make("details", { className: "filter", "data-filter": field }, summary, make("div", {}, all, ...boxes.map((box) => make("label", {}, box, make("span", { textContent: box.value })))));
    const update = () => {
      const picked = new Set(state[field]);
      if (details.open || boxes.length < 100) for (const box of boxes) box.checked = picked.has(box.value);
      const number = state[field].length;
      const words = number === CHOICES[field].length ? "all" : number === 1 ? state[field][0] : number ? `${number} of ${CHOICES[field].length}` : "none";
      summary.textContent = `${field}: ${words}`;
      details.classList.toggle("is-set", number < CHOICES[field].length);
    };
    listeners.push(update);
    details.addEventListener("toggle", update);
    update();
    filters.append(details);
  }
  const bases = [["best", "the best of each group"], ...["framework", "mode", "precision", "run"].flatMap((field) => (CHOICES[field].length > 1 ? CHOICES[field].map((value) => [`${field}:${value}`, `${field} ${value}`]) : []))];
  const base = make("select", { id: "base", onchange: () => change({ base: base.value }) }, ...bases.map(([value, textContent]) => make("option", { value, textContent })));
  listeners.push(() => { base.value = bases.some(([value]) => value === state.base) ? state.base : "best"; });
  base.value = state.base;
  const reset = make("button", { id: "reset", textContent: "Reset", onclick: () => { restore(""); change({}); } });
  filters.append(make("label", {}, "1.00× is", base), reset);
  document.addEventListener("click", (event) => { for (const item of filters.querySelectorAll("details[open]")) if (!item.contains(event.target)) item.open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") for (const item of filters.querySelectorAll("details[open]")) { item.open = false; item.querySelector("summary").focus(); } });
}

const summary = make("section", { id: "summary", "aria-label": "Summary" });
const ROLED = DATA.cells.filter((cell) => cell.roles.length);
const OF_ROLE = Object.fromEntries(ROLES.map(([role]) => [role, ROLED.filter((cell) => cell.roles.includes(role))]));
const ROLE_CELLS = Object.fromEntries(ROLES.map(([role]) => [role, new Map(OF_ROLE[role].map((cell) => [laneKey(cell), cell]))]));

function showSummary() {
  const lanes = shown(DATA.lanes);
  const found = Object.fromEntries(ROLES.map(([role, metric]) => [role, ratios(shown(OF_ROLE[role]), () => metric, state.base, DATA.cells)]));
  const cellOf = (role, lane) => ROLE_CELLS[role].get(laneKey(lane));
  const figure = (title, role, metric, write) => ({
    title, number: true,
    text: (lane) => { const cell = cellOf(role, lane); return cell ? (cell.figures[metric] ? written(cell.figures[metric], write) : cell.outcome === "ok" ? UNKNOWN : cell.outcome) : UNKNOWN; },
    value: (lane) => cellOf(role, lane)?.figures[metric]?.value,
    best: (lane) => Boolean(found[role].get(cellOf(role, lane))?.isBest),
    doubt: (lane) => cellOf(role, lane)?.figures[metric]?.doubt,
  });
  const metrics = [...new Set(lanes.filter((lane) => lane.quality).map((lane) => lane.quality.metric))];
  const place = (lane) => found.training.get(cellOf("training", lane));
  const columns = [
    ...(DATA.runs.length > 1 ? [{ title: "run", text: (lane) => lane.run }] : []),
    { title: "workload", text: (lane) => lane.workload },
    { title: "framework", text: (lane) => lane.label, mark: (lane) => swatch(lane.framework) },
    { title: "certificate", text: (lane) => lane.status, doubt: (lane) => (lane.proven ? "" : lane.status) },
    { title: `test ${metrics.join("/") || "quality"}`, number: true, text: (lane) => lane.quality?.text ?? UNKNOWN, value: (lane) => (lane.quality?.values.length ? lane.quality.values.reduce((sum, value) => sum + value, 0) / lane.quality.values.length : null) },
    figure("training samples/s", "training", "samples_per_second", count),
    { title: versus(), key: VERSUS, number: true, text: (lane) => placeInWords(place(lane), cellOf("training", lane)), value: (lane) => place(lane)?.median, best: (lane) => Boolean(place(lane)?.isBest) },
    figure(`latency at ${batchInWords(shown(OF_ROLE.latency), "smallest")} (p50)`, "latency", "query_time_p50_s", duration),
    figure(`throughput at ${batchInWords(shown(OF_ROLE.throughput), "largest")} (samples/s)`, "throughput", "samples_per_second", count),
    { title: "process memory", number: true, text: (lane) => size(lane.peak?.[0]), value: (lane) => lane.peak?.[0] },
    { title: "added memory", number: true, text: (lane) => size(lane.peak?.[1]), value: (lane) => lane.peak?.[1] },
  ].filter((column) => !column.number || lanes.some((lane) => ![UNKNOWN, ""].includes(column.text(lane))));
  const open = { build: laneDetails, told: (lane, isOpen) => { state.open = isOpen ? laneKey(lane).replaceAll("\u0000", "|") : ""; remember(); } };
  const opened = (lane) => state.open && laneKey(lane).replaceAll("\u0000", "|") === state.open;
  summary.replaceChildren(make("h2", { textContent: "Summary" }), ...(lanes.length
    ? table({ name: "summary", caption: "A row opens to its processes, certificate, settings and environment", columns, rows: lanes, sorted: state.sort, onSort: (sorted) => { state.sort = sorted; remember(); }, open, opened })
    : [make("p", { textContent: "The filters leave no row. Reset them to see all." })]), ...notes());
}

function placeInWords(place, cell) {
  if (!place) return "";
  if (place.noWinner && place.isRanked) return "no winner";
  return place.isRanked ? ratioRange(place.median, place.low, place.high) : `not ranked: ${cell.proven ? cell.figures.samples_per_second.doubt.split(":")[0] : cell.status}`;
}

function notes() {
  const noise = DATA.runs.map((run) => run.noise).filter(Boolean);
  return [
    "Bold: the fastest, and all that cannot be told apart from it (their ranges over processes overlap). ±4 % or -2/+4 %: the lowest and the highest process, relative to the median.",
    "In brackets, in the answers too: the range over processes, relative to the median of the other framework.",
    `${SIGN}: do not rely on this figure. It is not ranked; the row says why.`,
    ...(noise.length ? [`On this machine, processes of the same work differ by ${Math.round(100 * (Math.max(...noise) - 1))} % (median).`] : []),
    ...DATA.runs.map((run) => run.proven).filter(Boolean).slice(0, 1),
  ].map((text) => make("p", { className: "soft", textContent: text }));
}

// Write what was opened or sorted into the address, without a step for the back button.
function remember() {
  const text = address();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

// What the ratios of a table are relative to; the key of such a column stays the same if another base is chosen.
const VERSUS = "times as slow";
const versus = () => `vs ${state.base === "best" ? "fastest" : state.base.slice(state.base.indexOf(":") + 1)}`;

const everything = make("div");

function showCells() {
  const cells = shown(DATA.cells);
  const found = ratios(cells, (cell) => DECIDES[cell.scenario], state.base, DATA.cells);
  const isQuiet = (cell) => { const item = found.get(cell); return Boolean(item && item.isRanked && item.low <= 1 && item.high >= 1 && item.median !== 1); };
  const quiet = cells.filter(isQuiet);
  const rows = state.quiet === "fold" ? cells.filter((cell) => !isQuiet(cell)) : cells;
  const columns = [
    { title: "workload", text: (cell) => cell.workload }, { title: "framework", text: (cell) => cell.label, mark: (cell) => swatch(cell.framework) },
    { title: "scenario", text: (cell) => cell.scenario }, { title: "batch", number: true, text: (cell) => String(cell.batch), value: (cell) => cell.batch },
    { title: "certificate", text: (cell) => cell.status },
    { title: versus(), key: VERSUS, number: true, text: (cell) => (found.has(cell) ? (found.get(cell).noWinner ? "no winner" : ratioRange(found.get(cell).median, found.get(cell).low, found.get(cell).high)) : ""), value: (cell) => found.get(cell)?.median, best: (cell) => Boolean(found.get(cell)?.isBest) },
    ...FIGURE_COLUMNS.map(figureColumn), { title: "outcome", text: (cell) => cell.outcome },
  ];
  const button = make("button", { id: "quiet", "aria-pressed": String(state.quiet === "show"), textContent: state.quiet === "fold" ? `Show ${quiet.length} rows within the noise` : `Fold ${quiet.length} rows within the noise`, onclick: () => change({ quiet: state.quiet === "fold" ? "show" : "fold" }, "cells") });
  const words = make("p", { className: "soft", textContent: `Within the noise: the range over processes contains 1×. Ratios: samples/s in training, latency p50 in inference.` });
  everything.replaceChildren(...(cells.length ? [make("div", { className: "bar" }, button), words, ...table({ name: "figures", caption: "Every timed cell", columns, rows, sorted: state.cells, onSort: (sorted) => { state.cells = sorted; remember(); } })] : [make("p", { textContent: "The filters leave no cell." })]));
}

// Tables of the summary that are seen without unfolding.
const OPEN = ["Scaling over devices", "Highest rate within", "Single queries (single_stream)", "All queries at once (offline)"];
const isOpen = (item) => OPEN.some((title) => item.title.startsWith(title));

function openTables() {
  const tables = DATA.sections.flatMap((section) => section.tables).filter(isOpen);
  return tables.map((item) => make("section", { "aria-label": item.title }, make("h2", { textContent: item.title }), ...plainTable(item)));
}

function buildRest() {
  const charts = make("section", { id: "charts", "aria-label": "Charts" }, make("h2", { textContent: "Charts" }), make("div", { className: "charts" }, ...DATA.charts.filter((chart) => (chart.source === "overview" ? DATA.cells.length || DATA.lanes.some((lane) => lane.peak) : DATA[chart.source]?.length)).map(chartFigure)));
  const cells = fold("Every timed cell", () => [everything], { onToggle: (isOpen) => { if (isOpen) showCells(); } });
  const sections = DATA.sections.flatMap((section) => fold(section.title === "Summary" ? "Expected quality, lower bounds and more" : section.title, () => section.tables.filter((item) => item.title !== "Summary" && !isOpen(item)).flatMap((item) => [make("h3", { textContent: item.title }), ...plainTable(item)])));
  const pictures = DATA.pictures.length ? [fold("Pictures of samples and networks", () => DATA.pictures.map((item) => make("p", {}, make("img", { alt: item.caption, src: `data:image/png;base64,${item.png}` }))))] : [];
  const again = DATA.command ? [make("h2", { textContent: "Repeat it" }), make("pre", { tabindex: "0" }, make("code", { textContent: DATA.command })), make("button", { textContent: "Copy", "aria-label": "Copy the command of the run", onclick: () => copy(DATA.command, "the command") })] : [];
  const choose = DATA.cells.some((cell) => cell.scenario === "training") ? [fold("Which one for me?", () => chooser())] : [];
  main.append(...choose, charts, cells, fold("Compare with another page or records file", comparePart), make("h2", { textContent: "Details" }), ...sections, ...pictures, ...again);
  return cells;
}

function start() {
  restore(location.hash || DATA.view);
  theme(state.theme);
  main.replaceChildren();
  buildHeader((name) => change({ theme: name }, "theme"));
  buildFilters();
  main.append(answers, filters, summary, ...openTables());
  showAnswers();
  showSummary();
  const cells = buildRest();
  listeners.push((parts) => {
    if (parts === "theme") { theme(state.theme); redraw(); }
    if (parts === "cells" && cells.open) showCells();
    if (parts !== "all") return;
    theme(state.theme);
    showAnswers();
    showSummary();
    if (cells.open) showCells();
    requestAnimationFrame(() => setTimeout(redraw));
  });
  addEventListener("popstate", () => { isRestoring = true; restore(location.hash); change({}); isRestoring = false; });
  addEventListener("hashchange", () => { isRestoring = true; restore(location.hash); change({}); isRestoring = false; });
  addEventListener("DOMContentLoaded", redraw);
  watchWindow(() => state.theme);
}

// For the console of the browser, and for tests.
window.levelfield = { data: DATA, state, choices: CHOICES, change, rowsOf };
start();
