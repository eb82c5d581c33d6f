// What was used: over time, and by adapter, project, key.

import { api } from "/page/api.js";
import { h, fill, field, select, number, seconds, empty, button, download, trouble } from "/page/dom.js";
import { bars } from "/page/charts.js";
import { csv } from "/page/compare.js";

const BY = ["adapter", "project", "key", "principal", "base_model", "operation", "provider", "model", "upstream"];
/** Where calls go is for administrators. */
const FOR_ADMINISTRATORS = new Set(["provider", "model", "upstream"]);
const COLOURS = ["--c1", "--c2", "--c3", "--c4"];

export async function view({ session }) {
  const chosen = { days: 14, by: "adapter" };
  const where = h("div", { class: "stack" });
  const since = () => new Date(Date.now() - (chosen.days - 1) * 864e5).toISOString().slice(0, 10) + "T00:00:00Z";
  const isAdmin = session.role === "admin";
  async function draw() {
    try {
      const ask = (by) => api.read("usage", { by, since: since() });
      const [time, parts, groups, names] = await Promise.all([ask("day"), ask(`day,${chosen.by}`), ask(chosen.by), chosen.by === "key" && isAdmin ? keyNames() : {}]);
      const named = (group) => names[group[chosen.by]] ?? group[chosen.by] ?? "–";
      fill(where, time.total.requests ? [charts(time, parts, groups, chosen, named), groupTable(groups, chosen.by, named)] : empty("No calls yet", "As soon as somebody calls a model, requests, tokens, cost and times are shown here.", h("a", { class: "button", href: "#/try" }, "Try a model")));
    } catch (error) { fill(where, trouble(error)); }
  }
  await draw();
  return h("div", {},
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Usage"), h("p", {}, isAdmin ? "Every call through this gateway; no text of a prompt is kept." : "Your own calls; no text of a prompt is kept.")),
      field("Time", select([["1", "1 day"], ["7", "7 days"], ["14", "14 days"], ["30", "30 days"], ["90", "90 days"]], "14", (value) => { chosen.days = Number(value); draw(); })),
      field("By", select(BY.filter((by) => isAdmin || !FOR_ADMINISTRATORS.has(by)).map((by) => [by, by.replace("_", " ")]), "adapter", (value) => { chosen.by = value; draw(); }))),
    where);
}

async function keyNames() {
  const { keys } = await api.read("keys");
  return Object.fromEntries(keys.map((key) => [key.id, key.name]));
}

/** The groups with most calls each in a colour of its own, the others together. */
function charts({ groups, total }, parts, all, { days: count, by }, named) {
  const known = new Map(groups.map((g) => [g.day, g]));
  const days = Array.from({ length: count }, (_, i) => new Date(Date.now() - (count - 1 - i) * 864e5).toISOString().slice(0, 10));
  const first = [...all.groups].sort((a, b) => b.requests - a.requests).slice(0, COLOURS.length).map((g) => g[by]);
  const split = (of) => {
    const series = first.map((key, i) => ({ name: named({ [by]: key }), colour: COLOURS[i], values: days.map(() => 0) }));
    const rest = { name: "others", colour: "--muted", values: days.map(() => 0) };
    for (const group of parts.groups) {
      const at = days.indexOf(group.day);
      if (at >= 0) (series[first.indexOf(group[by])] || rest).values[at] += of(group);
    }
    return all.groups.length > first.length ? [...series, rest] : series;
  };
  const currencies = Object.keys(total.costs);
  const latency = days.map((day) => known.get(day)?.duration_p95_s || 0), began = days.map((day) => known.get(day)?.first_token_s || 0);
  return h("div", { class: "charts" },
    bars("Requests", number(total.requests), days, split((g) => g.requests), compact),
    bars("Failed", number(total.errors), days, [{ name: "failed", values: days.map((day) => known.get(day)?.errors || 0), colour: "--bad" }], compact),
    bars("Tokens", `${compact(total.input_tokens)} in, ${compact(total.output_tokens)} out`, days, split((g) => g.input_tokens + g.output_tokens), compact),
    ...(currencies.length ? currencies : [""]).map((currency) => bars(currencies.length > 1 ? `Cost in ${currency}` : "Cost", currency ? `${Number(total.costs[currency]).toFixed(4)} ${currency}` : currencies.length ? "" : "no priced calls", days,
      split((g) => Number(g.costs[currency] || 0)), compact)),
    bars("Time, 95 % of calls within", seconds(total.duration_p95_s), days, [{ name: "until the first token, on average", values: began, colour: "--c4" }, { name: "until the end", values: latency.map((n, i) => Math.max(0, n - began[i])), colour: "--c3" }], (n) => (n === 0 ? "0" : seconds(n))));
}

function compact(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(value);
}

function groupTable({ groups }, by, named) {
  const rows = [...groups].sort((a, b) => b.requests - a.requests);
  const costs = (g) => Object.entries(g.costs).map(([currency, amount]) => `${Number(amount).toFixed(4)} ${currency}`).join(", ") || "–";
  return h("div", { class: "card stack tight" }, h("div", { class: "row" }, h("h2", { class: "grow" }, `By ${by.replace("_", " ")}`), button("Download CSV", () => download("usage.csv", csv(rows.map((g) => ({ ...g, costs: costs(g) }))), "text/csv"))),
    h("div", { class: "table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, [by.replace("_", " "), "Requests", "Failed", "Cancelled", "Tokens in", "Tokens out", "Cost", "First token", "Median", "p95"].map((t, i) => h("th", { class: i ? "num" : "" }, t)))),
      h("tbody", {}, rows.map((g) => h("tr", {}, [named(g), number(g.requests), number(g.errors), number(g.cancelled), number(g.input_tokens), number(g.output_tokens), costs(g), seconds(g.first_token_s), seconds(g.duration_p50_s), seconds(g.duration_p95_s)].map((c, i) => h("td", { class: i ? "num" : "" }, c))))))));
}
