// Charts of a report: each is filled with the rows that the filters leave.
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

function filled(chart, room, title = null) {
  const found = prepared(chart, rowsOf(chart), room, title);
  if (chart.name === "load") found.spec.params = found.spec.params.map((item) => (item.name === "limit" ? { ...item, value: state.sla } : item));
  return found;
}
const sourceLines = () => DATA.runs.flatMap((run) => Object.entries(run.source).filter(([device]) => state.device.includes(device)).map(([, words]) => words));
