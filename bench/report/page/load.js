// The latency limit in the chart of latency over the rate of queries: a reader moves it, and reads what each framework keeps up.
const LIMIT_STEPS = 200;
CONTROLS.load = limitControl;

const loadMarks = () => shown(DATA.load ?? []).filter((row) => row.kind === "mark");
const measuredLimit = () => (DATA.load ?? []).find((row) => row.kind === "limit")?.value ?? 0;
const chosenLimit = () => state.sla || measuredLimit();

// The slider and, below it, the highest rate of each framework that kept this limit in a run.
function limitControl(drawing) {
  const ends = (DATA.load ?? []).filter((row) => row.kind === "mark").flatMap((row) => [row.value, row.p50]);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const at = (place) => Number((least * (most / least) ** (place / LIMIT_STEPS)).toPrecision(3));
  const placeOf = (seconds) => Math.round((LIMIT_STEPS * Math.log(seconds / least)) / Math.log(most / least));
  const input = make("input", { type: "range", min: 0, max: LIMIT_STEPS, id: "latency-limit", "aria-label": "Latency limit" });
  const output = make("output", { for: "latency-limit" });
  const note = make("p", { className: "soft" });
  const list = make("ul", { className: "soft", id: "kept-rates" });
  const update = () => {
    const limit = chosenLimit();
    input.value = limit ? placeOf(limit) : LIMIT_STEPS;
    input.setAttribute("aria-valuetext", duration(limit));
    output.textContent = limit ? ` ${duration(limit)}` : " none";
    list.replaceChildren(...keptRates(limit).map((words) => make("li", { textContent: words })));
    note.textContent = !limit ? "No limit: the highest rate that was measured." : limit === measuredLimit() ? "The measured limit: these rates were searched for." : "Another limit than the measured one: a rough answer from the runs that were made.";
    drawing.view?.signal("limit", limit).run();
  };
  input.addEventListener("input", () => { state.sla = at(Number(input.value)); remember(); update(); });
  listeners.push((parts) => { if (parts === "all") update(); });
  update();
  return make("div", {}, make("label", { className: "bar" }, "latency limit", input, output), list, note);
}

// For each workload and framework, the highest rate that keeps the limit, the fastest framework first. At the measured limit
// the search has found it; at another one it is the highest rate whose median run keeps the limit.
function keptRates(limit) {
  return [...groups(loadMarks(), (row) => row.panel)].map(([panel, rows]) => {
    const kept = [...groups(rows, (row) => row.label)].map(([label, runs]) => {
      if (limit && limit === measuredLimit()) return [label, runs[0].proven ? runs[0].confirmed : 0];
      const good = [...groups(runs.filter((row) => row.proven && !row.doubt), (row) => row.rate)].filter(([, same]) => middle(same.map((row) => (row.keeps_up ? row.value : Infinity))) <= (limit || Number.MAX_VALUE));
      return [label, Math.max(0, ...good.map(([rate]) => Number(rate)))];
    });
    kept.sort((a, b) => b[1] - a[1]);
    return `${panel}: ${kept.map(([label, rate]) => (rate ? `${label} ${count(rate)} queries/s` : `${label} none`)).join(", ")}`;
  });
}
