// Numbers as text, by the same rules as the tables of the Markdown page (bench/report/formatting.py).
const UNKNOWN = "n/a";
const TIME = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const COUNT = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
const BYTES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const rounded = (value) => Number(value.toPrecision(3));

function significant(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value === 0) return "0";
  const near = rounded(value);
  return near.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(near)))));
}

function scaled(value, units) {
  if (!isNumber(value)) return UNKNOWN;
  const near = rounded(value);
  const [factor, unit] = units.find(([least]) => Math.abs(near) >= least) ?? units[units.length - 1];
  return `${significant(near / factor)} ${unit}`.trim();
}

const duration = (value) => scaled(value, TIME);
const count = (value) => scaled(value, COUNT);
const size = (value) => scaled(value, BYTES);
const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, " ");
const twoDecimals = (value) => (value < 10 ? value.toFixed(2) : significant(value));
const ratio = (value) => (isNumber(value) ? `${twoDecimals(value)}×` : UNKNOWN);

function ratioRange(value, low, high) {
  if (!isNumber(value) || low === high) return ratio(value);
  const least = low > 0 && low < 0.005 ? "<0.01" : twoDecimals(low);
  return `${ratio(value)} [${least}-${twoDecimals(high)}]`;
}

const percentage = (number) => (number >= 0.05 && number < 0.95 ? number.toFixed(1) : Math.max(number, 0).toFixed(0));

function spread(value, low, high) {
  const [below, above] = [value - low, high - value].map((distance) => percentage((100 * distance) / value));
  return below === above ? `±${above} %` : `-${below}/+${above} %`;
}

function score(value) {
  if (!isNumber(value)) return UNKNOWN;
  const magnitude = Math.abs(value);
  if (magnitude > 0 && magnitude < 5e-5) return value.toExponential(1).replace(/e([+-])(\d)$/, "e$10$2");
  if (magnitude < 1 + 1e-9) return value.toFixed(4);
  return magnitude < 9999.5 ? String(Number(value.toPrecision(4))) : value.toFixed(0);
}

// A figure with its spread over processes, and the sign of figures that cannot be relied on.
const SIGN = "†";

function written(figure, write) {
  if (!figure) return UNKNOWN;
  const several = figure.processes.length > 1 ? ` ${spread(figure.value, figure.low, figure.high)}` : "";
  return `${write(figure.value)}${several}${figure.doubt ? ` ${SIGN}` : ""}`;
}

function middle(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const half = ordered.length >> 1;
  if (ordered.length % 2) return ordered[half];
  return ordered[0] > 0 ? Math.sqrt(ordered[half - 1] * ordered[half]) : (ordered[half - 1] + ordered[half]) / 2;
}

const listed = (names) => [names.slice(0, -1).join(", "), names[names.length - 1]].filter(Boolean).join(" and ");
