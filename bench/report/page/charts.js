// Charts: each is one Vega-Lite specification without data, which the page fills with the rows that the filters leave.
const MOST_PANELS = 12;
const ERRORS = 1;  // what the chart library writes to the console
const QUESTIONS = { training: "training time", latency: "latency, smallest batch", throughput: "inference time, largest batch", memory: "peak memory in training" };

// The rows of a chart: those of timed cells have a row for each figure, and one for each process.
function rowsOf(chart) {
  if (chart.source === "overview") return overviewRows();
  const rows = shown(DATA[chart.source] ?? []);
  if (!Object.keys(chart.metrics).length) return rows;
  const found = [];
  for (const row of rows) {
    if ((chart.role && !row.roles.includes(chart.role)) || (chart.scenario && row.scenario !== chart.scenario)) continue;
    const { figures, roles, replicates, ...names } = row;
    Object.entries(chart.metrics).forEach(([name, metric], order) => {
      const figure = figures[name];
      if (figure) {
        const { value, low, high, doubt } = figure;
        found.push({ ...names, metric, order, kind: "figure", value, low, high, doubt });
        if (chart.dots) for (const item of figure.processes) found.push({ ...names, metric, order, kind: "process", value: item });
      } else if (chart.dots && names.outcome !== "ok") found.push({ ...names, metric, order, kind: "absent", value: 0 });
    });
  }
  if (chart.needs && !found.some((row) => row.metric === chart.needs)) return [];
  if (!chart.lines) return found;
  const sizes = new Map();
  for (const row of found) sizes.set(row.panel, (sizes.get(row.panel) ?? new Set()).add(row.batch));
  return found.filter((row) => sizes.get(row.panel).size > 1);
}

// The ratios of the overview, with what the reader has chosen as 1.00×.
function overviewRows() {
  const cells = shown(DATA.cells);
  const rows = [];
  for (const [role, metric] of ROLES) {
    const mine = cells.filter((cell) => cell.roles.includes(role) && cell.figures[metric]);
    for (const [cell, item] of ratios(mine, () => metric, state.base, DATA.cells)) {
      const { figures, roles, replicates, ...names } = cell;
      rows.push({ ...names, kind: "ratio", question: QUESTIONS[role], ratio: item.median, low: item.low, high: item.high, doubt: figures[metric].doubt });
    }
  }
  rows.push(...memoryRatios());
  const noise = DATA.runs[0].noise;
  if (noise) {
    const timed = new Set(rows.filter((row) => row.question !== QUESTIONS.memory).map((row) => row.question));
    for (const question of timed) rows.push({ kind: "noise", question, ratio: 1, high: noise });
  }
  return rows;
}

function memoryRatios() {
  const lanes = shown(DATA.lanes).filter((lane) => lane.peak && lane.peak[0] !== null);
  const bytes = (lane) => lane.peak[0];
  const rows = [];
  for (const group of groups(lanes, (lane) => `${lane.run}\u0000${lane.panel}`).values()) {
    const known = group.filter((lane) => lane.proven);
    if (!known.length) continue;
    const least = Math.min(...known.map(bytes));
    for (const lane of group) {
      const other = state.base === "best" ? least : baseLane(lane)?.peak?.[0];
      const value = other ? bytes(lane) / other : null;
      const { peak, quality, proofs, settings, command, ...names } = lane;
      if (value) rows.push({ ...names, kind: "ratio", question: QUESTIONS.memory, ratio: value, low: value, high: value, doubt: "" });
    }
  }
  return rows;
}

function baseLane(lane) {
  const at = state.base.indexOf(":");
  const [field, value] = [state.base.slice(0, at), state.base.slice(at + 1)];
  return DATA.lanes.find((item) => item[field] === value && FIELDS.every((name) => name === field || item[name] === lane[name]) && item.threads === lane.threads);
}

// Draw in a place. The parts of a drawing have no names of their own: the place says what it shows, tables have the figures.
async function embed(place, spec, options = {}) {
  const found = await vegaEmbed(place, spec, { actions: false, renderer: "svg", logLevel: ERRORS, ...options });
  for (const part of place.querySelectorAll("[role^='graphics'], [aria-roledescription]")) for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
  return found;
}

const drawings = [];  // {chart, place, note, isSeen, view}

function chartFigure(chart) {
  const place = make("div", { className: "drawing", tabindex: "0", role: "region", "aria-label": `${chart.caption}. ${chart.marks}` });
  const note = make("p", { className: "soft" });
  const saved = (kind) => make("button", { textContent: kind, "aria-label": `Save ${chart.caption} as ${kind}`, onclick: () => saveChart(chart, kind) });
  const heading = make("figcaption", {}, make("strong", { textContent: chart.caption }), make("span", { className: "bar" }, saved("SVG"), saved("PNG")));
  const whole = make("figure", { id: `chart-${chart.name}` }, heading, place, make("p", { className: "soft", textContent: chart.marks }), note);
  const drawing = { chart, place, note, whole, isSeen: false, isStale: true };
  drawings.push(drawing);
  new IntersectionObserver((seen) => { drawing.isSeen = seen[0].isIntersecting; if (drawing.isSeen) draw(drawing); }, { rootMargin: "200px" }).observe(whole);
  return whole;
}

function redraw() {
  for (const drawing of drawings) {
    drawing.isStale = true;
    if (drawing.isSeen) draw(drawing);
  }
}

async function draw(drawing) {
  if (!drawing.isStale || !window.vegaEmbed) return;
  drawing.isStale = false;
  const { spec, words, isEmpty } = filled(drawing.chart, drawing.place.clientWidth || 900);
  drawing.note.textContent = words;
  drawing.view?.finalize();
  drawing.view = null;
  if (isEmpty) { drawing.place.replaceChildren(make("p", { className: "soft", textContent: "Nothing to draw: the filters leave no data for this chart." })); return; }
  try {
    drawing.view = (await embed(drawing.place, spec, { tooltip: { theme: isDark() ? "dark" : "light" } })).view;
    if (!performance.getEntriesByName("first-chart").length) performance.mark("first-chart");
    drawing.place.dataset.drawn = String(Number(drawing.place.dataset.drawn ?? 0) + 1);
  } catch (error) {
    drawing.place.replaceChildren(make("p", { textContent: `This chart could not be drawn: ${error.message}. The tables have its figures.` }));
  }
}

// A chart with its rows, for a place of so many pixels; too many panels are left out, and the note says so.
function filled(chart, room, title = null) {
  let rows = rowsOf(chart);
  const spec = JSON.parse(JSON.stringify(chart.spec));
  const by = spec.facet.field;
  const panels = [...new Set(rows.map((row) => row[by]))];
  let words = "";
  if (panels.length > MOST_PANELS) {
    const kept = new Set(panels.slice(0, MOST_PANELS));
    rows = rows.filter((row) => kept.has(row[by]));
    words = `The first ${MOST_PANELS} of ${panels.length} panels. Filter by workload to see others.`;
  }
  if (by === "question") ({ rows, words } = fewer(rows, words));
  const known = (key) => [...new Set(rows.filter((row) => key in row).map((row) => row[key]))];
  const found = { shown: known("framework"), sizes: known("batch").sort((a, b) => a - b), parts: known("part") };
  spec.params = spec.params.map((item) => ({ ...item, value: found[item.name] }));
  spec.datasets = { rows };
  const side = by === "question" || chart.name === "memory" ? 190 : 75;
  const across = Math.max(1, Math.min(spec.columns, Math.floor(room / (150 + side)), panels.length));
  spec.columns = across;
  spec.spec.width = Math.max(120, Math.min(420, Math.floor(room / across) - side - 20));
  spec.background = null;
  const ink = isDark() ? "#e7ecf1" : "#1b2128";
  Object.assign(spec.config, { axis: { ...spec.config.axis, labelColor: ink, titleColor: ink }, header: { ...spec.config.header, labelColor: ink }, legend: { ...spec.config.legend, labelColor: ink, titleColor: ink }, title: { ...spec.config.title, color: ink } });
  if (title) Object.assign(spec, { title: { text: title.text, subtitle: title.lines }, background: isDark() ? "#14181d" : "white" });
  return { spec, words, isEmpty: !rows.length };
}

const MOST_LINES = 60;

function fewer(rows, words) {
  const names = [...new Set(rows.filter((row) => row.kind === "ratio").map((row) => row.panel))];
  if (names.length <= MOST_LINES) return { rows, words };
  const kept = new Set(names.slice(0, MOST_LINES));
  return { rows: rows.filter((row) => row.kind !== "ratio" || kept.has(row.panel)), words: `The first ${MOST_LINES} of ${names.length} rows. Filter by workload to see others.` };
}

async function saveChart(chart, kind) {
  const sources = DATA.runs.flatMap((run) => Object.entries(run.source).filter(([device]) => state.device.includes(device)).map(([, words]) => words));
  const { spec, isEmpty } = filled(chart, 900, { text: chart.caption, lines: [...new Set(sources), chart.marks] });
  if (isEmpty) return say("This chart has no data.");
  const { view, finalize } = await embed(make("div"), spec);
  if (kind === "SVG") save(await view.toSVG(), `${chart.name}.svg`, "image/svg+xml");
  else {
    const canvas = await view.toCanvas(2);
    save(await new Promise((done) => canvas.toBlob(done)), `${chart.name}.png`, "image/png");
  }
  finalize();
  return say(`Saved: ${chart.name}.${kind.toLowerCase()}`);
}

const isDark = () => document.documentElement.dataset.theme === "dark";
