// The answers in sentences, in the words of bench/report/answers.py, for the cells that the filters leave.
const MOST_NAMED = 3;
const OVERLAP = "their ranges overlap";
const FASTER = (lead, rival) => `${lead} as fast as ${rival}`;
const LESS = (lead, rival) => `${rival} needs ${lead}`;
const NOBODY = [
  ["tied", "no winner", (names, tie) => `${names} lead: ${tie}`, (tie) => `several lead: ${tie}`],
  ["doubtful", "no winner", (names) => `${names} may be the fastest, but not reliably ${SIGN}`, () => `a figure that is not reliable ${SIGN} may be the fastest`],
  ["alone", "no comparison", (names) => `only ${names} can be ranked`, () => "only one framework can be ranked"],
  ["unknown", "no comparison", () => "none can be ranked", () => "none can be ranked"],
];
const ROLES = [["training", "samples_per_second"], ["latency", "query_time_p50_s"], ["throughput", "samples_per_second"]];

// The answers for each run, device, mode and precision that is shown.
function answersOf(cells, lanes) {
  const byWay = groups(cells, wayOf);
  return [...groups(lanes, wayOf)].map(([key, found]) => ({
    title: titleOf(found[0]),
    lines: linesOf(byWay.get(key) ?? [], found),
  }));
}

function titleOf(lane) {
  const several = new Set(DATA.lanes.map((item) => item.threads)).size > 1;
  const words = [lane.device, `mode ${lane.mode}`, lane.precision, ...(several ? [`${lane.threads} threads`] : [])];
  return words.join(", ") + (DATA.runs.length > 1 ? ` (run ${lane.run})` : "");
}

function linesOf(cells, lanes) {
  const byWorkload = groups(lanes, (lane) => lane.workload);
  const lines = toldAnswers(lanes);
  const byRole = Object.fromEntries(ROLES.map(([role]) => [role, cells.filter((cell) => cell.roles.includes(role))]));
  const trained = new Set(byRole.training.map((cell) => cell.batch));
  const questions = [`Fastest to train${trained.size === 1 ? ` at batch ${[...trained][0]}` : ""}?`, `Lowest latency at ${batchInWords(byRole.latency, "smallest")}?`, `Highest throughput at ${batchInWords(byRole.throughput, "largest")}?`];
  ROLES.forEach(([role, metric], place) => {
    const byName = groups(byRole[role], (cell) => cell.workload);
    const isTimed = [...byName.values()].some((group) => group.some((cell) => cell.outcome === "ok"));
    const leaders = new Map([...byName].map(([name, group]) => [name, leaderOfTimes(rankGroup(groupOf(group[0]), metric))]));
    if (isTimed) lines.push([questions[place], leaderClauses(leaders, FASTER)]);
  });
  for (const [place, words] of [[0, "whole process"], [1, "added by the network"]]) {
    const leaders = new Map();
    let tie;
    for (const [name, group] of byWorkload) {
      const known = group.filter((lane) => lane.proven && lane.peak);
      if (!known.length) continue;
      const sizes = new Map(known.filter((lane) => lane.peak[place]).map((lane) => [lane.framework, lane.peak[place]]));
      leaders.set(name, leaderOfSizes(sizes, known[0].peak[2]));
      const [share, least] = DATA.rules.peaks[known[0].peak[2]];
      tie ??= `within ${Math.round(100 * share)} % or ${Math.round(least / 1e6)} MB`;
    }
    if ([...leaders.values()].some((item) => item.outcome !== "unknown")) lines.push([`Least memory in training (${words})?`, leaderClauses(leaders, LESS, tie)]);
  }
  const qualities = new Map([...byWorkload].map(([name, group]) => [name, likeness(group)]).filter(([, found]) => found));
  if (qualities.size) lines.push(["Same quality?", qualityClauses(qualities)]);
  if (lanes.length) lines.push(["Proven equal?", proofClauses(lanes)]);
  return lines;
}

// Answers that the report has made, for the workloads that the filters leave: several devices, and servers under load.
function toldAnswers(lanes) {
  const names = new Set(lanes.map((lane) => lane.workload));
  const isHere = (item) => ["run", "device", "mode", "precision"].every((field) => item[field] === undefined || item[field] === lanes[0]?.[field]);
  return (DATA.several ?? []).filter(isHere).flatMap((told) => {
    const clauses = told.clauses.map((item) => ({ ...item, places: item.places.filter(([name]) => names.has(name)) }));
    const left = clauses.filter((item) => item.places.length);
    return left.length ? [[told.question, left]] : [];
  });
}

function batchInWords(cells, which) {
  const sizes = new Set();
  for (const cell of cells) sizes.add(cell.batch);
  return sizes.size === 1 ? `batch ${[...sizes][0]}` : `the ${which} batch`;
}

function leaderClauses(leaders, words, tie = OVERLAP) {
  const all = [...leaders];
  const leads = (name) => all.filter(([, item]) => item.outcome === "winner" && item.best[0] === name);
  const winners = [...new Set(all.filter(([, item]) => item.outcome === "winner").map(([, item]) => item.best[0]))];
  winners.sort((a, b) => leads(b).length - leads(a).length);
  const alone = (found) => words === FASTER && found.some((item) => item.lead.number === 1) ? "; 1 process each, so the spread is unknown" : "";
  const each = (item) => words(ratioRange(item.lead.median, item.lead.low, item.lead.high), item.rival) + alone([item]);
  const together = (found) => {
    const medians = found.map((item) => item.lead.median).sort((a, b) => a - b);
    const ends = [...new Set([ratio(medians[0]), ratio(medians[medians.length - 1])])];
    return words(ends.join(" to "), "the next") + alone(found);
  };
  const clauses = winners.map((name) => clause(name, leads(name), all.length, each, together));
  for (const [outcome, who, named, counted] of NOBODY) {
    const mine = all.filter(([, item]) => item.outcome === outcome);
    if (!mine.length) continue;
    const name = (item) => named(item.best.length ? listed(item.best) : "", tie);
    const same = (found) => new Set(found.map((item) => [...item.best].sort().join("\u0000"))).size === 1;
    clauses.push(clause(who, mine, all.length, name, (found) => (same(found) ? name(found[0]) : counted(tie))));
  }
  return clauses;
}

// A few workloads by name, or many of them by their number.
function clause(who, mine, number, each, together) {
  if (mine.length <= MOST_NAMED && !(mine.length === number && number > 1)) return { who, places: mine.map(([name, item]) => [name, each(item)]), text: "" };
  const which = mine.length === number ? `all ${number}` : `${mine.length} of ${number}`;
  return { who, places: [], text: `${which} workloads (${together(mine.map(([, item]) => item))})` };
}

function qualityClauses(found) {
  const differs = (metric, items) => {
    const seeds = Math.min(...items.map((item) => item.seeds));
    const most = Math.max(...items.map((item) => item.apart));
    const apart = most === 0 ? "is the same to the last digit" : `differs by at most ${score(most)}`;
    return `${metric} ${apart}, ${seeds} seed${seeds === 1 ? "" : "s"}`;
  };
  const together = (items) => [...groups(items, (item) => item.metric)].map(([metric, some]) => differs(metric, some)).join(", ");
  const clauses = [];
  for (const [who, kind] of [["no", "different"], ["undecided", "undecided"], ["yes", "same"]]) {
    const mine = [...found].filter(([, item]) => item.likeness === kind);
    if (mine.length) clauses.push(clause(who, mine, found.size, (item) => differs(item.metric, [item]), together));
  }
  return clauses;
}

function proofClauses(lanes) {
  const clauses = [];
  for (const [state, who] of [["proof failed", "no"], ["no proof", "no"], ["proven equal", "yes"], ["unavailable", "not run"]]) {
    const mine = lanes.filter((lane) => lane.status === state);
    if (!mine.length) continue;
    const which = mine.length === lanes.length ? `all ${lanes.length}` : `${mine.length} of ${lanes.length}`;
    if (state === "proven equal") clauses.push({ who, places: [], text: `${which} pairs of workload and framework` });
    else clauses.push({ who, text: "", places: [...groups(mine, (lane) => lane.workload)].map(([name, some]) => [name, `${listed(some.map((lane) => lane.framework))}: ${state}`]) });
  }
  return clauses;
}

const sentence = (item) => `${item.who}: ${item.text || item.places.map(([name, words]) => (words ? `${name} (${words})` : name)).join(", ")}.`;
