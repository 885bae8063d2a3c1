// Rankings by the rules of bench/analysis/leaders.py and bench/report/performance.py: a framework is ranked if it is
// proven and reliable, and nobody wins where ranges overlap or an unreliable figure may be the fastest.
const isRate = (metric) => metric === "samples_per_second";

// How many times as long as the best each ranked cell takes, those tied with it, and those that may be faster.
function rank(cells, metric) {
  const sign = isRate(metric) ? 1 : -1;
  const places = new Map();
  let top = -Infinity;
  const doubtful = [];
  for (const cell of cells) {
    const figure = cell.proven ? cell.figures[metric] : undefined;
    if (!figure || figure.doubt?.startsWith("virtual")) continue; // a virtual device has no speed of its own
    if (figure.doubt) doubtful.push(cell);
    else {
      places.set(cell, null);
      top = Math.max(top, sign * figure.value);
    }
  }
  if (!places.size) return { places, best: [], perhaps: [] };
  for (const cell of places.keys()) places.set(cell, against(cell.figures[metric], top * sign, metric));
  const speeds = new Map(doubtful.map((cell) => [cell, cell.figures[metric].processes.map((value) => sign * value)]));
  const sure = Math.max(-Infinity, ...[...speeds.values()].map((values) => Math.min(...values)));
  const perhaps = doubtful.filter((cell) => {
    const fastest = Math.max(...speeds.get(cell));
    return cell.figures[metric].lost || (fastest > top && fastest >= sure);
  });
  return { places, best: tied(places), perhaps };
}

// The ranking of the cells of a group that are shown; it is kept until the next change.
const rankings = new Map();

function rankGroup(key, metric) {
  const name = `${metric}\u0000${key}`;
  if (!rankings.has(name)) rankings.set(name, rank(GROUPS.get(key).filter(isShown), metric));
  return rankings.get(name);
}

// A figure as a multiple of one value: 2 if it takes twice as long.
function against(figure, value, metric) {
  const isInverse = isRate(metric);
  let [low, high] = [Infinity, -Infinity];
  for (const item of figure.processes) {
    const times = isInverse ? value / item : item / value;
    if (times < low) low = times;
    if (times > high) high = times;
  }
  return { median: isInverse ? value / figure.value : figure.value / value, low, high, number: figure.processes.length };
}

function tied(places) {
  let winner = null;
  for (const item of places.values()) if (!winner || item.median < winner.median) winner = item;
  let last = winner.median;
  for (const item of places.values()) if (item.low <= winner.high && item.median > last) last = item.median;
  const found = [];
  for (const [cell, item] of places) if (item.median <= last) found.push(cell);
  return found;
}

function leaderOfTimes({ places, perhaps }) {
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
    return [name, { median: times, low: times, high: times, number: 1 }];
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

// The keys of a cell: of those that are ranked together, of a mode and precision, of a row of the summary.
const [GROUP, WAY, LANE] = [Symbol("group"), Symbol("way"), Symbol("lane")];
const joined = (item, names) => names.map((name) => item[name]).join("\u0000");

function keyed(item) {
  item[WAY] = joined(item, ["run", "device", "mode", "precision", "threads"]);
  item[LANE] = joined(item, ["run", "workload", "label"]);
  if ("batch" in item) item[GROUP] = `${item[WAY]}\u0000${joined(item, ["workload", "scenario", "feed", "batch"])}`;
}

const groupOf = (cell) => cell[GROUP];
const wayOf = (item) => item[WAY];
const laneKey = (item) => item[LANE];

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
    for (const [key, group] of groups(cells)) {
      const metric = metricOf(group[0]);
      const ranked = rankGroup(key, metric);
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
    found.set(cell, { median: middle(times), low: Math.min(...times), high: Math.max(...times), number: times.length, isRanked: isSound, isBest: false, noWinner: false });
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
