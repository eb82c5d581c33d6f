// The same question to several adapters at once, or many questions one after another.

import { api } from "/page/api.js";
import { h, fill, field, button, tabs, seconds, number, download, toast, trouble } from "/page/dom.js";
import { run, answer, amountOf } from "/page/talk.js";
import { accepted, refused } from "/page/notice.js";

const MOST = 4;
const AT_ONCE = 4;
/** With more adapters than that there is a filter. */
const MANY = 24;

export async function view() {
  const { models } = await api.models();
  const chats = models.filter((m) => m.operation === "chat" && !m.problem);
  const chosen = new Set(chats.filter((m) => m.provider === chats.find((d) => d.default)?.provider).slice(0, 2).map((m) => m.name));
  const running = new Set();
  const told = h("p", { class: "help", role: "status" });
  const picks = h("fieldset", { class: "group" }, h("legend", {}, `Adapters (2 to ${MOST})`), h("div", { class: "row picks" }, chats.map((m) => {
    const box = h("input", { type: "checkbox", checked: chosen.has(m.name), onchange: () => {
      if (box.checked && chosen.size >= MOST) { box.checked = false; told.textContent = `${MOST} are compared at most: take one out first.`; return; }
      if (box.checked) chosen.add(m.name); else chosen.delete(m.name);
      told.textContent = `${chosen.size} chosen`;
    } });
    return h("label", { class: "check tag", title: m.title || "", "data-text": `${m.name} ${m.title || ""} ${m.provider}`.toLowerCase() }, box, m.name);
  })), told);
  if (chats.length > MANY) {
    picks.querySelector(".row").before(h("input", { type: "search", placeholder: "Name, title, provider", "aria-label": "Filter adapters", oninput: (event) => {
      for (const one of picks.querySelectorAll("label")) one.hidden = !one.dataset.text.includes(event.target.value.toLowerCase()) && !one.firstChild.checked;
    } }));
  }
  const picked = async () => {
    const found = chats.filter((m) => chosen.has(m.name));
    for (const m of found) if (!await accepted(m)) throw refused(m.name);
    return found;
  };
  const stopAll = () => { for (const one of running) one.abort(); };
  const onEscape = (event) => { if (event.key === "Escape") stopAll(); };
  document.addEventListener("keydown", onEscape);
  const element = h("div", {},
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Compare"), h("p", {}, "One question to two to four adapters side by side, or a list of questions with figures to download."))),
    h("div", { class: "stack" }, picks, tabs("How", [["one", "One question", () => one(picked, running, stopAll)], ["bulk", "Bulk run", () => bulk(picked, running, stopAll)]], "one", stopAll).element));
  return { element, leave() { stopAll(); document.removeEventListener("keydown", onEscape); } };
}

function one(picked, running, stopAll) {
  const input = h("textarea", { rows: 3, value: "Tell me about iterators" });
  const system = h("input", {});
  const lanes = h("div", { class: "lanes", id: "lanes", tabindex: 0, role: "group", "aria-label": "Answers" });
  const go = button("Ask all", ask, { class: "button primary" });
  const stop = button("Stop", stopAll, { class: "button danger", hidden: true });
  async function ask() {
    if (!input.value.trim() || go.disabled) return;
    let models;
    try { models = await picked(); } catch (error) { fill(lanes, trouble(error)); return; }
    if (models.length < 2) { fill(lanes, trouble({ message: "Choose two adapters at least." })); return; }
    go.disabled = true; stop.hidden = false;
    const messages = [...(system.value ? [{ role: "system", content: system.value }] : []), { role: "user", content: input.value }];
    const bodies = models.map((m) => h("div", {}));
    fill(lanes, models.map((m, i) => h("section", { class: "message", "aria-label": m.name, "data-lane": m.name }, h("div", { class: "who" }, m.title || m.name), bodies[i])));
    await Promise.all(models.map(async (m, i) => {
      const control = new AbortController();
      running.add(control);
      const result = await run({ model: m.name }, { messages }, (now) => fill(bodies[i], answer(now, m.pricing, false)), control.signal);
      running.delete(control);
      fill(bodies[i], answer(result, m.pricing, true));
    }));
    go.disabled = false; stop.hidden = true;
  }
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(); });
  return h("div", { class: "stack" }, h("div", { class: "card stack" }, field("Question", input), field("System prompt", system), h("div", { class: "row end" }, stop, go)), lanes);
}

function bulk(picked, running, stopAll) {
  const input = h("textarea", { rows: 6, placeholder: "One question a line" });
  const file = h("input", { type: "file", accept: ".txt,.csv,.json", onchange: async () => { input.value = questions(await file.files[0].text()).join("\n"); } });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress" });
  const told = h("p", { role: "status" });
  const out = h("div", { class: "stack" });
  const go = button("Run", start, { class: "button primary" });
  const stop = button("Stop", () => { stopped = true; stopAll(); }, { class: "button danger", hidden: true });
  let stopped = false;
  async function start() {
    const asked = input.value.split("\n").map((text) => text.trim()).filter(Boolean);
    if (!asked.length || go.disabled) return;
    let models;
    try { models = await picked(); } catch (error) { fill(out, trouble(error)); return; }
    if (!models.length) { fill(out, trouble({ message: "Choose an adapter." })); return; }
    const work = asked.flatMap((question) => models.map((m) => ({ question, model: m })));
    const rows = [];
    stopped = false; go.disabled = true; stop.hidden = false; bar.hidden = false;
    bar.max = work.length; bar.value = 0;
    const waiting = [...work];
    const worker = async () => {
      while (waiting.length && !stopped) {
        const { question, model } = waiting.shift();
        const control = new AbortController();
        running.add(control);
        const result = await run({ model: model.name }, { messages: [{ role: "user", content: question }] }, () => {}, control.signal);
        running.delete(control);
        rows.push(row(question, model, result));
        bar.value = rows.length;
        told.textContent = `${rows.length} of ${work.length} answered, ${rows.filter((r) => r.error).length} failed`;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    go.disabled = false; stop.hidden = true;
    const order = new Map(work.map((w, i) => [`${w.question}\n${w.model.name}`, i]));
    rows.sort((a, b) => order.get(`${a.question}\n${a.adapter}`) - order.get(`${b.question}\n${b.adapter}`));
    fill(out, summary(rows, models), h("div", { class: "row" }, button("Download JSON", () => download("answers.json", JSON.stringify(rows, null, 2), "application/json")), button("Download CSV", () => download("answers.csv", csv(rows), "text/csv"))), results(rows));
    toast(`${rows.length} answers are there`);
  }
  return h("div", { class: "stack" }, h("div", { class: "card stack" }, field("Questions", input), field("Or a file", file, "Text with one a line, or a JSON list of texts."), h("div", { class: "row end" }, stop, go), bar, told), out);
}

function questions(text) {
  try {
    const found = JSON.parse(text);
    if (Array.isArray(found)) return found.map((q) => (typeof q === "string" ? q : q.question || q.prompt || "")).map((q) => q.replaceAll("\n", " ")).filter(Boolean);
  } catch { /* one a line */ }
  return text.split("\n");
}

function row(question, model, result) {
  return {
    question, adapter: model.name, answer: result.text, error: result.error ? result.error.message : result.stopped ? "stopped" : null,
    finish_reason: result.finish, first_token_s: result.first ?? null, total_s: result.total,
    input_tokens: result.usage?.prompt_tokens ?? null, output_tokens: result.usage?.completion_tokens ?? null, cost: amountOf(result.usage, model.pricing) ?? null, currency: model.pricing?.currency ?? null,
  };
}

function summary(rows, models) {
  const cells = models.map((m) => {
    const own = rows.filter((r) => r.adapter === m.name), good = own.filter((r) => !r.error);
    const times = good.map((r) => r.total_s).sort((a, b) => a - b);
    const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
    const sum = (name) => good.reduce((all, r) => all + (r[name] || 0), 0);
    return [m.name, good.length, own.length - good.length, seconds(at(0.5)), seconds(at(0.95)), number(sum("input_tokens")), number(sum("output_tokens")), m.pricing && good.some((r) => r.cost !== null) ? `${sum("cost").toFixed(4)} ${m.pricing.currency || ""}` : "–"];
  });
  return h("div", { class: "card table-wrap", tabindex: 0 }, h("table", { id: "statistics" }, h("thead", {}, h("tr", {}, ["Adapter", "Answered", "Failed", "Median", "p95", "Tokens in", "Tokens out", "Cost"].map((t, i) => h("th", { class: i ? "num" : "" }, t)))),
    h("tbody", {}, cells.map((line) => h("tr", {}, line.map((c, i) => h("td", { class: i ? "num" : "" }, c)))))));
}

function results(rows) {
  return h("div", { class: "card table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["Question", "Adapter", "Answer", "Time"].map((t) => h("th", {}, t)))),
    h("tbody", {}, rows.map((r) => h("tr", {}, h("td", {}, r.question), h("td", {}, h("code", {}, r.adapter)), h("td", {}, r.error ? h("span", { class: "minus" }, r.error) : r.answer), h("td", { class: "num" }, seconds(r.total_s)))))));
}

/** A cell that a spreadsheet would run as a formula gets a quote in front. */
export function csv(rows) {
  const names = Object.keys(rows[0] || {});
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  };
  return [names.join(","), ...rows.map((r) => names.map((name) => cell(r[name])).join(","))].join("\r\n");
}
