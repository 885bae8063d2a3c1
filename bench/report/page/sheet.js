// A page of a comparison or of a search: answers, tables whose rows open, and charts. All of it comes from the data.
const DATA = JSON.parse(document.getElementById("data").textContent);
const DEFAULTS = { theme: "", ...Object.fromEntries(DATA.filters.map((name) => [name, ""])), ...Object.fromEntries(DATA.tables.map((_, place) => [`sort${place}`, ""])) };
const state = { ...DEFAULTS };
const places = new Map(DATA.tables.map((item) => [item, item.columns.map(([title]) => title)]));
const CHOICES = Object.fromEntries(DATA.filters.map((name) => [name, [...new Set(DATA.tables.filter((item) => item.filtered).flatMap((item) => {
  const at = places.get(item).indexOf(name);
  return at < 0 ? [] : item.rows.map((row) => row.cells[at][0]);
}))]]));

function restore(text) {
  const words = new URLSearchParams(text.replace(/^#/, ""));
  for (const [name, usual] of Object.entries(DEFAULTS)) state[name] = words.get(name) ?? usual;
  for (const name of DATA.filters) if (!CHOICES[name].includes(state[name])) state[name] = "";
}

function change(given, write = "pushState") {
  Object.assign(state, given);
  const words = new URLSearchParams(Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name]));
  const text = words.toString();
  history[write](null, "", text ? `#${text}` : location.pathname + location.search);
}

const isKept = (read) => DATA.filters.every((name) => !state[name] || read(name) === undefined || read(name) === state[name]);
const filled = (chart, room, title = null) => prepared(chart, chart.rows.filter((row) => isKept((name) => row[name])), room, title);
const sourceLines = () => DATA.source;

const body = make("div");
const unfolded = new Set();  // tables that the reader has opened: they stay open when the filters change

function show() {
  theme(state.theme);
  for (const box of document.querySelectorAll("select[data-field]")) box.value = state[box.dataset.field];
  unmade.clear();
  body.replaceChildren(...DATA.tables.flatMap(tablePart));
  redraw();
}

function tablePart(item, number) {
  const titles = places.get(item);
  const rows = item.rows.filter((row) => !item.filtered || isKept((name) => (titles.includes(name) ? row.cells[titles.indexOf(name)][0] : undefined)));
  const columns = item.columns.map(([title, alignment], place) => ({
    title, number: alignment === "right", text: (row) => row.cells[place][0], value: (row) => row.cells[place][1] ?? row.cells[place][0],
    best: (row) => row.cells[place][2] === 1, doubt: (row) => (row.cells[place][0].includes(SIGN) ? row.doubt : ""),
  }));
  const isOpening = item.rows.some((row) => row.inside.length || row.command);
  const build = () => [
    ...(rows.length
      ? table({ name: item.title, caption: isOpening ? `${item.title}. A row opens to its figures` : item.title, columns, rows, sorted: state[`sort${number}`], onSort: (sorted) => change({ [`sort${number}`]: sorted }, "replaceState"), open: isOpening ? { build: inside } : null })
      : item.rows.length ? [make("p", { textContent: "The filters leave no row. Choose “all” to see them." })] : item.columns.length ? [make("p", { textContent: "None." })] : []),
    ...item.notes.map((text) => make("p", { className: "soft", textContent: text })),
  ];
  const onToggle = (isOpen) => { if (isOpen) unfolded.add(item); else unfolded.delete(item); };
  if (item.folded) return [fold(item.folded.replace("{number}", String(rows.length)), build, { open: unfolded.has(item), onToggle })];
  return [make("section", { "aria-label": item.title }, make("h2", { textContent: item.title }), ...build())];
}

const inside = (row) => [
  ...(row.doubt ? [make("p", { className: "doubt", textContent: row.doubt })] : []),
  ...(row.command ? [commandLine("Measure it again: ", row.command)] : []),
  ...row.inside.flatMap(plainTable),
];

function buildFilters() {
  const shown = DATA.filters.filter((name) => CHOICES[name].length > 1);
  const boxes = shown.map((name) => {
    const box = make("select", { "data-field": name, onchange: () => { change({ [name]: box.value }); show(); } }, make("option", { value: "", textContent: "all" }), ...CHOICES[name].map((value) => make("option", { value, textContent: value })));
    return make("label", {}, name, box);
  });
  if (!shown.length) return [];
  const words = make("span", { className: "soft", textContent: "They act on the tables and charts below. The answers are about everything." });
  return [make("div", { className: "bar controls", id: "filters", role: "group", "aria-label": "Filters" }, ...boxes, words)];
}

function start() {
  restore(location.hash || DATA.view);
  theme(state.theme);
  main.replaceChildren();
  buildHeader((name) => { change({ theme: name }); theme(name); redraw(); });
  const answers = DATA.answers.map((item) => answerBox(item.title, item.lines.map(([question, clauses]) => [question, clauses.flatMap(([who, text]) => [make("strong", { textContent: who }), text ? `: ${text}. ` : ". "])])));
  const beside = DATA.beside ? [make("section", { id: "beside", "aria-label": DATA.beside.title }, make("h2", { textContent: DATA.beside.title }), ...plainTable({ ...DATA.beside, title: "Any of it may be the reason for a change" }))] : [];
  const charts = DATA.charts.length ? [make("section", { id: "charts", "aria-label": "Charts" }, make("h2", { textContent: "Charts" }), make("div", { className: "charts" }, ...DATA.charts.map(chartFigure)))] : [];
  main.append(...answers, ...buildFilters(), make("div", { className: beside.length ? "beside" : "" }, body, ...beside), ...charts);
  show();
  addEventListener("popstate", () => { restore(location.hash); show(); });
  addEventListener("DOMContentLoaded", redraw);
  watchWindow(() => state.theme);
}

// For the console of the browser, and for tests.
window.levelfield = { data: DATA, state, choices: CHOICES };
start();
