// The catalogue: what can be called, from where, and what failed.

import { api } from "/page/api.js";
import { h, fill, field, select } from "/page/dom.js";
import { drafts } from "/page/drafts.js";

const CAPABILITIES = ["streaming", "tools", "images", "documents", "audio", "structured_output", "reasoning"];

export async function view() {
  const { models, failures, health_hours: hours } = await api.models();
  const filter = { text: "", provider: "", can: "" };
  const list = h("ul", { class: "models" });
  const told = h("p", { class: "help", role: "status" });
  const providers = [...new Set(models.map((m) => m.provider).filter(Boolean))].sort();

  function draw() {
    const wanted = filter.text.toLowerCase();
    const fits = models.filter((m) => (!filter.provider || m.provider === filter.provider)
      && (!filter.can || m.capabilities[filter.can] || m.operation === filter.can)
      && [m.name, m.title, m.model, m.provider, ...m.aliases].some((text) => text?.toLowerCase().includes(wanted)));
    told.textContent = fits.length === models.length ? `${models.length} models` : `${fits.length} of ${models.length} models`;
    fill(list, fits.map((m) => row(m, hours)), custom());
  }

  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step) return;
    const links = [...list.querySelectorAll("h2 a")];
    const at = links.findIndex((link) => link.closest("li").contains(document.activeElement));
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, at + step))].focus();
  });
  const search = h("input", { type: "search", placeholder: "Name, title, model id, provider", oninput: (event) => { filter.text = event.target.value; draw(); } });
  search.addEventListener("keydown", (event) => { if (event.key === "ArrowDown") { event.preventDefault(); list.querySelector("h2 a")?.focus(); } });
  draw();
  return h("div", {},
    h("div", { class: "page-head" },
      h("div", {}, h("h1", {}, "Models"), h("p", {}, "Every adapter that you may use. An adapter is all that is needed to call a model, as one document.")),
      h("a", { class: "button primary", href: "#/edit" }, "New adapter")),
    h("div", { class: "filters" }, field("Search", search),
      field("Provider", select([["", "All"], ...providers], "", (value) => { filter.provider = value; draw(); })),
      field("Can", select([["", "Anything"], ...CAPABILITIES.map((c) => [c, c.replace("_", " ")]), "embed", "rerank"], "", (value) => { filter.can = value; draw(); }))),
    told, list, failures.length ? failed(failures) : null);
}

function row(m, hours) {
  const can = Object.entries(m.capabilities).filter(([, is]) => is).map(([name]) => name.replace("_", " "));
  const href = `#/${m.operation === "chat" ? "try" : "edit"}/${encodeURIComponent(m.name)}`;
  return h("li", { class: "model", "data-name": m.name },
    h("div", {},
      h("h2", {}, h("a", { href }, m.title || m.name)),
      h("div", { class: "what" }, h("code", {}, m.name), m.aliases.length ? ` · also ${m.aliases.join(", ")}` : ""),
      h("div", { class: "tags" }, m.default ? h("span", { class: "tag accent" }, "default") : null,
        drafts.get(m.name) ? h("span", { class: "tag warn" }, "unsaved draft") : null,
        m.operation === "chat" ? null : h("span", { class: "tag" }, m.operation),
        can.map((name) => h("span", { class: "tag" }, name)),
        m.notice ? h("span", { class: `tag ${m.notice.accepted ? "good" : "warn"}` }, m.notice.accepted ? "terms accepted" : "terms to accept") : null)),
    h("div", { class: "what" }, h("div", {}, m.provider || "no provider", m.model ? [" · ", h("code", {}, m.model)] : ""),
      m.source ? h("div", {}, m.saved_revision ? `saved revision ${m.saved_revision}` : short(m.source)) : null,
      m.problem ? h("div", { class: "linebreak" }, m.problem) : null),
    h("div", { class: "row" }, health(m, hours),
      h("a", { class: "button", href: `#/edit/${encodeURIComponent(m.name)}`, "aria-label": `Edit ${m.name}` }, "Edit")));
}

function short(source) {
  return source.replace(/file \S*\/([^/\s]+)/g, "file $1");
}

function health(m, hours) {
  if (m.problem) return h("span", { class: "tag bad" }, "cannot be called");
  return [checked(m.check), called(m, hours)];
}

/** How the last check went; one of an older document says nothing about this one. */
function checked(check) {
  if (!check?.is_current) return null;
  const failed = check.state === "failed";
  const told = `${new Date(check.at).toLocaleString("en-GB")}${check.message ? `: ${check.step}: ${check.message}` : ""}`;
  return h("span", { class: `tag ${failed ? "bad" : "good"}`, title: told }, failed ? `check failed${check.step ? ` at ${check.step}` : ""}` : "check passed", h("span", { class: "visually-hidden" }, ` ${told}`));
}

function called(m, hours) {
  if (!m.health) return h("span", { class: "tag" }, "not called yet");
  const { calls, errors } = m.health;
  const kind = errors === 0 ? "good" : errors < calls ? "warn" : "bad";
  const text = errors ? `${errors} of ${calls} calls failed` : `${calls} ${calls === 1 ? "call" : "calls"}, all well`;
  return h("span", { class: `tag ${kind}` }, text, h("span", { class: "visually-hidden" }, ` in the last ${hours} hours`));
}

function custom() {
  return h("li", { class: "model custom" },
    h("div", {}, h("h2", {}, h("a", { href: "#/edit" }, "Custom")),
      h("div", { class: "what" }, "Any other model: from scratch, or built on one of these. Nothing has to be deployed.")),
    h("div", { class: "what" }, "Try it before you save it."), h("div", { class: "row" }, h("a", { class: "button", href: "#/edit", "aria-label": "Define a custom model" }, "Define")));
}

function failed(failures) {
  return h("section", { class: "stack tight", "aria-labelledby": "failed", style: null },
    h("h2", { id: "failed" }, `Failed to load (${failures.length})`),
    h("div", { class: "card table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "What"), h("th", {}, "Why"))),
      h("tbody", {}, failures.map((f) => h("tr", {}, h("td", {}, h("code", {}, short(f.where))), h("td", {}, f.reason)))))));
}
