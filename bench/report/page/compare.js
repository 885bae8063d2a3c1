// Another page or records file that is dropped on this one: what differs, the surest change first.
const DECIDES = { training: "samples_per_second", inference: "query_time_p50_s" };

function comparePart() {
  const result = make("div", { id: "compared" });
  const input = make("input", { type: "file", accept: ".jsonl,.html,.htm,.json", "aria-label": "A records file or another page", onchange: () => take(input.files[0]) });
  const zone = make("div", { className: "drop", id: "drop" }, make("p", { textContent: "Drop another page or a records.jsonl here to compare it with this page, or choose a file. Nothing leaves this computer." }), input);
  async function take(file) {
    if (!file) return;
    try { result.replaceChildren(...compared_(file.name, readOther(await file.text()))); } catch (error) {
      result.replaceChildren(make("p", { className: "doubt", role: "alert", textContent: `${file.name}: ${error.message}` }));
    }
  }
  for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("is-over"); });
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => zone.classList.remove("is-over"));
  document.addEventListener("drop", (event) => { event.preventDefault(); const part = zone.closest("details"); if (part) part.open = true; take(event.dataTransfer.files[0]); });
  return [zone, result];
}

function readOther(text) {
  if (/^\s*</.test(text)) {
    const found = new DOMParser().parseFromString(text, "text/html").getElementById("data");
    if (!found) throw new Error("found a page without data, expected a page of `levelfield report`");
    const data = read(found.textContent);
    if (data.format !== DATA.format) throw new Error(`found data of format ${data.format}, expected ${DATA.format}: make the page again with \`levelfield report\``);
    return { cells: data.cells, environment: data.runs.flatMap((run) => run.environment), title: data.title };
  }
  const records = [];
  let damaged = 0;
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    try { records.push(JSON.parse(line)); } catch { damaged += 1; }
  }
  const known = records.filter((record) => record?.case && record.schema_version === 1);
  if (!known.length) throw new Error("found no record, expected a records.jsonl or a page of `levelfield report`");
  return { cells: cellsOfRecords(known), environment: environmentOf(known[0].environment), title: known[0].run, damaged };
}

// The figures of raw records, by the definitions of bench/records/timing_metrics.py.
function cellsOfRecords(records) {
  const last = new Map();
  for (const record of records) {
    const key = JSON.stringify(record.case);
    if (!last.has(key) || record.attempt >= last.get(key).attempt) last.set(key, record);
  }
  const found = new Map();
  for (const record of last.values()) {
    if (record.outcome !== "ok" || record.case.purpose !== "timing") continue;
    const item = record.case;
    for (const block of record.measurement.blocks) {
      const cell = { run: record.run, workload: item.workload, framework: item.backend ? `${item.framework}/${item.backend}` : item.framework, device: item.device, mode: item.mode, precision: item.precision, threads: item.threads, feed: item.feed, scenario: item.scenario, batch: block.batch_size };
      const key = matchKey(cell);
      if (!found.has(key)) found.set(key, { ...cell, replicates: [], proven: Boolean(record.certificate && !record.certificate.problem && record.certificate.deviations.length && record.certificate.deviations.every((line) => line.found <= line.allowed)), processes: {} });
      const kept = found.get(key);
      kept.replicates.push(item.replicate);
      const round = percentile(block.pipelined_ns, 50) / 1e9;
      (kept.processes.samples_per_second ??= []).push((block.batch_size * block.iterations_per_round) / round);
      (kept.processes.query_time_p50_s ??= []).push(percentile(block.synchronised_ns, 50) / 1e9);
    }
  }
  return [...found.values()].map(({ processes, ...cell }) => ({ ...cell, figures: Object.fromEntries(Object.entries(processes).map(([name, all]) => [name, { value: middle(all), low: Math.min(...all), high: Math.max(...all), processes: all, doubt: "" }])) }));
}

function percentile(all, percent) {
  const ordered = [...all].sort((a, b) => a - b);
  const at = ((ordered.length - 1) * percent) / 100;
  const low = Math.floor(at);
  return ordered[low] + (at - low) * ((ordered[low + 1] ?? ordered[low]) - ordered[low]);
}

const environmentOf = (found) => [["machine", found.machine], ["CPU", `${found.cpu}, ${found.cores} cores`], ["GPU", found.gpus.join(", ") || "none"], ["driver", found.driver ?? ""], ["system", found.system], ["Python", found.python], ["levelfield", found.levelfield], ["commit", found.commit ?? ""], ...Object.entries(found.versions)];
const matchKey = (cell) => ["workload", "framework", "device", "mode", "precision", "scenario", "feed", "batch", "threads"].map((name) => cell[name]).join("\u0000");

function compared_(name, other) {
  const theirs = new Map(other.cells.map((cell) => [matchKey(cell), cell]));
  const noise = Math.log(DATA.runs[0].noise ?? 1.05);
  const rows = [];
  for (const cell of DATA.cells) {
    const metric = DECIDES[cell.scenario];
    const [mine, their] = [cell.figures[metric], theirs.get(matchKey(cell))?.figures[metric]];
    if (!mine || !their) continue;
    const [a, b] = isRate(metric) ? [mine, their] : [their, mine];
    const row = { cell, mine, their, metric, ratio: a.value / b.value, low: a.low / b.high, high: a.high / b.low };
    const own = Math.max(Math.log(mine.high / mine.low), Math.log(their.high / their.low), noise / 2);
    row.evidence = Math.abs(Math.log(row.ratio)) / own;
    row.words = row.low > 1 ? "slower" : row.high < 1 ? "faster" : "within noise";
    if (mine.doubt || their.doubt) row.words = `not reliable ${SIGN}`;
    rows.push(row);
  }
  rows.sort((a, b) => b.evidence - a.evidence);
  const loud = rows.filter((row) => ["slower", "faster"].includes(row.words));
  const quiet = rows.filter((row) => !loud.includes(row));
  const missing = DATA.cells.filter((cell) => cell.figures[DECIDES[cell.scenario]] && !theirs.has(matchKey(cell))).length;
  const columns = [
    { title: "workload", text: (row) => row.cell.workload }, { title: "framework", text: (row) => row.cell.label }, { title: "scenario", text: (row) => row.cell.scenario },
    { title: "batch", number: true, text: (row) => String(row.cell.batch), value: (row) => row.cell.batch },
    { title: "figure", text: (row) => (row.metric === "samples_per_second" ? "samples/s" : "latency p50") },
    { title: "this page", number: true, text: (row) => written(row.mine, isRate(row.metric) ? count : duration), value: (row) => row.mine.value },
    { title: "the other", number: true, text: (row) => written(row.their, isRate(row.metric) ? count : duration), value: (row) => row.their.value },
    { title: "times as slow", number: true, text: (row) => ratioRange(row.ratio, row.low, row.high), value: (row) => row.ratio },
    { title: "change", text: (row) => row.words }, { title: "change / noise", number: true, text: (row) => row.evidence.toFixed(1), value: (row) => row.evidence },
  ];
  const mine = new Map(DATA.runs.flatMap((run) => run.environment));
  const apart = [...new Set([...mine.keys(), ...other.environment.map(([what]) => what)])].map((what) => [what, mine.get(what) ?? "", new Map(other.environment).get(what) ?? ""]).filter(([, a, b]) => a !== b && b !== "");
  const verdict = rows.length ? `${loud.length} of ${rows.length} figures changed: ${loud.filter((row) => row.words === "slower").length} slower, ${loud.filter((row) => row.words === "faster").length} faster in the other.` : "No cell is in both.";
  return [
    make("h3", { textContent: `${name} compared with this page` }),
    make("p", {}, make("strong", { textContent: verdict }), missing ? ` ${missing} cells of this page are not in the other.` : "", other.damaged ? ` ${other.damaged} damaged lines were left out.` : ""),
    make("p", { className: "soft", textContent: "Changed: the ranges over processes do not overlap. `levelfield compare` has verdicts with confidence intervals and a correction for many comparisons." }),
    ...(loud.length ? table({ name: "changes", caption: "What changed, the surest first", columns, rows: loud }) : []),
    fold(`${quiet.length} figures within the noise or not reliable`, () => table({ name: "unchanged", caption: "Within the noise", columns, rows: quiet })),
    make("h3", { textContent: apart.length ? "Environments differ" : "The environments are the same" }),
    ...(apart.length ? table({ name: "environments", caption: "What differs", columns: ["what", "this page", "the other"].map((title, place) => ({ title, text: (row) => row[place] })), rows: apart }) : []),
  ];
}
