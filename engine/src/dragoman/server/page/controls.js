// One control for each kind of value: {element, input, show(value), hint(text, inherited), disable(), problem}.
// A control that has fields of its own also has `take(problems)`: it shows those that are theirs and returns the rest.

import { h, fill, button, select } from "/page/dom.js";
import { parseJson, JsonError, show } from "/page/json.js";
import { limits } from "/page/schema.js";
import { listOf, mapOf } from "/page/rows.js";

export function controlFor(schema, tools) {
  if (schema.enum || schema.const !== undefined) return choice(schema.enum || [schema.const], tools);
  if (schema.type === "boolean") return yesNo(tools);
  if (schema.type === "number" || schema.type === "integer") return figure(schema, tools);
  if (schema.type === "string") return line(tools);
  if (schema.type === "array" && schema.items?.type === "string") return lines(tools);
  if (schema.type === "object" && isTexts(schema.additionalProperties)) return pairs(tools);
  if (schema.variants?.some((v) => v.enum || v.type === "string") && schema.variants.every((v) => v.enum || v.type === "string")) return line(tools);
  if (schema.type === "array" && isDescribed(schema.items)) return listOf(schema, tools);
  if (schema.type === "object" && isDescribed(schema.additionalProperties)) return mapOf(schema, tools);
  return jsonBox(tools);
}

/** Whether a schema says enough of a value for fields of its own; anything at all is for the JSON editor. */
function isDescribed(schema) {
  return Boolean(schema && typeof schema === "object" && (schema.type || schema.$ref || schema.anyOf || schema.oneOf || schema.enum)
    && !(schema.type === "object" && !schema.properties && !isDescribed(schema.additionalProperties)));
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
  function slide(value) {
    if (!slider) return;
    const is = typeof value === "number" ? value : schema.default;
    slider.value = String(typeof is === "number" ? is : (minimum + maximum) / 2);
    slider.classList.toggle("unset", typeof value !== "number");
  }
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
  const given = new WeakMap();
  const made = h("div", {}, rows, button("Add", () => { rows.append(pair("", "")); rows.lastChild.querySelector("input").focus(); }, { class: "button quiet", "aria-label": `Add to ${title}` }));
  function told() {
    const found = [...rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value).concat([row])).filter(([name]) => name !== "")
      .map(([name, text, row]) => [name, text === show(given.get(row)) ? given.get(row) : text]); // a number stays one until it is written over
    set(found.length ? Object.fromEntries(found) : undefined);
  }
  function pair(name, value) {
    const row = h("div", { class: "pair" },
      h("input", { value: name, oninput: told, "aria-label": `${title}: name`, spellcheck: false }),
      h("input", { value: value === null ? "" : show(value), oninput: told, "aria-label": `${title}: value`, spellcheck: false }),
      button("✕", () => { row.remove(); told(); made.lastChild.focus(); }, { class: "icon", "aria-label": `Remove ${name || "this"}` }));
    given.set(row, value);
    return row;
  }
  return {
    element: made, input: made.lastChild, problem: "",
    disable: () => { for (const one of made.querySelectorAll("input, button")) one.disabled = true; },
    show: (value) => { fill(rows, Object.entries(value || {}).map(([name, text]) => pair(name, text))); },
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
