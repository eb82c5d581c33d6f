// How documents come into the editor and leave it: paste, import, link, file. Methods of the editor.

import { api } from "/page/api.js";
import { h, fill, field, button, select, trouble, dialog, copy, download } from "/page/dom.js";
import { parseJson, JsonError } from "/page/json.js";
import { toFragment, secretLike } from "/page/drafts.js";

export const moving = {
  async paste() {
    const box = h("textarea", { class: "code", rows: 12, spellcheck: false });
    await dialog("Paste a document", (close) => {
      const where = h("div", {});
      return [field("JSON or YAML", box), where, h("div", { class: "row end" }, button("Use it", async () => {
        const found = await this.read(box.value);
        if (found.problems) fill(where, trouble({ message: "It cannot be read.", problems: found.problems }));
        else { this.replace(found.document); close(); }
      }, { class: "button primary" }))];
    });
  },

  async read(text) {
    if (!text.trim()) return { document: {} };
    if (text.trim().startsWith("{")) {
      try { return { document: parseJson(text) }; } catch (error) {
        if (error instanceof JsonError) return { problems: [{ path: "", message: error.told }] };
        throw error;
      }
    }
    return api.ask("text", { text, format: "yaml" });
  },

  async share() {
    const found = secretLike(this.document);
    if (found.length) { fill(this.status, trouble({ message: "A link must hold no secret, and this looks like one. Name a secret under credentials instead.", problems: found.map((path) => ({ path, message: "looks like a secret" })) })); return; }
    await copy(`${location.origin}/#/share/${toFragment(this.document)}`, "Link");
  },

  export() { download(`${this.document.name || "adapter"}.json`, `${JSON.stringify(this.document, null, 2)}\n`, "application/json"); },

  async import() {
    const text = h("textarea", { class: "code", rows: 10, spellcheck: false });
    const file = h("input", { type: "file", onchange: async () => { text.value = await file.files[0].text(); } });
    let from = "own";
    await dialog("Import", (close) => {
      const where = h("div", { class: "stack tight" });
      const use = async () => {
        try {
          const found = from === "own" ? await this.read(text.value) : await api.ask("import", { from, text: text.value });
          if (found.problems) { fill(where, trouble({ message: "It cannot be imported.", problems: found.problems })); return; }
          const documents = found.documents || [found.document];
          const notes = (found.notes || []).map((n) => h("li", {}, n.path ? h("code", {}, n.path) : null, ` ${n.message}`, n.hint ? ` – ${n.hint}` : ""));
          if (documents.length === 1 && !notes.length) { this.replace(documents[0]); close(); return; }
          fill(where, h("p", {}, `${documents.length} found. Choose one to edit.`), notes.length ? h("ul", { class: "note" }, notes) : null,
            documents.map((d) => button(d.title ? `${d.title} (${d.name})` : d.name || "the document", () => { this.replace(d); close(); })));
        } catch (error) { fill(where, trouble(error)); }
      };
      return [field("Of", select([["own", "Dragoman (YAML or JSON)"], ...this.facts.importers.map((i) => [i.name, i.title])], from, (value) => { from = value; })),
        field("File", file), field("Or its text", text), where, h("div", { class: "row end" }, button("Read", use, { class: "button primary" }))];
    });
  },
};
