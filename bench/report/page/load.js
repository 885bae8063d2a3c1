// The latency limit in the chart of latency over the rate of queries: a reader moves it, and reads what each framework keeps up.
const LIMIT_STEPS = 200;
CONTROLS.load = limitControl;

const loadRows = (kind) => shown(DATA.load ?? []).filter((row) => row.kind === kind);
const limitOf = (panel) => loadRows("limit").find((row) => row.panel === panel)?.value ?? 0;

// The slider and, below it, the highest rate of each framework that keeps this limit. At its right end the slider has no say:
// each panel has the limit that was measured.
function limitControl(drawing) {
  const ends = (DATA.load ?? []).filter((row) => row.kind === "mark").flatMap((row) => [row.value, row.p50]);
  if (!ends.length) return null;
  const [least, most] = [Math.min(...ends), Math.max(...ends) * 1.001];
  const at = (place) => Number((least * (most / least) ** (place / LIMIT_STEPS)).toPrecision(3));
  const placeOf = (seconds) => Math.round((LIMIT_STEPS * Math.log(seconds / least)) / Math.log(most / least));
  const input = make("input", { type: "range", min: 0, max: LIMIT_STEPS, id: "latency-limit", "aria-label": "Latency limit" });
  const output = make("output", { for: "latency-limit" });
  const measured = make("button", { textContent: "As measured", onclick: () => { state.sla = 0; remember(); update(); } });
  const note = make("p", { className: "soft" });
  const list = make("ul", { className: "soft", id: "kept-rates" });
  const update = () => {
    const limits = [...new Set(loadRows("limit").map((row) => row.value))];
    const limit = state.sla || (limits.length === 1 ? limits[0] : 0);
    input.value = limit ? placeOf(limit) : LIMIT_STEPS;
    input.setAttribute("aria-valuetext", limit ? duration(limit) : "as measured");
    output.textContent = limit ? ` ${duration(limit)}` : " as measured";
    list.replaceChildren(...keptRates().map((words) => make("li", { textContent: words })));
    note.textContent = state.sla ? "Another limit than the measured one: a rough answer from the runs that were made." : limits.length ? "The measured limit: these rates were searched for." : "No limit: the highest rate that was measured.";
    drawing.view?.signal("limit", state.sla).run();
  };
  input.addEventListener("input", () => { state.sla = at(Number(input.value)); remember(); update(); });
  listeners.push((parts) => { if (parts === "all") update(); });
  update();
  return make("div", {}, make("span", { className: "bar" }, make("label", { className: "bar" }, "latency limit", input, output), measured), list, note);
}

// For each panel, the highest rate of each framework that keeps the limit, the fastest framework first. At the measured limit
// the search has found it; at another one it is the highest rate whose median run keeps the limit.
function keptRates() {
  return [...groups(loadRows("mark"), (row) => row.panel)].map(([panel, rows]) => {
    const limit = state.sla || limitOf(panel);
    const kept = [...groups(rows, (row) => row.label)].map(([label, runs]) => {
      if (limit && !state.sla) return [label, runs[0].proven ? runs[0].confirmed : 0];
      const good = [...groups(runs.filter((row) => row.proven && !row.doubt), (row) => row.rate)].filter(([, same]) => middle(same.map((row) => (row.keeps_up ? row.value : Infinity))) <= (limit || Number.MAX_VALUE));
      return [label, Math.max(0, ...good.map(([rate]) => Number(rate)))];
    });
    kept.sort((a, b) => b[1] - a[1]);
    return `${panel}: ${kept.map(([label, rate]) => (rate ? `${label} ${count(rate)} queries/s` : `${label} none`)).join(", ")}`;
  });
}
