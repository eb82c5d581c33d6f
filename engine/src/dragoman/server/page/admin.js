// What administrators see: plugins, names of secrets, keys, the audit log.

import { api } from "/page/api.js";
import { h, fill, field, button, select, dialog, confirmed, copy, trouble, empty, toast } from "/page/dom.js";

export async function view(context) {
  return { plugins, secrets, keys, audit }[context.name](context);
}

function head(title, text, ...more) {
  return h("div", { class: "page-head" }, h("div", {}, h("h1", {}, title), h("p", {}, text)), more);
}

function table(heads, rows) {
  return h("div", { class: "card table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((t) => h("th", {}, t || h("span", { class: "visually-hidden" }, "Actions"))))), h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((c) => h("td", {}, c)))))));
}

const when = (text) => (text ? new Date(text).toLocaleString("en-GB") : "–");

async function plugins() {
  const { loaded, failed, blocked } = await api.read("plugins");
  return h("div", { class: "stack" }, head("Plugins", "What is installed, and what each brings. Install another one with pip and restart."),
    table(["Plugin", "Distribution", "Version", "Providers", "Also"], loaded.map((p) => [h("strong", {}, p.name), h("code", {}, p.distribution || "–"), p.version || "–",
      p.providers.length ? p.providers.map((d) => h("div", {}, h("code", {}, d.kind), ` ${d.title} · ${d.operations.join(", ")}`)) : "–", [...p.secret_sources.map((s) => `secrets from ${s}`), ...p.importers.map((i) => `import from ${i}`)].join(", ") || "–"])),
    failed.length ? [h("h2", {}, "Failed to load"), table(["Plugin", "Why"], failed.map((f) => [f.name, f.reason]))] : null,
    blocked.length ? h("p", {}, `Blocked by the settings: ${blocked.join(", ")}`) : null);
}

async function secrets() {
  const { sources, secrets: found, problems } = await api.read("secrets");
  return h("div", { class: "stack" }, head("Secrets", "Names and where each comes from; a value is never shown. The first source that has a name wins."),
    h("div", { class: "card" }, h("h2", {}, "Sources, in order"), h("ol", {}, [...sources, "process environment"].map((s) => h("li", {}, h("code", {}, s))))),
    found.length ? table(["Name", "From", "Also in", "Asked for by"], found.map((s) => [h("code", {}, s.name), s.source ? h("span", { class: "tag good" }, s.source) : h("span", { class: "tag" }, "absent"), s.also_in.join(", ") || "–", s.adapters.join(", ") || "–"])) : empty("No secrets", "No source has one, and no adapter asks for one."),
    problems.length ? [h("h2", {}, "Problems"), table(["Source", "Name", "What"], problems.map((p) => [p.source, p.name || "–", p.message]))] : null);
}

async function keys() {
  const where = h("div", {});
  async function draw() {
    const { keys: found } = await api.read("keys");
    fill(where, found.length ? table(["Name", "State", "Project", "Roles", "Adapters", "Used last", "Ends", ""], found.map((k) => [
      [h("strong", {}, k.name), " ", h("code", {}, k.id)], h("span", { class: `tag ${k.state === "active" ? "good" : "bad"}` }, k.state), k.project, k.roles.join(", "), k.adapters ? k.adapters.join(", ") || "none" : "all", when(k.last_used_at), when(k.expires_at),
      k.state === "active" ? button("Revoke", async () => {
        if (!await confirmed(`Revoke ${k.name}?`, "Within a second nobody gets in with it any more. It cannot be undone.", "Revoke", true)) return;
        try { await api.revokeKey(k.id); await draw(); } catch (error) { fill(where, trouble(error)); }
      }, { class: "button danger", "aria-label": `Revoke ${k.name}` }) : ""])) : empty("No keys yet", "A key lets a program or a person in, with a role and a project."));
  }
  await draw();
  const create = () => dialog("New key", (close) => {
    const name = h("input", { required: true }), project = h("input", { required: true, value: "default" }), days = h("input", { type: "number", min: 1, max: 3650, placeholder: "never" });
    const adapters = h("input", { placeholder: "all", spellcheck: false });
    let role = "user";
    const told = h("div", {});
    return h("form", { class: "stack", onsubmit: async (event) => {
      event.preventDefault();
      try {
        const names = adapters.value.split(/[\s,]+/).filter(Boolean);
        const ends = days.value ? new Date(Date.now() + Number(days.value) * 864e5).toISOString() : null;
        const made = await api.makeKey({ name: name.value, project: project.value, roles: [role], expires_at: ends, adapters: names.length ? names : null });
        close();
        await draw();
        await dialog("The key, once", () => [h("p", {}, "It cannot be shown again. Keep it where secrets are kept."), h("pre", { class: "raw", id: "new-key", tabindex: 0 }, made.secret), h("div", { class: "row end" }, button("Copy", () => copy(made.secret, "Key"), { class: "button primary" }))]);
      } catch (error) { fill(told, trouble(error)); }
    } }, field("Name", name), field("Project", project, "What its calls are booked on."), field("Role", select([["user", "user: calls models"], ["developer", "developer: also model_kwargs"], ["admin", "admin: everything"]], role, (value) => { role = value; })),
    field("Adapters", adapters, "Names, with blanks between; empty means all."), field("Ends after days", days), told, h("div", { class: "row end" }, h("button", { type: "submit", class: "button primary" }, "Create")));
  });
  return h("div", { class: "stack" }, head("Keys", "Who gets in. A key is shown once and kept as a hash.", button("New key", create, { class: "button primary" })), where);
}

async function audit() {
  const filter = { actor: "", action: "", subject: "" };
  const body = h("tbody", {});
  const more = button("Older", () => draw(true), { hidden: true });
  const told = h("p", { class: "help", role: "status" });
  let before = null;
  async function draw(older = false) {
    try {
      const page = await api.read("audit", Object.fromEntries(Object.entries({ ...filter, before: older ? before : "" }).filter(([, v]) => v)));
      before = page.before;
      more.hidden = before === null;
      const rows = page.entries.map((e) => h("tr", {}, [when(e.at), e.actor, h("code", {}, e.action), e.subject, h("span", { class: `tag ${e.outcome === "done" ? "good" : "bad"}` }, e.outcome), [e.paths.map((p) => h("div", {}, h("code", {}, p))), e.reason]].map((c) => h("td", {}, c))));
      if (older) body.append(...rows); else fill(body, rows);
      told.textContent = `${body.children.length} entries`;
    } catch (error) { toast(error.message, "bad"); }
  }
  await draw();
  const box = (name, label) => field(label, h("input", { oninput: (event) => { filter[name] = event.target.value.trim(); draw(); }, spellcheck: false }));
  return h("div", { class: "stack" }, head("Audit", "Who changed what, and what the policy refused. Newest first; never a secret."), h("div", { class: "columns" }, box("actor", "Who"), box("action", "Action"), box("subject", "Of what")), told,
    h("div", { class: "card table-wrap", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["When", "Who", "Action", "Of what", "Outcome", "Fields"].map((t) => h("th", {}, t)))), body)), h("div", { class: "row" }, more));
}
