// Elements of the page. Whatever comes from the data is put in as text, never as HTML.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "className" || name === "textContent" || name === "value" || name === "checked" || name === "open" || name === "colSpan") element[name] = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, 2500);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page from disk may not use the clipboard
    const area = make("textarea", { value: text, "aria-label": what });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`Copied: ${what}`);
}

function save(text, name, kind) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A part that is made when it is opened for the first time; for printing it is made before.
const unmade = new Set();

function fold(title, build, { open = false, onToggle = null } = {}) {
  const body = make("div");
  const details = make("details", { className: "fold", open }, make("summary", { textContent: title }), body);
  const once = () => {
    if (!unmade.delete(once)) return;
    body.append(...[build()].flat());
  };
  unmade.add(once);
  details.addEventListener("toggle", () => { if (details.open) once(); if (onToggle) onToggle(details.open); });
  if (open) once();
  return details;
}
addEventListener("beforeprint", () => { for (const once of [...unmade]) if (unmade.size < 400) once(); });

const swatch = (framework) => make("span", { className: "swatch", style: `background:${COLOURS[framework] ?? "#777"}`, "aria-hidden": "true" });
const COLOURS = { pytorch: "#D55E00", "keras/tensorflow": "#0072B2", "keras/jax": "#56B4E9", "keras/torch": "#CC79A7", flax: "#009E73" };
