// Drawing: every chart is one Vega-Lite specification without data, which a page fills with rows.
// A page says by `filled(chart, room, title)` what is drawn, and by `sourceLines()` of which run and machine it is.
const MOST_PANELS = 12;
const ERRORS = 1;  // what the chart library writes to the console
const NAMED = new Set(["overview", "memory", "changes", "candidates"]);  // charts with long names beside their panels

// Draw in a place. The parts of a drawing have no names of their own: the place says what it shows, tables have the figures.
async function embed(place, spec, options = {}) {
  const found = await vegaEmbed(place, spec, { actions: false, renderer: "svg", logLevel: ERRORS, ...options });
  for (const part of place.querySelectorAll("[role^='graphics'], [aria-roledescription]")) for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
  return found;
}

const CONTROLS = {};  // for some charts, what a reader can move in it, by its name
const drawings = [];  // {chart, place, note, isSeen, view}

function chartFigure(chart) {
  const place = make("div", { className: "drawing", tabindex: "0", role: "region", "aria-label": `${chart.caption}. ${chart.marks}` });
  const note = make("p", { className: "soft" });
  const saved = (kind) => make("button", { textContent: kind, "aria-label": `Save ${chart.caption} as ${kind}`, onclick: () => saveChart(chart, kind) });
  const heading = make("figcaption", {}, make("strong", { textContent: chart.caption }), make("span", { className: "bar" }, saved("SVG"), saved("PNG")));
  const drawing = { chart, place, note, isSeen: false, isStale: true };
  const control = CONTROLS[chart.name]?.(drawing);
  const whole = make("figure", { id: `chart-${chart.name}` }, heading, control, place, make("p", { className: "soft", textContent: chart.marks }), note);
  drawing.whole = whole;
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

// For printing: charts that were not scrolled to are drawn too.
const drawAll = () => Promise.all(drawings.map(draw));

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
function prepared(chart, given, room, title = null) {
  let rows = given;
  const spec = JSON.parse(JSON.stringify(chart.spec));
  const by = spec.facet.field;
  const panels = [...new Set(rows.map((row) => row[by]))];
  let words = "";
  if (panels.length > MOST_PANELS) {
    const kept = new Set(panels.slice(0, MOST_PANELS));
    rows = rows.filter((row) => kept.has(row[by]));
    words = `The first ${MOST_PANELS} of ${panels.length} panels. Filter to see others.`;
  }
  if (by === "question") ({ rows, words } = fewer(rows, words));
  const known = (key) => [...new Set(rows.filter((row) => key in row).map((row) => row[key]))];
  const found = { shown: known("framework"), sizes: known("batch").sort((a, b) => a - b), parts: known("part") };
  spec.params = spec.params.map((item) => (item.name in found ? { ...item, value: found[item.name] } : item));
  spec.datasets = { rows };
  const side = NAMED.has(chart.name) ? 190 : 75;
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
  return { rows: rows.filter((row) => row.kind !== "ratio" || kept.has(row.panel)), words: `The first ${MOST_LINES} of ${names.length} rows. Filter to see others.` };
}

async function saveChart(chart, kind) {
  const sources = sourceLines();
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
