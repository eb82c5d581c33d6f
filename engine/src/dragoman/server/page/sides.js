// What stands beside the form: the document as text, what differs, the exact request, a conversation. Methods of the editor.

import { api } from "/page/api.js";
import { h, fill, field, button, select, table, tabs, trouble, copy } from "/page/dom.js";
import { same, valueAt, patch, differences, show } from "/page/json.js";
import { talk } from "/page/talk.js";
import { accepted, refused } from "/page/notice.js";

const CHECK_AFTER_MS = 250;

export const sides = {
  side() {
    const entries = [["text", "Document", () => this.textSide()], ["changes", "Changes", () => this.changesSide()], ["request", "Request", () => this.requestSide()], ["try", "Try it", () => this.trySide()]];
    return tabs("What it is and does", entries, "text", () => {}).element;
  },

  textSide() {
    this.drawSide = null;
    const box = h("textarea", { class: "code", rows: 24, spellcheck: false, "aria-label": "The document as text", placeholder: "Nothing differs yet. What you change in the form appears here." });
    const told = h("div", { class: "linebreak", role: "status" });
    const format = select([["yaml", "YAML"], ["json", "JSON"], ["effective", "Effective (read only)"]], this.format, (value) => { this.format = value; this.showText(true); }, { "aria-label": "Format" });
    let timer, turn = 0;
    box.addEventListener("input", () => {
      clearTimeout(timer);
      const now = ++turn;
      timer = setTimeout(async () => {
        const found = this.format === "json" ? await this.read(box.value.trim() || "{}") : await api.ask("text", { text: box.value.trim() ? box.value : "{}", format: "yaml" });
        if (now !== turn) return;
        fill(told, (found.problems || []).map((p) => h("div", {}, p.message)));
        box.setAttribute("aria-invalid", Boolean(found.problems));
        if (found.document && !same(found.document, this.document)) this.replace(found.document);
      }, CHECK_AFTER_MS);
    });
    this.text = { box, told };
    this.showText(true);
    return h("div", { class: "stack tight" }, h("div", { class: "row" }, h("p", { class: "help grow" }, "What is stored: only what differs from what lies below. Edit here or in the form."), h("div", {}, format)), box, told);
  },

  async showText(force = false) {
    const text = this.text;
    if (!text || !text.box.isConnected && !force || (document.activeElement === text.box && !force)) return;
    const whole = this.format === "effective";
    text.box.readOnly = whole;
    if (whole && !this.state.effective) { text.box.value = "Shown once the document is complete."; return; }
    const shown = whole ? this.state.effective : this.document;
    const format = this.format;
    let made = JSON.stringify(shown, null, 2);
    if (this.format !== "json") {
      try { made = Object.keys(shown).length ? (await api.ask("text", { document: shown, format: "yaml" })).text : ""; } catch { return; }
    }
    if (format !== this.format || !whole && shown !== this.document || (document.activeElement === text.box && !force)) return;
    text.box.value = made;
    fill(text.told);
  },

  changesSide() {
    const where = h("div", { class: "stack" });
    this.drawSide = () => {
      const below = this.state.inherited, effective = this.state.effective;
      const drop = (document) => Object.fromEntries(Object.entries(document || {}).filter(([name]) => !["name", "aliases", "base", "version"].includes(name)));
      const against = effective && below ? differences(drop(below.effective), drop(effective)) : [];
      const saved = differences(this.saved.document || {}, this.document);
      fill(where,
        h("h3", {}, below ? `Against ${below.is_base ? `the base ${below.name}` : "what the deployment says"}` : "Against the base"),
        !below ? h("p", { class: "muted" }, "There is no base: everything is this document's own.") : !effective ? h("p", { class: "muted" }, "Shown once the document is complete.") : against.length ? table(["Field", "Base", "Here"], against.map((d) => [h("code", {}, d.path), h("span", { class: "minus" }, show(d.before)), h("span", { class: "plus" }, show(d.after))])) : h("p", { class: "muted" }, "Nothing differs."),
        h("h3", {}, this.saved.revision ? `Against saved revision ${this.saved.revision.number}` : "Against what is saved"),
        saved.length ? table(["Field", "Saved", "Draft"], saved.map((d) => [h("code", {}, d.path), h("span", { class: "minus" }, show(d.before)), h("span", { class: "plus" }, show(d.after))])) : h("p", { class: "muted" }, "Nothing differs."),
        h("h3", {}, "Where every value comes from"),
        effective ? table(["Field", "Value", "From"], Object.entries(this.state.origins).sort().map(([path, origin]) => [h("code", {}, path), show(valueAt(effective, path.split("."))), origin.replace(/file \S*\/([^/\s)]+)/g, "file $1")])) : h("p", { class: "muted" }, "Shown once the document is complete."));
    };
    this.drawSide();
    return where;
  },

  requestSide() {
    this.drawSide = null;
    const question = h("input", { value: "Hello" });
    const where = h("div", { class: "stack tight" });
    const stream = h("input", { type: "checkbox" });
    const ask = async () => {
      try {
        const found = await api.ask("dry-run", { document: this.named(), messages: question.value, stream: stream.checked });
        const body = typeof found.body === "string" ? found.body : JSON.stringify(found.body, null, 2);
        const headers = found.url ? `${Object.entries(found.headers).map(([name, value]) => `${name}: ${value}`).join("\n")}\n` : "(Address and headers are for administrators.)\n";
        fill(where, h("pre", { class: "raw", tabindex: 0, id: "dry-run" }, `${found.method} ${found.url || ""}\n${headers}\n${body}`),
          h("div", { class: "row" }, found.curl ? button("Copy as curl", () => copy(found.curl, "curl command")) : button("Copy the body", () => copy(body, "Body"))), found.reports.map((r) => h("p", { class: "help" }, r.message)));
      } catch (error) { fill(where, trouble(error)); }
    };
    return h("div", { class: "stack tight" }, h("p", { class: "help" }, "The exact request that would be sent; credentials are masked, and nothing is sent."),
      field("Question", question), h("label", { class: "check" }, stream, " as a stream"), h("div", { class: "row" }, button("Show the request", ask, { class: "button primary" })), where);
  },

  trySide() {
    this.drawSide = null;
    this.talking?.leave();
    this.talking = talk(async () => {
      const found = await this.check();
      if (!found) throw Object.assign(new Error("The draft could not be checked."), { todo: "What went wrong stands at the top of the page." });
      if (found.problems.length) throw Object.assign(new Error("The document is not complete yet."), { code: "incomplete", problems: found.problems, todo: "Mend what is marked in the form." });
      const { name, aliases, ...effective } = found.effective;
      if (found.refused.length) throw Object.assign(new Error("The document changes what you may not change."), { code: "not allowed", problems: found.refused, todo: "Take back what is marked in the form; ask an administrator for it." });
      const from = this.name || this.document.base;
      const { name: own, aliases: others, title, version, ...before } = from ? (await api.adapter(from)).effective : {};
      const draft = { name: this.name, title: effective.title, notice: found.notice };
      if (!await accepted(draft, from && same(before.notice, effective.notice) ? from : effective)) throw refused("this draft");
      if (!from) return { target: { dragoman: { adapter: effective } }, pricing: effective.pricing };
      const { title: shown, version: format, ...after } = effective;
      const override = patch(before, after);
      return { target: { model: from, ...(Object.keys(override).length ? { dragoman: { adapter: override } } : {}) }, pricing: effective.pricing };
    });
    return h("div", {}, h("p", { class: "help" }, "Calls the draft as it is now. It is booked and logged like every call."), this.talking.element);
  },
};
