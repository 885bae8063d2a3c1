// The data, and what the reader has chosen: filters, base, sorting, sliders. The address has all that is not usual.
// Rows are packed: see bench/report/page/packing.py.
function unpacked(content) {
  const { keys, texts, metrics, doubts, rows } = content;
  return rows.map((line) => {
    const row = {};
    keys.forEach((key, place) => {
      const value = line[place];
      if (value === null) return;
      if (key in texts) row[key] = texts[key][value];
      else if (key === "figures") row[key] = Object.fromEntries(value.map(([metric, median, low, high, processes, doubt, lost]) => [metrics[metric], { value: median, low, high, processes, doubt: doubts[doubt], lost }]));
      else row[key] = value;
    });
    return row;
  });
}

function read(text) {
  const data = JSON.parse(text);
  for (const name of data.packed ?? []) data[name] = unpacked(data[name]);
  return data;
}

const DATA = read(document.getElementById("data").textContent);
for (const row of [...DATA.cells, ...DATA.lanes]) keyed(row);
const GROUPS = groups(DATA.cells);
const FIELDS = ["run", "device", "workload", "framework", "mode", "precision"];
const SCENARIOS = ["training", "inference"];
const values = (field) => field === "scenario"
  ? SCENARIOS.filter((name) => DATA.cells.some((cell) => cell.scenario === name))
  : [...new Set(DATA.lanes.map((lane) => lane[field]))];
const FILTERS = [...FIELDS, "scenario"];
const CHOICES = Object.fromEntries(FILTERS.map((field) => [field, values(field)]));
const USUAL = { mode: "idiomatic", precision: "fp32" };

// A small first view: one mode and one precision. The other fields show everything.
function usualOf(field) {
  const all = CHOICES[field];
  if (!(field in USUAL) || all.length < 2) return all;
  return [all.includes(USUAL[field]) ? USUAL[field] : all[0]];
}

const DEFAULTS = { base: "best", sort: "", cells: "", scale: "log", theme: "", open: "", quiet: "fold", steps: 10000, batch: 0, limit: 0, sla: 0, find: "" };
const state = { ...DEFAULTS, ...Object.fromEntries(FILTERS.map((field) => [field, usualOf(field)])) };

// Whether a filter shows what it shows at first; all values are there if their number is that of all choices.
function isUsual(field) {
  const usual = usualOf(field);
  return state[field].length === usual.length && (usual.length === CHOICES[field].length || usual.every((item) => state[field].includes(item)));
}

function address() {
  const words = new URLSearchParams();
  for (const field of FILTERS) if (!isUsual(field)) words.set(field, state[field].map(encodeURIComponent).join(","));
  for (const [name, usual] of Object.entries(DEFAULTS)) if (state[name] !== usual) words.set(name, String(state[name]));
  return words.toString();
}

function restore(text) {
  forget();
  const words = new URLSearchParams(text.replace(/^#/, ""));
  for (const field of FILTERS) {
    const asked = words.has(field) ? words.get(field).split(",").map(decoded) : usualOf(field);
    state[field] = asked === CHOICES[field] ? asked : asked.filter((item) => CHOICES[field].includes(item));
  }
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = words.has(name) ? words.get(name) : usual;
    state[name] = typeof usual === "number" ? (Number.isFinite(Number(value)) ? Number(value) : usual) : value;
  }
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

let isRestoring = false;
const listeners = [];

// Change the state, show what follows from it, and write it into the address; `parts` says what has to be drawn again.
function change(given, parts = "all") {
  Object.assign(state, given);
  forget();
  if (!isRestoring) {
    const text = address();
    history.pushState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
  for (const listen of listeners) listen(parts);
}

// The rows that the filters leave; they are asked for several times after each change, so they are kept until the next.
const kept = new Map();
const STAMP = Symbol("the change after which a row was last shown");
let changes = 0;

function shown(rows) {
  if (kept.has(rows)) return kept.get(rows);
  const sets = FILTERS.filter((field) => state[field].length < CHOICES[field].length).map((field) => [field, new Set(state[field])]);
  const found = [];
  for (const row of rows) {
    if (!sets.every(([field, set]) => row[field] === undefined || set.has(row[field]))) continue;
    row[STAMP] = changes;
    found.push(row);
  }
  kept.set(rows, found);
  return found;
}

const isShown = (row) => row[STAMP] === changes;

function forget() {
  kept.clear();
  rankings.clear();
  changes += 1;
}
