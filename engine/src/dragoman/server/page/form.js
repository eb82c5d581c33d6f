// A form made of JSON Schemas. A field knows its path and nothing else; the document is the editor's.

import { h, fill, id, button, select } from "/page/dom.js";
import { parseJson, JsonError, valueAt, show, same } from "/page/json.js";
import { constant, limits } from "/page/schema.js";

/**
 * What a form works on: `get(path)`, `set(path, value)`, `inherited(path)` → {value, origin}, `lock(path)`, `schemas`.
 * It keeps its fields, so that what was checked can be shown at the exact one.
 */
export class Form {
  constructor(host) { this.host = host; this.fields = new Map(); this.shape = ""; }

  /** Show values, inherited values and problems anew; what is being typed is left alone. */
  refresh(problems = []) {
    const left = [];
    const mine = new Map();
    for (const problem of problems) {
      let path = problem.path.replace(/\[(\d+)\]/g, ".$1");
      while (path && !this.fields.has(path)) path = path.split(".").slice(0, -1).join(".");
      if (path) mine.set(path, [...(mine.get(path) || []), problem]);
      else left.push(problem);
    }
    for (const [path, one] of this.fields) one.refresh(mine.get(path) || []);
    return left;
  }

  /** A field for a schema at a path, whatever kind it is. */
  make(path, schema, options = {}) {
    const plain = this.host.schemas.plain(schema);
    if (plain.variants && plain.discriminator) return this.variants(path, plain, options);
    if (plain.properties && Object.keys(plain.properties).length) return this.group(path, plain, options);
    return this.property(path, plain, options);
  }

  group(path, schema, { title, required = [] } = {}) {
    const inside = h("div", { class: "stack" });
    this.members(inside, path, schema, required);
    if (title === null) return inside;
    return h("fieldset", { class: "group" }, h("legend", {}, title || label(path, schema)),
      schema.description ? h("p", { class: "help" }, schema.description) : null, inside);
  }

  members(into, path, schema, required = schema.required || []) {
    for (const [name, inner] of Object.entries(schema.properties || {})) {
      into.append(this.make([...path, name], inner, { required: required.includes(name) ? true : [] }));
    }
  }

  /** One of several objects, told apart by a member such as `kind`. */
  variants(path, schema, { title } = {}) {
    const name = schema.discriminator;
    const inside = h("div", { class: "stack" });
    const now = () => valueAt(this.host.get(path), [name]) ?? this.host.inherited([...path, name]).value;
    const kinds = schema.variants.map((variant) => constant(variant, name));
    const draw = (kind) => {
      for (const known of this.fields.keys()) if (known.startsWith(`${path.join(".")}.`) && known !== [...path, name].join(".")) this.fields.delete(known);
      fill(inside);
      const variant = schema.variants.find((v) => constant(v, name) === kind);
      if (variant) {
        const { [name]: _, ...properties } = variant.properties;
        this.members(inside, path, { ...variant, properties });
      }
    };
    const chooser = this.property([...path, name], { enum: kinds, description: schema.description }, {
      change: (kind) => { this.host.set(path, kind === undefined ? undefined : { [name]: kind }); draw(now()); },
    });
    draw(now());
    return h("fieldset", { class: "group" }, h("legend", {}, title || label(path, schema)), chooser, inside);
  }

  /** A field in one row: name, control, help; what is set is marked, what is inherited is shown as such. */
  property(path, schema, { required = false, change, title } = {}) {
    const dotted = path.join(".");
    const lock = this.host.lock(path);
    const set = change || ((value) => this.host.set(path, value));
    const control = controlFor(schema, { set, title: title || label(path, schema), isNumberish: schema.type === "integer" });
    const named = id();
    control.input.id = named;
    const below = h("div", { class: "below", id: `${named}-below` });
    control.input.setAttribute("aria-describedby", below.id);
    const clear = button("↺", () => { control.show(undefined); set(undefined); this.refresh(); control.input.focus(); }, { class: "icon", "aria-label": `Reset ${dotted}`, title: "Back to what is inherited" });
    const remove = button("∅", () => { set(null); this.refresh(); }, { class: "icon", "aria-label": `Remove ${dotted}`, title: "Remove the inherited value" });
    const element = h("div", { class: "property", "data-path": dotted },
      h("div", { class: "name" }, h("label", { for: named, class: "label" }, title || label(path, schema), required === true ? [" ", h("span", { class: "required", title: "required" }, "*"), h("span", { class: "visually-hidden" }, " required")] : null)),
      h("div", {}, h("div", { class: "control" }, control.element, clear, remove), below));
    if (lock) {
      control.disable();
      clear.disabled = remove.disabled = true;
    }
    let checked = [];
    for (const kind of ["input", "broken"]) element.addEventListener(kind, (event) => event.target.tagName !== "SELECT" && this.fields.get(dotted)?.refresh(checked));
    this.fields.set(dotted, {
      element,
      refresh: (problems) => {
        checked = problems;
        const value = this.host.get(path), inherited = this.host.inherited(path);
        if (dotted === "name" && value === undefined && this.host.name) control.show(this.host.name);
        else if (!element.contains(document.activeElement) || document.activeElement.tagName === "BUTTON") control.show(value);
        control.hint(inherited.value !== undefined ? show(inherited.value) : schema.default !== undefined && schema.default !== null ? `default: ${show(schema.default)}` : "", inherited.value);
        clear.hidden = value === undefined || lock;
        remove.hidden = inherited.value === undefined || value !== undefined || lock;
        element.classList.toggle("set", value !== undefined);
        const wrong = [...(control.problem ? [{ message: control.problem }] : []), ...problems];
        element.classList.toggle("wrong", wrong.length > 0);
        control.input.setAttribute("aria-invalid", wrong.length > 0);
        fill(below,
          wrong.map((p) => h("div", { class: "problem" }, p.message, p.hint ? ` – ${p.hint}` : "")),
          value === null ? h("div", { class: "inherited" }, "removed: what lies below does not count") : null,
          inherited.value !== undefined && value !== null
            ? h("div", { class: "inherited" }, value === undefined || same(value, inherited.value) ? `inherited: ${brief(inherited.value)}` : `instead of ${brief(inherited.value)}`, ` (${inherited.origin})`) : null,
          lock ? h("div", { class: "lock" }, `locked: ${lock}`) : null,
          schema.description ? h("div", {}, schema.description) : null,
          schema.default !== undefined && schema.default !== null ? h("div", {}, `Default: ${show(schema.default)}`) : null,
          range(schema));
      },
    });
    return element;
  }
}

const brief = (value) => { const text = show(value); return text.length > 90 ? `${text.slice(0, 89)}…` : text; };

function label(path, schema) {
  const name = path[path.length - 1];
  return schema.title && schema.title.toLowerCase().replace(/ /g, "_") !== name.toLowerCase() && schema.type !== "object" ? schema.title : name;
}

function range(schema) {
  const { minimum, maximum } = limits(schema);
  if (minimum === undefined && maximum === undefined) return null;
  return h("div", {}, maximum === undefined ? `At least ${minimum}` : minimum === undefined ? `At most ${maximum}` : `${minimum} to ${maximum}`);
}

// --- controls: {element, input, show(value), hint(text, inherited), disable(), problem} ---

function controlFor(schema, tools) {
  if (schema.enum || schema.const !== undefined) return choice(schema.enum || [schema.const], tools);
  if (schema.type === "boolean") return yesNo(tools);
  if (schema.type === "number" || schema.type === "integer") return figure(schema, tools);
  if (schema.type === "string") return line(tools);
  if (schema.type === "array" && schema.items?.type === "string") return lines(tools);
  if (schema.type === "object" && isTexts(schema.additionalProperties)) return pairs(tools);
  if (schema.variants?.some((v) => v.enum || v.type === "string") && schema.variants.every((v) => v.enum || v.type === "string")) return line(tools);
  return jsonBox(tools);
}

function isTexts(schema) {
  return schema && (schema.type === "string" || schema.anyOf?.some((s) => s.type === "string") || Array.isArray(schema.type) && schema.type.includes("string"));
}

function choice(options, { set }) {
  const input = select([["", "–"], ...options.filter((o) => o !== null).map((o) => [String(o), String(o)])], "", (text) => set(text === "" ? undefined : options.find((o) => String(o) === text)));
  return {
    element: input, input, disable: () => { input.disabled = true; },
    show: (value) => { input.value = value === undefined || value === null ? "" : String(value); },
    hint: (text) => { input.options[0].textContent = text ? `– ${text} –` : "–"; },
  };
}

function yesNo({ set }) {
  const input = select([["", "–"], ["true", "yes"], ["false", "no"]], "", (text) => set(text === "" ? undefined : text === "true"));
  return {
    element: input, input, disable: () => { input.disabled = true; },
    show: (value) => { input.value = value === true || value === false ? String(value) : ""; },
    hint: (text, inherited) => { input.options[0].textContent = inherited === undefined ? (text ? `– ${text.replace("true", "yes").replace("false", "no")} –` : "–") : `– ${inherited ? "yes" : "no"} –`; },
  };
}

function figure(schema, { set }) {
  const input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
  const { minimum, maximum } = limits(schema);
  const made = {
    element: input, input, problem: "", disable: () => { input.disabled = true; if (slider) slider.disabled = true; },
    show(value) { made.problem = ""; input.value = value === undefined || value === null ? "" : String(value); slide(value); },
    hint(text, inherited) { input.placeholder = text; if (input.value === "") slide(inherited); },
  };
  const slider = minimum !== undefined && maximum !== undefined && maximum - minimum <= 1000
    ? h("input", { type: "range", min: minimum, max: maximum, step: schema.type === "integer" ? 1 : (maximum - minimum) / 100, tabindex: -1, "aria-hidden": "true" }) : null;
  function slide(value) { if (slider && typeof value === "number") slider.value = String(value); }
  input.addEventListener("input", () => {
    const text = input.value.trim();
    const value = Number(text);
    made.problem = text === "" ? "" : Number.isNaN(value) ? "a number is expected" : schema.type === "integer" && !Number.isInteger(value) ? "a whole number is expected"
      : minimum !== undefined && value < minimum ? `at least ${minimum}` : maximum !== undefined && value > maximum ? `at most ${maximum}` : "";
    set(text === "" ? undefined : Number.isNaN(value) ? text : value);
    slide(value);
  });
  if (slider) {
    slider.addEventListener("input", () => { input.value = String(Number(Number(slider.value).toPrecision(4))); input.dispatchEvent(new Event("input")); });
    made.element = h("div", { class: "slider" }, slider, input);
  }
  return made;
}

function line({ set }) {
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: false, oninput: () => set(input.value === "" ? undefined : input.value) });
  return {
    element: input, input, disable: () => { input.disabled = true; },
    show: (value) => { input.value = value === undefined || value === null ? "" : show(value); },
    hint: (text) => { input.placeholder = text; },
  };
}

function lines({ set }) {
  const input = h("textarea", { rows: 2, spellcheck: false, oninput: () => set(input.value === "" ? undefined : input.value.split("\n").filter((x) => x !== "").map((x) => x.replaceAll("\\n", "\n"))) });
  return {
    element: input, input, disable: () => { input.disabled = true; },
    show: (value) => { input.value = Array.isArray(value) ? value.map((x) => String(x).replaceAll("\n", "\\n")).join("\n") : ""; },
    hint: (text) => { input.placeholder = text || "one a line; \\n is a line break"; },
  };
}

function pairs({ set, title }) {
  const rows = h("div", {});
  const made = h("div", {}, rows, button("Add", () => { rows.append(pair("", "")); rows.lastChild.querySelector("input").focus(); }, { class: "button quiet", "aria-label": `Add to ${title}` }));
  function told() {
    const found = [...rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value)).filter(([name]) => name !== "");
    set(found.length ? Object.fromEntries(found) : undefined);
  }
  function pair(name, value) {
    const row = h("div", { class: "pair" },
      h("input", { value: name, oninput: told, "aria-label": `${title}: name`, spellcheck: false }),
      h("input", { value, oninput: told, "aria-label": `${title}: value`, spellcheck: false }),
      button("✕", () => { row.remove(); told(); }, { class: "icon", "aria-label": `Remove ${name || "this"}` }));
    return row;
  }
  return {
    element: made, input: made.lastChild, problem: "",
    disable: () => { for (const one of made.querySelectorAll("input, button")) one.disabled = true; },
    show: (value) => { fill(rows, Object.entries(value || {}).map(([name, text]) => pair(name, text === null ? "" : show(text)))); },
    hint: () => {},
  };
}

/** An editor for JSON with the line where it breaks. */
export function jsonBox({ set, rows = 4 }) {
  const input = h("textarea", { class: "code", rows, spellcheck: false });
  const told = h("div", { class: "linebreak", role: "status" });
  const made = {
    element: h("div", {}, input, told), input, problem: "", disable: () => { input.disabled = true; },
    show(value) { made.problem = ""; fill(told); input.value = value === undefined ? "" : JSON.stringify(value, null, 2); },
    hint(text) { input.placeholder = text; },
  };
  input.addEventListener("input", () => {
    made.problem = "";
    fill(told);
    if (input.value.trim() === "") { set(undefined); return; }
    let value;
    try { value = parseJson(input.value); } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      made.problem = error.told;
      fill(told, button("Go to the line", () => { input.focus(); input.setSelectionRange(error.position, error.position + 1); }, { class: "button quiet" }));
      input.dispatchEvent(new CustomEvent("broken", { bubbles: true }));
      return;
    }
    set(value);
  });
  return made;
}
