// From a sample request and response to a mapping, with what it would send and read.

import { api } from "/page/api.js";
import { h, fill, field, button, trouble, toast, copy } from "/page/dom.js";
import { parseJson, JsonError } from "/page/json.js";
import { drafts } from "/page/drafts.js";

const REQUEST = '{\n  "inputs": "What is a dragoman?",\n  "parameters": {"temperature": 0.2, "max_new_tokens": 200}\n}';
const RESPONSE = '[\n  {"generated_text": "An interpreter.", "details": {"finish_reason": "eos_token", "generated_tokens": 3}}\n]';

function box(label, value, help) {
  const input = h("textarea", { class: "code", rows: 10, spellcheck: false, value });
  const told = h("div", { class: "linebreak", role: "status" });
  const made = h("div", {}, field(label, input, help), told);
  return {
    element: made, input,
    read() {
      fill(told);
      input.removeAttribute("aria-invalid");
      try { return parseJson(input.value); } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        input.setAttribute("aria-invalid", "true");
        fill(told, error.told, " ", button("Go to the line", () => { input.focus(); input.setSelectionRange(error.position, error.position + 1); }, { class: "button quiet" }));
        return undefined;
      }
    },
  };
}

export async function view({ rest }) {
  const target = rest ? await api.adapter(rest) : null;
  const request = box("A request that the endpoint takes", REQUEST, "JSON, as you would send it yourself.");
  const response = box("What it answered", RESPONSE, "JSON, as it came.");
  const members = box("Proposed members of the adapter", "{}", "Change them; what they send and read is shown as you type.");
  const found = h("div", { class: "stack tight" });
  const trial = h("div", { class: "stack tight", "aria-live": "polite" });
  const result = h("div", { class: "stack", hidden: true });
  let timer, turn = 0;

  async function propose() {
    const asked = request.read(), answered = response.read();
    if (asked === undefined || answered === undefined) return;
    const now = ++turn;
    try {
      const told = await api.ask("mapping", { request: asked, response: answered });
      if (now !== turn) return;
      result.hidden = false;
      if (told.problems) { fill(found, trouble({ message: "No mapping can be proposed.", problems: told.problems })); fill(trial); return; }
      members.input.value = JSON.stringify(told.members, null, 2);
      fill(found, h("h3", {}, "How it was found"), h("ul", {}, told.findings.map((f) => h("li", {}, f.path ? h("code", {}, f.path) : null, ` ${f.message} `, f.certain ? null : h("span", { class: "tag warn" }, "a guess: check it")))));
      draw(told.trial);
    } catch (error) { fill(found, trouble(error)); }
  }

  async function attempt() {
    const chosen = members.read(), answered = response.read();
    if (chosen === undefined || answered === undefined) return;
    const now = ++turn;
    try {
      const told = await api.ask("mapping-trial", { members: chosen, response: answered });
      if (now === turn) draw(told);
    } catch (error) { fill(trial, trouble(error)); }
  }

  function draw(told) {
    if (told.problems) { fill(trial, trouble({ message: "The mapping does not hold.", problems: told.problems })); return; }
    let sent = told.request;
    try { sent = JSON.stringify(JSON.parse(sent), null, 2); } catch { /* not JSON: as it is */ }
    fill(trial, h("h3", {}, "It asks “Hello” with"), h("pre", { class: "raw", tabindex: 0 }, sent),
      h("h3", {}, "It reads the sample answer as"), h("blockquote", { class: "message", id: "extracted" }, told.text),
      h("div", { class: "figures" }, [["finish", told.finish_reason], ["tokens in", told.input_tokens ?? "–"], ["tokens out", told.output_tokens ?? "–"]].map(([name, value]) => h("span", {}, `${name} `, h("b", {}, value)))));
  }

  for (const one of [request, response]) one.input.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) propose(); });
  members.input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(attempt, 250); });
  add(result);
  function add(into) {
    fill(into, h("div", { class: "split" }, h("div", { class: "card stack" }, members.element, h("div", { class: "row" },
      button(rest ? `Use in ${rest}` : "Use in a new adapter", () => {
        const chosen = members.read();
        if (chosen === undefined) return;
        drafts.put(rest, target, chosen);
        toast(`The draft of ${rest || "the custom model"} has the mapping now.`);
        location.hash = rest ? `#/edit/${encodeURIComponent(rest)}` : "#/edit";
      }, { class: "button primary" }), button("Copy", () => copy(members.input.value, "Members")))), h("div", { class: "card stack" }, trial, found)));
  }
  return h("div", {},
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Mapping helper"), h("p", {}, "For endpoints with JSON of their own: paste one request and its answer, and get the mapping that an adapter needs. The samples are kept nowhere."))),
    h("div", { class: "columns" }, h("div", { class: "card" }, request.element), h("div", { class: "card" }, response.element)),
    h("div", { class: "row end" }, button("Propose a mapping", propose, { class: "button primary" })), h("div", { style: null, class: "stack" }, result));
}
