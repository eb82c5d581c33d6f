// What was used: over time, and by adapter, project, key.

import { api } from "/page/api.js";
import { h, fill, field, select, number, seconds, empty, button, download, trouble } from "/page/dom.js";
import { bars } from "/page/charts.js";
import { csv } from "/page/compare.js";

const BY = ["adapter", "project", "key", "principal", "provider", "model"];

export async function view({ session }) {
  const chosen = { days: 14, by: "adapter" };
  const where = h("div", { class: "stack" });
  const since = () => new Date(Date.now() - (chosen.days - 1) * 864e5).toISOString().slice(0, 10) + "T00:00:00Z";
  async function draw() {
    try {
      const [time, groups] = await Promise.all([api.read("usage", { by: "day", since: since() }), api.read("usage", { by: chosen.by, since: since() })]);
      fill(where, time.total.requests ? [charts(time, chosen.days), groupTable(groups, chosen.by)] : empty("No calls yet", "As soon as somebody calls a model, requests, tokens, cost and times are shown here.", h("a", { class: "button", href: "#/try" }, "Try a model")));
    } catch (error) { fill(where, trouble(error)); }
  }
  await draw();
  return h("div", {},
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Usage"), h("p", {}, session.role === "admin" ? "Every call through this gateway; no text of a prompt is kept." : "Your own calls; no text of a prompt is kept.")),
      field("Time", select([["1", "1 day"], ["7", "7 days"], ["14", "14 days"], ["30", "30 days"], ["90", "90 days"]], "14", (value) => { chosen.days = Number(value); draw(); })),
      field("By", select(session.role === "admin" ? BY : BY.filter((name) => name !== "model"), "adapter", (value) => { chosen.by = value; draw(); }))),
    where);
}

function charts({ groups, total }, count) {
  const known = new Map(groups.map((g) => [g.day, g]));
  const days = Array.from({ length: count }, (_, i) => new Date(Date.now() - (count - 1 - i) * 864e5).toISOString().slice(0, 10));
  const of = (name) => days.map((day) => Number(known.get(day)?.[name] || 0));
  const requests = of("requests"), errors = of("errors");
  const currencies = Object.keys(total.costs);
  const latency = days.map((day) => known.get(day)?.duration_p95_s || 0), first = days.map((day) => known.get(day)?.first_token_s || 0);
  return h("div", { class: "charts" },
    bars("Requests", number(total.requests), days, [{ name: "answered", values: requests.map((n, i) => n - errors[i]), colour: "--c1" }, { name: "failed", values: errors, colour: "--bad" }], compact),
    bars("Tokens", number(total.input_tokens + total.output_tokens), days, [{ name: "in", values: of("input_tokens"), colour: "--c2" }, { name: "out", values: of("output_tokens"), colour: "--c1" }], compact),
    bars("Cost", currencies.length ? currencies.map((c) => `${Number(total.costs[c]).toFixed(4)} ${c}`).join(", ") : "no priced calls", days,
      (currencies.length ? currencies : [""]).map((c, i) => ({ name: c || "cost", values: days.map((day) => Number(known.get(day)?.costs[c] || 0)), colour: `--c${(i % 4) + 1}` })), compact),
    bars("Time, 95 % of calls within", seconds(total.duration_p95_s), days, [{ name: "until the first token, on average", values: first, colour: "--c4" }, { name: "until the end", values: latency.map((n, i) => Math.max(0, n - first[i])), colour: "--c3" }], (n) => (n === 0 ? "0" : seconds(n))));
}

function compact(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(value);
}

function groupTable({ groups }, by) {
  const rows = [...groups].sort((a, b) => b.requests - a.requests);
  const costs = (g) => Object.entries(g.costs).map(([currency, amount]) => `${Number(amount).toFixed(4)} ${currency}`).join(", ") || "–";
  return h("div", { class: "card stack tight" }, h("div", { class: "row" }, h("h2", { class: "grow" }, `By ${by}`), button("Download CSV", () => download("usage.csv", csv(rows.map((g) => ({ ...g, costs: costs(g) }))), "text/csv"))),
    h("div", { class: "table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, [by, "Requests", "Failed", "Cancelled", "Tokens in", "Tokens out", "Cost", "First token", "Median", "p95"].map((t, i) => h("th", { class: i ? "num" : "" }, t)))),
      h("tbody", {}, rows.map((g) => h("tr", {}, [g[by] ?? "–", number(g.requests), number(g.errors), number(g.cancelled), number(g.input_tokens), number(g.output_tokens), costs(g), seconds(g.first_token_s), seconds(g.duration_p50_s), seconds(g.duration_p95_s)].map((c, i) => h("td", { class: i ? "num" : "" }, c))))))));
}
