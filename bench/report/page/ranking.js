// Rankings by the rules of bench/analysis/leaders.py and bench/report/performance.py: a framework is ranked if it is
// proven and reliable, and nobody wins where ranges overlap or an unreliable figure may be the fastest.
const isRate = (metric) => metric === "samples_per_second";

// How many times as long as the best each ranked cell takes, those tied with it, and those that may be faster.
function rank(cells, metric) {
  const sign = isRate(metric) ? 1 : -1;
  const known = cells.filter((cell) => cell.proven && cell.figures[metric]);
  const ranked = known.filter((cell) => !cell.figures[metric].doubt);
  const places = new Map();
  if (!ranked.length) return { places, best: [], perhaps: [] };
  const top = Math.max(...ranked.map((cell) => sign * cell.figures[metric].value));
  for (const cell of ranked) places.set(cell, against(cell.figures[metric], top * sign, metric));
  const perhaps = known.filter((cell) => {
    const figure = cell.figures[metric];
    return figure.doubt && (figure.lost || Math.max(...figure.processes.map((value) => sign * value)) > top);
  });
  return { places, best: tied(places), perhaps };
}

// A figure as a multiple of one value: 2 if it takes twice as long.
function against(figure, value, metric) {
  const times = figure.processes.map((item) => (isRate(metric) ? value / item : item / value));
  const median = isRate(metric) ? value / figure.value : figure.value / value;
  return { median, low: Math.min(...times), high: Math.max(...times), processes: times };
}

function tied(places) {
  const all = [...places.values()];
  const winner = all.reduce((best, item) => (item.median < best.median ? item : best));
  const last = Math.max(...all.filter((item) => item.low <= winner.high).map((item) => item.median));
  return [...places].filter(([, item]) => item.median <= last).map(([cell]) => cell);
}

function leaderOfTimes(cells, metric) {
  const { places, perhaps } = rank(cells, metric);
  if (!places.size) return { outcome: "unknown", best: [] };
  if (perhaps.length) return { outcome: "doubtful", best: perhaps.map((cell) => cell.framework) };
  return leader(new Map([...places].map(([cell, item]) => [cell.framework, item])), null);
}

function leaderOfSizes(sizes, metric) {
  const least = sizes.size ? Math.min(...sizes.values()) : 0;
  if (!(least > 0)) return { outcome: "unknown", best: [] };
  const [share, bytes] = DATA.rules.peaks[metric];
  const alike = [...sizes].filter(([, value]) => value - least <= Math.max(bytes, share * least));
  const places = new Map([...sizes].map(([name, value]) => {
    const times = value / least;
    return [name, { median: times, low: times, high: times, processes: [times] }];
  }));
  return leader(places, alike.map(([name]) => name));
}

function leader(places, given) {
  const best = given ?? tied(places);
  if (places.size === 1) return { outcome: "alone", best };
  if (best.length > 1) return { outcome: "tied", best };
  const others = [...places].filter(([name]) => !best.includes(name));
  const [rival, lead] = others.reduce((next, item) => (item[1].median < next[1].median ? item : next));
  return { outcome: "winner", best, rival, lead };
}

// Whether frameworks learnt the same: see `likeness` in bench/analysis/leaders.py.
function likeness(lanes) {
  const known = lanes.filter((lane) => lane.quality && lane.quality.values.length);
  if (known.length < 2) return null;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = known.map((lane) => mean(lane.quality.values));
  const apart = Math.max(...means) - Math.min(...means);
  const { is_score: isScore, metric } = known[0].quality;
  const allowed = isScore ? DATA.rules.score : DATA.rules.error * Math.abs(mean(means));
  const names = new Set(known.map((lane) => lane.framework));
  const far = known.some((lane) => lane.quality.far.some(([other, by]) => names.has(other) && by > allowed));
  const seeds = Math.min(...known.map((lane) => lane.quality.values.length));
  return { likeness: apart <= allowed ? "same" : far ? "different" : "undecided", metric, apart, seeds };
}

// The key of the cells that are ranked together.
const groupOf = (cell) =>
  [cell.run, cell.workload, cell.scenario, cell.device, cell.mode, cell.precision, cell.threads, cell.feed, cell.batch].join("\u0000");

function groups(cells, key = groupOf) {
  const found = new Map();
  for (const cell of cells) {
    const name = key(cell);
    if (found.has(name)) found.get(name).push(cell);
    else found.set(name, [cell]);
  }
  return found;
}

// The ratio of each cell to what is 1.00×: the best of its group, or the same cell of another framework, mode or run.
// With a cell as base, processes with the same number are paired, because they ran after each other.
function ratios(cells, metricOf, base, everything) {
  const found = new Map();
  if (base === "best") {
    for (const group of groups(cells).values()) {
      const metric = metricOf(group[0]);
      const ranked = rank(group, metric);
      const top = ranked.best.length ? ranked.best.find((cell) => ranked.places.get(cell).median === 1) : null;
      for (const cell of group) {
        const figure = cell.figures[metric];
        if (!figure || !top) continue;
        const place = against(figure, top.figures[metric].value, metric);
        const isRanked = ranked.places.has(cell);
        found.set(cell, { ...place, isRanked, isBest: isRanked && ranked.places.size > 1 && !ranked.perhaps.length && ranked.best.includes(cell), noWinner: ranked.perhaps.length > 0 });
      }
    }
    return found;
  }
  const at = base.indexOf(":");
  const [field, value] = [base.slice(0, at), base.slice(at + 1)];
  const key = (cell, own) => [...FIELDS, "scenario", "feed", "batch", "threads"].map((name) => (name === field ? own : cell[name])).join("\u0000");
  const bases = new Map(everything.filter((cell) => cell[field] === value).map((cell) => [key(cell, ""), cell]));
  for (const cell of cells) {
    const metric = metricOf(cell);
    const [mine, other] = [cell.figures[metric], bases.get(key(cell, ""))?.figures[metric]];
    if (!mine || !other) continue;
    const times = paired(cell, bases.get(key(cell, "")), metric);
    const isSound = cell.proven && !mine.doubt && !other.doubt;
    found.set(cell, { median: middle(times), low: Math.min(...times), high: Math.max(...times), processes: times, isRanked: isSound, isBest: false, noWinner: false });
  }
  return found;
}

function paired(cell, base, metric) {
  const others = new Map(base.replicates.map((number, at) => [number, base.figures[metric].processes[at]]));
  const pairs = cell.replicates.map((number, at) => [cell.figures[metric].processes[at], others.get(number)]);
  const known = pairs.filter(([, other]) => other !== undefined);
  const shown = known.length ? known : [[cell.figures[metric].value, base.figures[metric].value]];
  return shown.map(([mine, other]) => (isRate(metric) ? other / mine : mine / other));
}
