// The data, and what the reader has chosen: filters, base, sorting, sliders. The address has all that is not usual.
const DATA = JSON.parse(document.getElementById("data").textContent);
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

const DEFAULTS = { base: "best", sort: "", cells: "", scale: "log", theme: "", open: "", quiet: "fold", steps: 10000, batch: 0, limit: 0, find: "" };
const state = { ...DEFAULTS, ...Object.fromEntries(FILTERS.map((field) => [field, usualOf(field)])) };
const isUsual = (field) => state[field].length === usualOf(field).length && usualOf(field).every((item) => state[field].includes(item));

function address() {
  const words = new URLSearchParams();
  for (const field of FILTERS) if (!isUsual(field)) words.set(field, state[field].map(encodeURIComponent).join(","));
  for (const [name, usual] of Object.entries(DEFAULTS)) if (state[name] !== usual) words.set(name, String(state[name]));
  return words.toString();
}

function restore(text) {
  const words = new URLSearchParams(text.replace(/^#/, ""));
  for (const field of FILTERS) {
    const asked = words.has(field) ? words.get(field).split(",").map(decoded) : usualOf(field);
    state[field] = asked.filter((item) => CHOICES[field].includes(item));
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
function change(changes, parts = "all") {
  Object.assign(state, changes);
  if (!isRestoring) {
    const text = address();
    history.pushState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
  for (const listen of listeners) listen(parts);
}

function shown(rows) {
  const sets = Object.fromEntries(FILTERS.map((field) => [field, new Set(state[field])]));
  return rows.filter((row) => FILTERS.every((field) => !(field in row) || sets[field].has(row[field])));
}
