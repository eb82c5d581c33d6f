// A conversation with one adapter, saved or not: streaming, stop, attachments, tools, structured output, figures.

import { chat } from "/page/api.js";
import { h, add, fill, field, button, trouble, seconds, number } from "/page/dom.js";
import { parseJson, JsonError } from "/page/json.js";

/** What an answer cost, from the adapter's pricing; `undefined` where it has none. */
export function cost(usage, pricing) {
  const amount = amountOf(usage, pricing);
  return amount === undefined ? undefined : `${amount.toFixed(amount < 0.01 ? 6 : 4)} ${pricing.currency || ""}`.trim();
}

export function amountOf(usage, pricing) {
  if (!usage || !pricing?.input_per_million && !pricing?.output_per_million) return undefined;
  const cached = usage.prompt_tokens_details?.cached_tokens || 0;
  const cachedPrice = Number(pricing.cached_input_per_million ?? pricing.input_per_million ?? 0);
  return ((usage.prompt_tokens - cached) * Number(pricing.input_per_million || 0) + cached * cachedPrice
    + usage.completion_tokens * Number(pricing.output_per_million || 0)) / 1e6;
}

/** Run one answer and measure it. `target`: the members of the body that say which model; `show(run)` after each event. */
export async function run(target, body, show, signal) {
  const result = { text: "", reasoning: "", refusal: "", calls: [], raw: [], started: performance.now(), usage: null, finish: null, error: null, stopped: false, reports: [] };
  try {
    await chat({ ...target, ...body }, (event) => {
      if (event.leftOut) { result.reports.push({ message: `left out, because it cannot be passed on: ${event.leftOut}` }); return; }
      result.raw.push(event.raw);
      const delta = event.delta;
      if (delta && (delta.content || delta.reasoning_content || delta.tool_calls || delta.refusal)) result.first ??= (performance.now() - result.started) / 1000;
      if (delta?.content) result.text += delta.content;
      if (delta?.reasoning_content) result.reasoning += delta.reasoning_content;
      if (delta?.refusal) result.refusal += delta.refusal;
      for (const piece of delta?.tool_calls || []) {
        const call = result.calls[piece.index ?? 0] ||= { id: "", name: "", arguments: "" };
        call.id ||= piece.id || "";
        call.name ||= piece.function?.name || "";
        call.arguments += piece.function?.arguments || "";
      }
      if (event.finish) result.finish = event.finish;
      if (event.usage) result.usage = event.usage;
      if (event.aside?.reports) result.reports.push(...event.aside.reports);
      if (event.aside?.usage_source) result.usageSource = event.aside.usage_source;
      show(result);
    }, signal);
  } catch (error) {
    if (error.name === "AbortError") result.stopped = true;
    else result.error = error;
  }
  result.total = (performance.now() - result.started) / 1000;
  const written = result.usage?.completion_tokens;
  const wrote = result.total - (result.first || 0);
  if (written && wrote >= 0.02) result.rate = written / wrote;
  show(result);
  return result;
}

/** One row of figures. */
export function figures(result, pricing) {
  const paid = cost(result.usage, pricing);
  const parts = [["first token", seconds(result.first)], ["total", seconds(result.total)],
    ["tokens/s", result.rate ? result.rate.toFixed(1) : "–"],
    ["tokens", result.usage ? `${number(result.usage.prompt_tokens)} in, ${number(result.usage.completion_tokens)} out${result.usageSource ? ` (${result.usageSource})` : ""}` : "–"],
    ["cost", paid ?? "no price"], ["finish", result.stopped ? "stopped by you" : result.finish || "–"]];
  return h("div", { class: "figures" }, parts.map(([name, value]) => h("span", {}, `${name} `, h("b", {}, value))));
}

/** The body of one answer; redrawn as it comes. */
export function answer(result, pricing, done) {
  return [
    result.reasoning ? h("div", { class: "reasoning" }, result.reasoning) : null,
    h("div", { class: `text ${done ? "" : "busy"}` }, result.text || result.refusal),
    result.calls.filter(Boolean).map((call) => h("pre", { class: "raw", tabindex: 0 }, `${call.name}(${call.arguments})`)),
    result.error ? trouble(result.error) : null,
    done ? figures(result, pricing) : null,
    done && result.reports.length ? h("ul", { class: "help" }, result.reports.map((r) => h("li", {}, r.message))) : null,
    done && result.raw.length ? h("details", {}, h("summary", { class: "help" }, `Raw events (${result.raw.length})`),
      h("pre", { class: "raw", tabindex: 0 }, result.raw.map((event) => JSON.stringify(event)).join("\n"))) : null,
  ];
}

/** The conversation. `target()` returns {target, pricing}, or throws with what is wrong. */
export function talk(target) {
  const turns = [];
  const log = h("div", { class: "talk", role: "log", "aria-label": "Conversation", "aria-live": "off" });
  const input = h("textarea", { rows: 2, placeholder: "Ask something. Ctrl Enter sends.", "aria-label": "Message" });
  const system = h("textarea", { rows: 2 });
  const tools = h("textarea", { rows: 5, class: "code", spellcheck: false, placeholder: '[{"type": "function", "function": {"name": "…", "parameters": {…}}}]' });
  const format = h("textarea", { rows: 4, class: "code", spellcheck: false, placeholder: '{"type": "json_object"}, or a JSON Schema' });
  const files = h("input", { type: "file", multiple: true });
  const where = h("div", {}), compose = h("div", { class: "compose" });
  const send = button("Send", () => submit(), { class: "button primary" });
  const stop = button("Stop", () => running?.abort(), { hidden: true, class: "button danger" });
  let running = null;
  let alive = true;

  /** Send what is written, or go on with the tools' results alone. */
  async function submit(goesOn = false) {
    if (running) return;
    let asked, options, chosen;
    fill(where);
    try {
      options = { ...read(tools, "tools"), ...readFormat(format) };
      chosen = await target();
      asked = await content(input.value, files.files);
    } catch (error) { fill(where, trouble(error)); return; }
    if (!asked && !goesOn) { input.focus(); return; }
    const message = asked && { role: "user", content: asked };
    if (message) { turns.push(message); log.append(bubble(message)); }
    const text = input.value;
    input.value = "";
    files.value = "";
    const body = h("div", {});
    log.append(h("div", { class: "message assistant" }, h("div", { class: "who" }, "Assistant"), body));
    const result = await settle(chosen, options, body);
    if (!alive) return;
    if (result.error) {
      if (message) turns.splice(turns.indexOf(message));
      if (!input.value) input.value = text; // to be sent again
    } else turns.push({ role: "assistant", content: result.text || null, ...(result.calls.length ? { tool_calls: result.calls.filter(Boolean).map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: c.arguments } })) } : {}) });
    if (result.calls.length) log.append(toolAnswers(result.calls.filter(Boolean)));
    input.focus();
  }

  async function settle(chosen, options, body) {
    running = new AbortController();
    stop.hidden = false; send.disabled = true;
    const messages = [...(system.value.trim() ? [{ role: "system", content: system.value }] : []), ...turns];
    let queued = false;
    const result = await run(chosen.target, { messages, ...options }, (now) => {
      if (queued) return;
      queued = true;
      requestAnimationFrame(() => {
        queued = false;
        if (!running) return;
        const follows = body.getBoundingClientRect().bottom < innerHeight + 40;
        fill(body, answer(now, chosen.pricing, false));
        if (follows) compose.scrollIntoView({ block: "nearest" });
      });
    }, running.signal);
    running = null;
    stop.hidden = true; send.disabled = false;
    fill(body, answer(result, chosen.pricing, true));
    return result;
  }

  function toolAnswers(calls) {
    const inputs = calls.map((call) => [call, h("textarea", { rows: 2, class: "code" })]);
    const form = h("div", { class: "message" }, h("div", { class: "who" }, "The model asks for tools"),
      inputs.map(([call, box]) => field(`Result of ${call.name}`, box)),
      button("Send results", () => {
        for (const [call, box] of inputs) turns.push({ role: "tool", tool_call_id: call.id, content: box.value });
        fill(form, h("div", { class: "who" }, "Results"), inputs.map(([call, box]) => h("pre", { class: "raw", tabindex: 0 }, `${call.name}: ${box.value}`)));
        submit(true);
      }));
    return form;
  }

  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit(); }
  });
  const onEscape = (event) => { if (event.key === "Escape") running?.abort(); };
  document.addEventListener("keydown", onEscape);
  const element = h("div", { class: "stack tight" },
    h("details", {}, h("summary", {}, "System prompt, tools, structured output, files"),
      h("div", { class: "stack card" }, field("System prompt", system), field("Tools (JSON)", tools, "A list in OpenAI's shape."),
        field("Structured output (JSON)", format, "A response format, or the JSON Schema that the answer must follow."),
        field("Images and files", files, "Images and PDF go as they are, text files as text."))),
    log, where, add(compose, [input, h("div", { class: "row end" }, button("Clear", () => { turns.length = 0; fill(log); fill(where); }, { class: "button quiet" }), stop, send)]));
  return { element, leave() { alive = false; running?.abort(); document.removeEventListener("keydown", onEscape); } };
}

function bubble(message) {
  const parts = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
  return h("div", { class: "message user" }, h("div", { class: "who" }, "You"), parts.map((part) => {
    if (part.type === "text") return h("div", { class: "text" }, part.text);
    if (part.type === "image_url") return h("img", { src: part.image_url.url, alt: "attached image" });
    return h("div", { class: "muted" }, part.file.filename);
  }));
}

function wrong(name, error) {
  const told = error instanceof JsonError ? error.told : error.message;
  return Object.assign(new Error(`${name}: ${told}`), { code: "invalid JSON", todo: "Mend the JSON and send again; nothing was sent." });
}

function read(box, name) {
  if (!box.value.trim()) return {};
  try { return { [name]: parseJson(box.value) }; } catch (error) { throw wrong(name, error); }
}

function readFormat(box) {
  const { response_format: format } = read(box, "response_format");
  if (!format) return {};
  const isFormat = ["text", "json_object", "json_schema"].includes(format.type);
  return { response_format: isFormat ? format : { type: "json_schema", json_schema: { name: "answer", schema: format } } };
}

async function content(text, files) {
  if (!files?.length) return text.trim() ? text : null;
  const parts = text.trim() ? [{ type: "text", text }] : [];
  for (const file of files) {
    if (file.type.startsWith("image/")) parts.push({ type: "image_url", image_url: { url: await dataUrl(file) } });
    else if (file.type === "application/pdf") parts.push({ type: "file", file: { filename: file.name, file_data: await dataUrl(file) } });
    else parts.push({ type: "text", text: `${file.name}:\n${await file.text()}` });
  }
  return parts;
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
