// The adapter editor: form and text of one document, always in step; checked as it is typed.

import { api } from "/page/api.js";
import { h, fill, field, button, select, table, toast, trouble, copy } from "/page/dom.js";
import { Form } from "/page/form.js";
import { Schemas } from "/page/schema.js";
import { clone, same, valueAt, withValue, show } from "/page/json.js";
import { drafts, fromFragment } from "/page/drafts.js";
import { moving } from "/page/moving.js";
import { saving } from "/page/saving.js";
import { sides } from "/page/sides.js";

const CHECK_AFTER_MS = 250;
/** Below this width the document and the conversation stand under the form; style.css has the same. */
const NARROW = matchMedia("(max-width: 1100px)");
const UNDO_AFTER_MS = 1500;
const UNDO_STEPS = 100;
const JSON_MEMBERS = ["model_kwargs", "endpoint_kwargs"];
const SECTIONS = ["constraints", "capabilities", "pricing", "limits", "notice"];
/** Members that have their place in the form; those that come one day stand under More. */
const PLACED = new Set(["version", "name", "title", "base", "provider", "model", "base_model", "operation", "inference", "connection", "credentials", "mapping", "prompt", "rules", "upstreams", ...JSON_MEMBERS, ...SECTIONS]);
const HELP = {
  base: "Everything that this document does not say is taken from there, also when it changes later.",
  provider: "Which plugin talks to the model. Changing it drops connection, credentials, endpoint_kwargs and mapping of another provider.",
};

export async function view(context) {
  const [form, { models }, found] = await Promise.all([api.form(), api.models(), context.rest ? api.adapter(context.rest) : null]);
  const editor = new Editor(context, form, models);
  await editor.open(context.rest, context.shared, found);
  return { element: editor.element, leave: () => editor.leave() };
}

class Editor {
  constructor({ session }, form, models) {
    this.session = session;
    this.facts = form;
    this.models = models;
    this.schemas = new Schemas(form.schema);
    this.form = new Form(this);
    this.element = h("div", {});
    this.state = { problems: [], refused: [], effective: null, origins: {}, inherited: null };
    this.format = "yaml";
    this.turn = 0;
    this.past = [];
    this.unfolded = new Set(NARROW.matches ? ["model"] : ["model", "inference", "connection"]);
    this.onKey = (event) => {
      const key = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase();
      if (key === "s") { event.preventDefault(); this.save(); }
      if (key === "z" && !event.target.closest?.("input:not([type=range], [type=checkbox]), textarea, dialog")) { event.preventDefault(); this.undo(); }
    };
    document.addEventListener("keydown", this.onKey);
  }

  leave() {
    clearTimeout(this.timer);
    this.talking?.leave();
    document.removeEventListener("keydown", this.onKey);
    this.turn += 1;
  }

  // --- the draft ---

  async open(name, shared, known) {
    this.name = name || "";
    this.saved = { document: null, etag: null, kind: "new" };
    if (this.name) {
      const found = known || await api.adapter(this.name);
      this.saved = found;
      this.name = found.name;
    }
    this.document = clone(this.saved.document) || {};
    const kept = drafts.get(this.key());
    if (shared) {
      try { this.document = fromFragment(shared); this.restored = "from a link"; } catch { toast("The link holds no document that can be read.", "bad"); }
    } else if (kept && !same(kept.document, this.document)) {
      this.document = kept.document;
      this.restored = "that was not saved";
      if (this.name && kept.etag !== this.saved.etag) this.moved = true;
      this.madeFrom = kept.etag;
    }
    this.draw();
    this.changed(false);
  }

  key() { return this.name || "custom"; }

  get(path) { return valueAt(this.document, path); }

  set(path, value) {
    this.remember(path.join("."));
    this.document = withValue(this.document, path, value);
    if (path.length === 1 && path[0] === "provider") this.otherProvider();
    this.changed();
  }

  /** Another provider has other settings: those of the one before would be refused, and stay out. */
  otherProvider() {
    for (const member of ["connection", "credentials", "endpoint_kwargs", "mapping", "prompt"]) this.document = withValue(this.document, [member], undefined);
  }

  inherited(path) {
    const below = this.state.inherited;
    if (!below || path[0] === "name" || path[0] === "base" || below.is_base && ["aliases", "title", "version"].includes(path[0])) return {};
    const provider = this.document.provider;
    if (provider && provider !== below.effective.provider && ["connection", "credentials", "endpoint_kwargs", "mapping"].includes(path[0])) return {};
    const value = valueAt(below.effective, path);
    if (value === undefined) return {};
    const origin = below.origins[path.join(".")] || `adapter ${below.name}`;
    return { value, origin: origin.replace(/file \S*\/([^/\s)]+)/g, "file $1") };
  }

  /** The draft with the name that it is edited under. */
  named() { return this.name ? { name: this.name, ...this.document } : this.document; }

  /** Why this caller cannot save; empty where they can, as far as their role decides it. */
  unsavable() {
    if (this.session.role === "user") return "Developers and administrators save adapters. You can try, export and share this draft.";
    return this.name ? "" : this.lock(["provider"]) && `A new adapter ${this.lock(["provider"])}.`;
  }

  lock(path) {
    if (path[0] === "name" && this.name) return "an adapter keeps its name; clone it for another one";
    for (let size = path.length; size > 0; size -= 1) {
      const reason = this.facts.locks[path.slice(0, size).join(".")];
      if (reason) return reason;
    }
    return "";
  }

  effective(member) { return this.document[member] ?? this.state.inherited?.effective[member]; }

  changed(keep = true) {
    if (keep) this.keep();
    this.showText();
    this.buttons();
    this.status.setAttribute("aria-busy", "true");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), keep ? CHECK_AFTER_MS : 0);
  }

  /** Keep the draft in this browser, as long as it differs from what is saved. */
  keep() {
    if (same(this.document, this.saved.document || {})) { drafts.remove(this.key()); return; }
    const isKept = drafts.set(this.key(), { document: this.document, etag: this.madeFrom === undefined ? this.saved.etag : this.madeFrom });
    if (!isKept && !this.warned) toast("This browser keeps no drafts: save or export before you leave.", "bad");
    this.warned = !isKept;
  }

  /** Remember the document as it is now; steps of one field at a time count as one. */
  remember(step) {
    if (step && step === this.step && performance.now() - this.stepped < UNDO_AFTER_MS) { this.stepped = performance.now(); return; }
    this.step = step;
    this.stepped = performance.now();
    this.past.push(this.document);
    if (this.past.length > UNDO_STEPS) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (before === undefined) { toast("There is nothing to undo."); return; }
    this.step = null;
    this.show(before);
  }

  async check() {
    const turn = ++this.turn;
    let found;
    try { found = await api.ask("check", { document: this.named() }); } catch (error) {
      if (turn === this.turn) { fill(this.status, trouble(error)); this.status.removeAttribute("aria-busy"); }
      return null;
    }
    if (turn !== this.turn) return found; // a later check is on its way; what was asked here is answered all the same
    this.state = found;
    this.drawForm();
    const { problems } = found;
    this.form.refresh([...problems, ...found.refused.map((p) => ({ ...p, message: `not allowed: ${p.message}` }))]);
    this.showStatus(problems);
    this.status.removeAttribute("aria-busy");
    this.drawSide?.();
    if (this.format === "effective") this.showText();
    if (this.name && found.effective?.title) this.element.querySelector("h1").textContent = found.effective.title;
    return found;
  }

  // --- the page ---

  draw() {
    this.status = h("div", { role: "status", class: "stack tight" });
    this.head = h("div", { class: "row" });
    this.body = h("div", { class: "stack" });
    this.form.shape = "";
    const under = this.saved.below?.base;
    const bases = [["", this.saved.below || this.saved.has_file ? `As the deployment says${under ? `: ${under}` : ""}` : "None – from scratch"], ...this.models.filter((m) => m.name !== this.name).map((m) => [m.name, m.title ? `${m.title} (${m.name})` : m.name])];
    const base = field("Base model", select(bases, this.document.base || "", (value) => this.set(["base"], value || undefined), { disabled: Boolean(this.lock(["base"])) }), HELP.base);
    this.base = base.querySelector("select");
    fill(this.element,
      h("div", { class: "page-head" },
        h("div", {}, h("h1", {}, this.name ? this.document.title || this.name : "Custom model"),
          h("p", {}, this.name ? [h("code", {}, this.name), ` · ${this.saved.kind === "saved" ? `saved revision ${this.saved.revision.number} by ${this.saved.revision.saved_by}` : this.saved.kind === "plugin" ? "predefined by a plugin" : "from the deployment's files; saving puts a revision over it"}`]
            : "Choose a base, or a provider and a model. Try it on the right; it need not be saved.")),
        this.head),
      this.status,
      !this.name && this.lock(["provider"]) ? h("div", { class: "note", id: "not-here" }, `Another model ${this.lock(["provider"])} (this is stage ${this.session.stage}). `, h("a", { href: "#/models" }, "Open one of the list"), " to change what you may of it.") : null,
      h("div", { class: "split" },
        h("div", { class: "stack" }, h("section", { class: "card stack", "aria-label": "Base" }, base), this.body),
        this.beside = h("div", { class: "card stick" }, this.side())));
    this.drawForm();
    this.buttons();
  }

  /** Make the form anew where provider or operation changed; else the fields stay, and with them the focus. */
  drawForm() {
    const provider = this.effective("provider"), operation = this.effective("operation") || "chat";
    if (this.base && this.base.value !== (this.document.base || "")) this.base.value = this.document.base || "";
    const key = JSON.stringify([provider, operation, this.kindsShown()]);
    if (this.form.shape === key) return;
    const focused = document.activeElement?.closest?.("[data-path]")?.dataset.path;
    this.form.shape = key;
    this.form.fields.clear();
    fill(this.body, this.sections(provider, operation).map(([name, title, made]) => h("details", { class: "section", "data-section": name, open: this.unfolded.has(name), ontoggle: (event) => this.unfolded[event.target.open ? "add" : "delete"](name) },
      h("summary", {}, title, h("span", { class: "tag accent", hidden: true })), h("div", { class: "inside" }, made))));
    this.form.refresh();
    if (focused) this.body.querySelector(`[data-path="${CSS.escape(focused)}"]`)?.querySelector("input, select, textarea")?.focus();
  }

  /** The kinds of inherited variants: a form that shows another kind's fields must be made anew. */
  kindsShown() {
    const below = this.state.inherited?.effective?.connection || {};
    return Object.entries(below).map(([name, value]) => [name, value?.kind]);
  }

  sections(provider, operation) {
    const member = (name) => this.schemas.member(name);
    const make = (name, schema = member(name), options = {}) => this.form.make([name], schema, options);
    const described = this.facts.providers[provider];
    const providers = { enum: Object.keys(this.facts.providers), description: HELP.provider };
    const operations = { enum: described?.operations || ["chat", "embed", "rerank"], description: "What the model is for.", default: "chat" };
    const found = [
      ["model", "Model", [make("name"), make("title"), make("provider", providers, { required: true }), make("model", undefined, { required: true }), make("base_model"), make("operation", operations)]],
    ];
    if (described) {
      const connection = this.schemas.connection(provider);
      const inference = this.schemas.inference(provider, operation);
      const settings = { ...inference, properties: { ...inference.properties, ...(inference.properties.configuration ? { configuration: { ...inference.properties.configuration, anyOf: undefined, enum: this.facts.configurations } } : {}) } };
      found.push(["inference", `Inference settings of ${described.title}`, this.form.make(["inference"], settings, { title: null })]);
      found.push(["connection", `Connection to ${described.title}`, Object.keys(connection.properties || {}).length ? this.form.make(["connection"], connection, { title: null, required: described.required }) : h("p", { class: "muted" }, "This provider needs no connection settings.")]);
      if (this.session.role === "admin") found.at(-1)[2] = [found.at(-1)[2], this.identity(described), described.permission_purposes.length ? this.permissions(described) : null];
      const names = Object.keys(described.credentials);
      const credentials = names.length && !described.any_credentials
        ? names.map((name) => this.form.property(["credentials", name], { type: "string", description: `Name of the secret, never its value.${described.credentials[name] ? ` Default: ${described.credentials[name]}` : ""}` }))
        : described.any_credentials ? this.form.property(["credentials"], { type: "object", additionalProperties: { type: "string" }, description: "Field and name of the secret, never its value." }) : h("p", { class: "muted" }, "This provider needs no credentials.");
      found.push(["credentials", "Credentials", credentials]);
    }
    found.push(["kwargs", "Model and endpoint kwargs", JSON_MEMBERS.map((name) => this.form.property([name], { ...member(name), additionalProperties: undefined }))]);
    if (!described || described.mapping) {
      found.push(["mapping", "Mapping (for endpoints with their own JSON)", [
        this.form.property(["mapping"], { description: `Presets: ${this.facts.mapping_presets.join(", ")}. The mapping helper makes one from samples.` }),
        h("p", {}, h("a", { href: this.name ? `#/mapping/${encodeURIComponent(this.name)}` : "#/mapping" }, "Open the mapping helper"))]]);
      found.push(["prompt", "Prompt (role markers, for endpoints that take text)", [
        this.form.property(["prompt", "preset"], { enum: this.facts.prompt_presets, description: "A family's markers; what stands beside it changes it." }),
        ...["system", "user", "assistant", "start", "end", "user_with_system"].map((name) => this.form.property(["prompt", name], this.schemas.member("prompt").properties[name] && this.schemas.plain(this.schemas.member("prompt").properties[name]))),
        h("p", {}, h("a", { href: this.name ? `#/prompt/${encodeURIComponent(this.name)}` : "#/prompt" }, "Open the prompt editor with its preview"))]]);
    }
    for (const name of SECTIONS) found.push([name, { constraints: "Constraints (tokens)", capabilities: "Capabilities", pricing: "Pricing", limits: "Limits", notice: "Notice before first use" }[name], make(name, undefined, { title: null })]);
    found.push(["rules", "Rules: settings that the model does not take", make("rules")]);
    if (described) found.push(["upstreams", "Upstreams: several targets", make("upstreams", this.upstreams(provider, operation))]);
    const rest = Object.keys(this.schemas.root.properties).filter((name) => !PLACED.has(name));
    found.push(["more", `More: ${rest.join(", ")}`, rest.map((name) => make(name))]);
    return found;
  }

  /** An upstream is a patch of this document: its share and turn, and the members that tell targets apart. */
  upstreams(provider, operation) {
    const whole = this.schemas.member("upstreams");
    const entry = this.schemas.plain(whole.additionalProperties);
    const own = { model: this.schemas.root.properties.model, connection: this.schemas.connection(provider), inference: this.schemas.inference(provider, operation) };
    return { ...whole, additionalProperties: { ...entry, properties: { ...entry.properties, ...own } } };
  }

  identity(described) {
    const where = h("div", { "aria-live": "polite" });
    const ask = button("Check: who would I be?", async () => {
      fill(where, h("p", { class: "muted" }, "asking …"));
      try {
        const { steps } = await api.ask("identity", { document: this.named() });
        const kinds = { ok: "good", failed: "bad", skipped: "" };
        fill(where, table(["Step", "", "What was found"], steps.map((s) => [s.name, h("span", { class: `tag ${kinds[s.state] ?? ""}` }, s.state),
          [s.message, s.hint ? h("div", { class: "help" }, s.hint) : null, Object.entries(s.detail || {}).map(([name, value]) => h("div", { class: "help" }, `${name}: ${show(value)}`))]])));
      } catch (error) { fill(where, trouble(error)); }
    });
    return h("div", { class: "stack tight" },
      described.identities.length ? h("p", { class: "help" }, `Calls can be made as another identity (${described.identities.join(", ")}). The stage, your role and the deployment's allow list decide whether you may name one.`) : null,
      h("p", { class: "help" }, "The check goes from the document to the identity and a call of one token, and says what is missing."), h("div", { class: "row" }, ask), where);
  }

  permissions({ permission_purposes: purposes }) {
    const where = h("div", { class: "stack tight", "aria-live": "polite" });
    const purpose = select(purposes, purposes[0], () => {});
    const ask = button("Permissions: what must be allowed?", async () => {
      try {
        const found = await api.ask("permissions", { document: this.named(), for: [purpose.value] });
        const whole = found.permissions.map((p) => [h("p", {}, p.title, " ", p.principal ? h("code", {}, p.principal) : null), h("pre", { class: "raw", tabindex: 0 }, JSON.stringify(p.document, null, 2))]);
        const copies = Object.entries(found.snippets).map(([name, text]) => button(`Copy as ${name}`, () => copy(text, name)));
        fill(where, whole, h("div", { class: "row" }, copies), found.notes.map((note) => h("p", { class: "note" }, note)));
      } catch (error) { fill(where, trouble(error)); }
    });
    return h("div", { class: "stack tight" }, field("What for", purpose, "The policies that the identities on the way need, in the provider's own language; nobody is asked."), h("div", { class: "row" }, ask), where);
  }

  // --- status and buttons ---

  showStatus(problems) {
    for (const details of this.body.querySelectorAll("details.section")) {
      const badge = details.querySelector("summary .tag");
      const wrong = details.querySelectorAll(".property.wrong:not(:has(.property.wrong))").length;
      const set = [...details.querySelectorAll(".property.set")].filter((one) => !one.parentElement.closest(".property.wide")).length;
      badge.hidden = !wrong && !set;
      badge.className = `tag ${wrong ? "bad" : "accent"}`;
      badge.textContent = wrong ? `${wrong} to mend` : `${set} set here`;
    }
    const all = [...problems, ...this.state.refused];
    fill(this.status,
      this.restored ? h("div", { class: "note info row" }, h("span", { class: "grow" }, `This is a draft ${this.restored}.${this.moved ? " Somebody saved another revision in the meantime: compare under Changes." : ""}`), button("Reset", () => this.reset())) : null,
      all.length ? h("div", { class: "note", id: "verdict" }, h("strong", {}, `${all.length} ${all.length === 1 ? "thing" : "things"} to mend before a call: `),
        h("ul", {}, all.map((p) => h("li", {}, p.path ? [this.jump(p.path), " "] : null, p.message, p.hint ? ` – ${p.hint}` : "")))) : h("div", { class: "row" }, h("span", { class: "tag good", id: "verdict" }, "complete: can be called"), this.state.digest ? h("span", { class: "help" }, "digest ", h("code", {}, this.state.digest.slice(0, 12))) : null),
      this.state.reports.length ? h("ul", { class: "help" }, this.state.reports.map((r) => h("li", {}, r.message))) : null);
  }

  jump(path) {
    return h("button", { type: "button", class: "icon", onclick: () => {
      let at = path.replace(/\[(\d+)\]/g, ".$1"), element = null;
      while (at && !(element = this.body.querySelector(`[data-path="${CSS.escape(at)}"]`))) at = at.split(".").slice(0, -1).join(".");
      if (!element) return;
      for (let up = element; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
      element.scrollIntoView({ block: "center" });
      element.querySelector("input, select, textarea")?.focus();
    } }, h("code", {}, path));
  }

  buttons() {
    const dirty = !same(this.document, this.saved.document || {});
    const why = this.unsavable(), saves = this.session.role !== "user";
    const actions = [
      ["", "More …"], ["undo", "Undo (Ctrl Z)"], ["clone", "Clone"], ["copy", "Copy document"], ["paste", "Paste document"], ["share", "Share link"], ["reset", "Reset to saved"],
      ["import", "Import …"], ["export", "Export file"], ...(saves && this.name ? [["revisions", "Revisions, roll back"], ...(this.saved.revision ? [["delete", "Delete"]] : [])] : [])];
    const more = select(actions, "", (value) => { more.value = ""; this.act(value); }, { "aria-label": "More actions" });
    fill(this.head, button("Document, try it ↓", () => { this.beside.scrollIntoView(); this.beside.querySelector('[role="tab"][tabindex="0"]').focus(); }, { class: "button narrow" }), more, button(dirty || !this.name ? "Save" : "Saved", () => this.save(), { class: "button primary", disabled: Boolean(why) || !dirty, title: why || "Ctrl S" }), why && dirty ? h("p", { class: "help", id: "why-not" }, why) : null);
  }

  async act(what) {
    const acts = { undo: () => this.undo(), clone: () => this.cloned(), copy: () => copy(JSON.stringify(this.document, null, 2), "Document"), paste: () => this.paste(), share: () => this.share(), reset: () => this.reset(),
      import: () => this.import(), export: () => this.export(), revisions: () => this.revisions(), delete: () => this.remove() };
    try { await acts[what]?.(); } catch (error) { fill(this.status, trouble(error)); }
  }

  replace(document) {
    this.remember();
    this.show(document);
  }

  show(document) {
    this.document = document;
    this.form.shape = "";
    this.drawForm();
    this.changed();
  }

  reset() {
    this.remember();
    drafts.remove(this.key());
    this.restored = this.moved = this.madeFrom = undefined;
    this.document = clone(this.saved.document) || {};
    this.form.shape = "";
    this.drawForm();
    this.changed(false);
  }

  cloned() {
    const { name, aliases, ...rest } = this.document;
    drafts.set("custom", { document: { ...(this.name && this.saved.has_file ? { base: this.name } : {}), ...rest, ...(rest.title ? { title: `${rest.title} (copy)` } : {}) }, etag: null });
    location.hash = "#/edit";
  }
}

Object.assign(Editor.prototype, moving, saving, sides);
