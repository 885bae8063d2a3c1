// "Which one for me?": the time to a result for a number of steps, for frameworks that keep a latency limit.
// Time = what the first calls cost + steps × time of a step.
function chooser() {
  const place = make("div", { className: "drawing" });
  const answer = make("p", { role: "status" });
  const more = make("p", { className: "soft" });
  const names = () => [...new Set(shown(DATA.cells).filter((cell) => cell.scenario === "training" && cell.figures.samples_per_second).map((cell) => cell.workload))];
  const workload = make("select", { "aria-label": "Workload", onchange: () => update() });
  const steps = make("input", { type: "range", min: "1", max: "7", step: "0.05", value: String(Math.log10(Math.max(10, state.steps))), oninput: () => { state.steps = Math.round(10 ** Number(steps.value)); update(); }, onchange: () => change({ steps: state.steps }, "address") });
  const batch = make("select", { "aria-label": "Batch size in training", onchange: () => change({ batch: Number(batch.value) }, "chooser") });
  const limit = make("input", { type: "range", min: "-5", max: "0", step: "0.05", value: state.limit ? String(Math.log10(state.limit)) : "0", oninput: () => { state.limit = Number(limit.value) >= 0 ? 0 : Number((10 ** Number(limit.value)).toPrecision(3)); update(); }, onchange: () => change({ limit: state.limit }, "address") });
  const [stepsText, limitText] = [make("output"), make("output")];
  const body = make("div", { className: "chooser" },
    make("label", {}, make("span", { textContent: "workload" }), workload, make("span")),
    make("label", {}, make("span", { textContent: "training steps" }), steps, stepsText),
    make("label", {}, make("span", { textContent: "batch size in training" }), batch, make("span")),
    make("label", {}, make("span", { textContent: "latency limit at the smallest batch" }), limit, limitText),
    answer, more, place);

  function fill(select, all, picked) {
    if ([...select.options].map((item) => item.value).join() !== all.join()) select.replaceChildren(...all.map((item) => make("option", { value: String(item), textContent: String(item) })));
    if (all.map(String).includes(String(picked))) select.value = String(picked);
  }

  function update() {
    const all = names();
    fill(workload, all, workload.value || all[0]);
    stepsText.textContent = grouped(state.steps);
    limitText.textContent = state.limit ? duration(state.limit) : "none";
    if (!all.length) { answer.textContent = "The filters leave no training times."; place.replaceChildren(); return; }
    const cells = shown(DATA.cells).filter((cell) => cell.workload === workload.value);
    const training = cells.filter((cell) => cell.scenario === "training" && cell.figures.samples_per_second && cell.proven);
    const sizes = [...new Set(training.map((cell) => cell.batch))].sort((a, b) => a - b);
    fill(batch, sizes, state.batch || training.find((cell) => cell.roles.includes("training"))?.batch);
    const lines = training.filter((cell) => String(cell.batch) === batch.value).map((cell) => lineOf(cell, cells)).filter((line) => line.keeps);
    say_(lines, training.length);
  }

  function lineOf(cell, cells) {
    const [rate, start] = [cell.figures.samples_per_second, cell.figures.start_cost_s ?? cell.figures.first_call_time_s];
    const one = (at) => (low, high) => (start ? start[low] : 0) + (at * cell.batch) / rate[high];
    const query = cells.filter((item) => item.scenario === "inference" && item.label === cell.label && item.run === cell.run && item.roles.includes("latency"))[0];
    const slow = ["query_time_p99_s", "query_time_p90_s", "query_time_p50_s"].map((name) => query?.figures[name]).find(Boolean);
    return { label: cell.label, framework: cell.framework, at: (number) => one(number)("value", "value"), low: (number) => one(number)("low", "high"), high: (number) => one(number)("high", "low"), doubt: rate.doubt, keeps: !state.limit || (slow && slow.high <= state.limit) };
  }

  function say_(lines, number) {
    if (!lines.length) {
      answer.textContent = number ? "No framework keeps this latency limit in every process." : "No proven training times are left.";
      more.textContent = "";
      place.replaceChildren();
      return;
    }
    const order = [...lines].sort((a, b) => a.at(state.steps) - b.at(state.steps));
    const [first, next] = order;
    const time = (line) => `${line.label} ${duration(line.at(state.steps))}${line.doubt ? ` ${SIGN}` : ""}`;
    const isSure = !first.doubt && (!next || next.low(state.steps) > first.high(state.steps));
    const words = isSure ? `${time(first)}` : `no certain winner; first is ${time(first)}`;
    answer.replaceChildren(make("strong", { textContent: `${grouped(state.steps)} steps of ${workload.value} at batch ${batch.value}: ${words}` }), next ? `, then ${order.slice(1, 4).map(time).join(", ")}.` : ".");
    more.textContent = `${crossings(lines)} Time: what the first calls cost + steps × time of a step. Data loading and evaluation are not in it.`;
    draw_(lines);
  }

  // From which number of steps on another framework is ahead.
  function crossings(lines) {
    const found = [];
    for (let power = 1; power <= 7; power += 0.01) {
      const at = 10 ** power;
      const best = lines.reduce((a, b) => (b.at(at) < a.at(at) ? b : a));
      if (found[found.length - 1]?.[1] !== best.label) found.push([at, best.label]);
    }
    if (found.length < 2) return `${found[0][1]} is ahead for any number of steps.`;
    return `${found.map(([at, label], place) => (place ? `${label} from about ${grouped(rounded(at))} steps on` : label)).join(", ")}.`;
  }

  function draw_(lines) {
    if (!window.vegaEmbed || !body.isConnected) return;
    const rows = lines.flatMap((line) => Array.from({ length: 25 }, (_, place) => 10 ** (1 + place / 4)).map((at) => ({ label: line.label, framework: line.framework, steps: at, seconds: line.at(at), low: line.low(at), high: line.high(at) })));
    const ink = isDark() ? "#e7ecf1" : "#1b2128";
    const x = { field: "steps", type: "quantitative", scale: { type: "log" }, title: "steps", axis: { labelExpr: "format(datum.value, '~s')", tickCount: 7 } };
    const axis = { labelExpr: "format(datum.value, '~s') + 's'", tickCount: 6 };
    const domain = [...new Set(rows.map((row) => row.framework))];
    const color = { field: "framework", type: "nominal", scale: { domain, range: domain.map((name) => COLOURS[name] ?? "#777") }, legend: { title: null, orient: "bottom", columns: 5 } };
    const layer = [
      { mark: { type: "area", opacity: 0.2 }, encoding: { x, y: { field: "low", type: "quantitative", scale: { type: "log" }, title: "time to the result", axis }, y2: { field: "high" }, color, detail: { field: "label" } } },
      { mark: { type: "line", tooltip: true }, encoding: { x, y: { field: "seconds", type: "quantitative" }, color, detail: { field: "label" } } },
      { data: { values: [{ steps: state.steps }] }, mark: { type: "rule", strokeDash: [4, 3], color: ink }, encoding: { x: { field: "steps", type: "quantitative" } } },
    ];
    const spec = { data: { values: rows }, layer, width: Math.max(220, Math.min(560, place.clientWidth - 80)), height: 190, background: null, config: { axis: { labelColor: ink, titleColor: ink }, legend: { labelColor: ink }, view: { stroke: null } } };
    embed(place, spec).catch((error) => { place.textContent = error.message; });
  }

  listeners.push((parts) => { if (["all", "chooser"].includes(parts) && body.isConnected) { steps.value = String(Math.log10(Math.max(10, state.steps))); update(); } });
  queueMicrotask(update);
  return body;
}
