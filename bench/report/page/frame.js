// What every page has: a header, a light and a dark theme, and answers.
const [header, main] = [document.getElementById("header"), document.getElementById("main")];
const isDark = () => document.documentElement.dataset.theme === "dark";

function theme(name) {
  const dark = name ? name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function buildHeader(choose) {
  const dark = make("button", { id: "theme", textContent: "Dark or light", onclick: () => choose(isDark() ? "light" : "dark") });
  const link = make("button", { textContent: "Copy the address", onclick: () => copy(location.href, "the address of this view") });
  const print = make("button", { textContent: "Print", onclick: async () => { await drawAll(); window.print(); } });
  document.title = DATA.title;
  header.append(make("div", { className: "top" }, make("h1", { textContent: DATA.title }), make("div", { className: "bar controls" }, dark, link, print)));
  for (const line of DATA.about) header.append(make("p", { className: line.startsWith("INCOMPLETE") ? "doubt" : "soft", textContent: line.replaceAll(" · ", "\u00a0· ") }));
}

// `lines`: questions, each with the parts of its answer as elements.
const answerBox = (title, lines) => make("section", { className: "answers", "aria-label": `Answers: ${title}` },
  make("h2", { textContent: `Answers: ${title}` }),
  make("dl", {}, ...lines.flatMap(([question, parts]) => [make("dt", { textContent: question }), make("dd", {}, ...parts)])));

// A command with a button that copies it.
const commandLine = (words, command) => make("p", {}, words, make("code", { textContent: command }), " ", make("button", { textContent: "Copy", "aria-label": "Copy the command", onclick: () => copy(command, "the command") }));

// Draw again where the theme of the system or the size of the window has changed.
function watchWindow(isChosen) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!isChosen()) { theme(""); redraw(); } });
  let timer = 0;
  addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(redraw, 300); });
}
