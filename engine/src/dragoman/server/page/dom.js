// Elements without markup: whatever a model, a provider or a document says goes in as text and stays text.

let count = 0;

export function id(prefix = "f") {
  count += 1;
  return `${prefix}${count}`;
}

/** Make an element. Attributes: on… are listeners, `class`, properties (value, checked, …), else attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) set(element, name, value);
  add(element, children);
  return element;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "open", "readOnly", "multiple", "spellcheck", "indeterminate"]);

function set(element, name, value) {
  if (value === undefined || value === null || value === false && !PROPERTIES.has(name)) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (PROPERTIES.has(name)) element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children.flat()) element.append(child);
  return element;
}

export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", class: "button", onclick, ...attributes }, text);
}

/** A labelled control; `control` gets the id that the label names. */
export function field(label, control, help) {
  control.id = control.id || id();
  const note = help ? h("p", { class: "help", id: `${control.id}-help` }, help) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

export function select(options, value, onchange, attributes = {}) {
  const made = options.map((option) => {
    const [key, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value: key, selected: key === value }, text);
  });
  return h("select", { onchange: (event) => onchange(event.target.value), ...attributes }, made);
}

/** Tabs with one tab stop; arrow keys move. `tabs`: [[name, text, () => element]]. */
export function tabs(label, entries, chosen, onchange = () => {}) {
  const panel = h("div", { role: "tabpanel", tabindex: 0, id: id("panel") });
  const list = h("div", { role: "tablist", "aria-label": label, class: "tabs" });
  const buttons = entries.map(([name, text]) => h("button", {
    type: "button", role: "tab", id: id("tab"), "aria-controls": panel.id, "data-tab": name, onclick: () => show(name),
  }, text));
  function show(name, focus = false) {
    for (const tab of buttons) {
      const is = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", is);
      tab.tabIndex = is ? 0 : -1;
      if (is) panel.setAttribute("aria-labelledby", tab.id);
      if (is && focus) tab.focus();
    }
    fill(panel, entries.find(([other]) => other === name)[2]());
    onchange(name);
  }
  list.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(buttons[(to + buttons.length) % buttons.length].dataset.tab, true);
  });
  add(list, buttons);
  show(chosen);
  return { element: h("div", { class: "tabbed" }, list, panel), show };
}

let region;

/** Say something that need not be answered; screen readers hear it too. */
export function toast(text, kind = "") {
  region ||= document.body.appendChild(h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
  const shown = h("div", { class: `toast ${kind}` }, text);
  region.append(shown);
  setTimeout(() => shown.remove(), 6000);
}

/** Ask in a dialog; `body` gets `close`. Returns when it is closed, with what `close` was given. */
export function dialog(title, body, attributes = {}) {
  return new Promise((resolve) => {
    const heading = h("h2", { id: id("dialog") }, title);
    const shown = h("dialog", { "aria-labelledby": heading.id, ...attributes });
    const close = (value) => { shown.close(); shown.remove(); resolve(value); };
    shown.addEventListener("cancel", (event) => { event.preventDefault(); close(undefined); });
    add(shown, [h("div", { class: "dialog-head" }, heading,
      button("✕", () => close(undefined), { class: "icon", "aria-label": "Close" })), body(close)]);
    document.body.append(shown);
    shown.showModal();
  });
}

export async function confirmed(title, text, yes, danger = false) {
  return dialog(title, (close) => [h("p", {}, text), h("div", { class: "row end" },
    button("Cancel", () => close(false)),
    button(yes, () => close(true), { class: `button ${danger ? "danger" : "primary"}` }))]);
}

export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    await dialog(`Copy: ${what}`, () => h("textarea", { readOnly: true, value: text, rows: 12, class: "code", "aria-label": what }));
  }
}

/** Where an error happened: what it was and what to do. */
export function trouble(error) {
  const problems = error.problems || [];
  return h("div", { class: "trouble", role: "alert" },
    h("strong", {}, error.status === 0 ? "No connection" : error.code ? `${error.code}` : "Error"),
    h("p", {}, error.message),
    problems.length ? h("ul", {}, problems.map((p) => h("li", {}, p.path ? [h("code", {}, p.path), " "] : "", p.message, p.hint ? ` (${p.hint})` : ""))) : null,
    error.todo ? h("p", { class: "muted" }, error.todo) : null);
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

export function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

export function empty(title, text, ...more) {
  return h("div", { class: "empty" }, h("h3", {}, title), h("p", {}, text), more);
}


export function table(heads, rows) {
  return h("div", { class: "table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((text) => h("th", {}, text)))), h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));
}
