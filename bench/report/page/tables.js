// Tables that are sorted by their headings and show sixty rows at a time.
const AT_ONCE = 60;

// `columns`: {title, key (by which a sorting is remembered, if not the title), text(row), value(row), number, best(row), doubt(row)}; `open(row)` makes what a row opens to.
function table({ name, caption, columns, rows, sorted = "", onSort = () => {}, open = null, opened = null }) {
  const body = make("tbody");
  const more = make("button", { onclick: () => add() });
  let order = rows;
  let at = 0;
  let [key, direction] = [sorted.replace(/^-/, ""), sorted.startsWith("-") ? -1 : 1];
  const headings = columns.map((column) => {
    const button = make("button", { textContent: column.title, title: `Sort by ${column.title}`, onclick: () => sort(keyOf(column)) });
    return make("th", { scope: "col", className: column.number ? "number" : "" }, button);
  });
  const whole = make("table", { "data-name": name }, make("caption", { textContent: caption }), make("thead", {}, make("tr", {}, ...headings)), body);

  function sort(name) {
    direction = name === key ? -direction : 1;
    key = name;
    arrange();
    onSort(`${direction < 0 ? "-" : ""}${key}`);
  }

  function arrange() {
    const column = columns.find((item) => keyOf(item) === key);
    order = column ? [...rows].sort((a, b) => direction * compared(valueOf(column, a), valueOf(column, b))) : rows;
    headings.forEach((heading, number) => {
      const isKey = columns[number] === column;
      heading.setAttribute("aria-sort", isKey ? (direction > 0 ? "ascending" : "descending") : "none");
    });
    body.replaceChildren();
    at = 0;
    add();
  }

  function add() {
    for (const row of order.slice(at, at + AT_ONCE)) body.append(line(row));
    at = Math.min(order.length, at + AT_ONCE);
    more.hidden = at >= order.length;
    more.textContent = `Show ${Math.min(AT_ONCE, order.length - at)} more of ${order.length} rows`;
  }

  function line(row) {
    const entries = columns.map((column, number) => {
      const text = column.text(row);
      const classes = [column.number ? "number" : text.length <= 40 ? "name" : "", column.best?.(row) ? "best" : "", column.doubt?.(row) ? "doubt" : ""].filter(Boolean).join(" ");
      const entry = make("td", { className: classes, title: column.doubt?.(row) || null });
      if (column.best?.(row)) entry.append(make("strong", { textContent: text }));
      else entry.append(text);
      if (column.mark) entry.prepend(column.mark(row));
      if (number === 0 && open) {
        const button = make("button", { className: "opener", "aria-expanded": "false", "aria-label": `Details of ${columns.slice(0, 2).map((item) => item.text(row)).join(" ")}`, textContent: "+" });
        entry.prepend(button);
      }
      return entry;
    });
    const made = make("tr", { className: open ? "opens" : "" }, ...entries);
    if (open) {
      const toggle = () => {
        const button = made.querySelector(".opener");
        const isOpen = made.nextSibling?.className === "inside";
        if (isOpen) made.nextSibling.remove();
        else made.after(make("tr", { className: "inside" }, make("td", { colSpan: columns.length }, ...[open.build(row)].flat())));
        button.textContent = isOpen ? "+" : "−";
        button.setAttribute("aria-expanded", String(!isOpen));
        open.told?.(row, !isOpen);
      };
      made.addEventListener("click", (event) => { if (!event.target.closest("a, select, input") && !getSelection().toString()) toggle(); });
      if (opened?.(row)) queueMicrotask(toggle);
    }
    return made;
  }

  arrange();
  if ("IntersectionObserver" in window) new IntersectionObserver((seen) => { if (seen[0].isIntersecting && at > 0 && !more.hidden) add(); }).observe(more);
  const tools = make("div", { className: "bar" }, ...taken(name, () => [columns.map((column) => column.title), ...order.map((row) => columns.map((column) => column.text(row)))], () => order.map((row) => Object.fromEntries(columns.map((column) => [column.title, valueOf(column, row) ?? column.text(row)])))));
  return [make("div", { className: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole), more, tools];
}

const keyOf = (column) => column.key ?? column.title;
const valueOf = (column, row) => (column.value ? column.value(row) : column.text(row));

function compared(a, b) {
  const [none, other] = [a === null || a === undefined, b === null || b === undefined];
  if (none || other) return none - other;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

// Buttons that copy a table as Markdown, CSV or JSON.
function taken(name, lines, objects) {
  const cell = (text) => String(text).replace(/[\\|`*_<>\[\]#~$]/g, "\\$&").replace(/\s+/g, " ");
  const markdown = () => lines().map((line, at) => `| ${line.map(cell).join(" | ")} |${at ? "" : `\n|${line.map(() => "---").join("|")}|`}`).join("\n");
  const quoted = (text) => (/^[=+@\t\r]|^-(?!\d)/.test(text) ? `'${text}` : text);
  const csv = () => lines().map((line) => line.map((text) => `"${quoted(String(text)).replace(/"/g, '""')}"`).join(",")).join("\r\n");
  const json = () => JSON.stringify(objects(), null, 1);
  return [["Markdown", markdown], ["CSV", csv], ["JSON", json]].map(([form, write]) =>
    make("button", { textContent: `Copy as ${form}`, "data-copy": `${name}-${form}`, onclick: () => copy(write(), `${name} as ${form}`) }));
}

// A table of the report as it is on the Markdown page.
function plainTable(found) {
  const columns = found.columns.map(([title, alignment], place) => ({
    title, number: alignment === "right", text: (row) => row[place][0], value: (row) => row[place][1] ?? row[place][0], best: (row) => row[place][2] === 1,
  }));
  return [...table({ name: found.title, caption: found.title, columns, rows: found.rows }), ...found.notes.map((note) => make("p", { className: "soft", textContent: note }))];
}
