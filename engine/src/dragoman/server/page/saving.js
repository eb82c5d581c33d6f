// Saving, conflicts, revisions, deleting. Methods of the editor.

import { api } from "/page/api.js";
import { h, fill, field, button, table, toast, trouble, dialog, confirmed } from "/page/dom.js";
import { clone, differences, show } from "/page/json.js";
import { drafts } from "/page/drafts.js";

export const saving = {
  async save() {
    if (this.unsavable()) { toast(this.unsavable()); return; }
    let name = this.name || this.document.name;
    if (!name) {
      name = await dialog("Save as", (close) => {
        const input = h("input", { spellcheck: false, placeholder: "my-model", required: true });
        return h("form", { onsubmit: (event) => { event.preventDefault(); close(input.value.trim()); } }, field("Name", input, "Lower case letters, digits, dot, underscore, hyphen. Callers say it as `model`."), h("div", { class: "row end" }, h("button", { type: "submit", class: "button primary" }, "Save")));
      });
      if (!name) return;
    }
    const etag = this.name ? (this.madeFrom === undefined ? this.saved.etag : this.madeFrom) : null;
    await this.write(name, etag);
  },

  async write(name, etag) {
    try {
      const revision = await api.save(name, { name, ...this.document }, etag);
      drafts.remove(this.key());
      toast(`Saved: ${name}, revision ${revision.number}`);
      if (this.name !== name) { location.hash = `#/edit/${encodeURIComponent(name)}`; return; }
      this.saved = { ...this.saved, document: revision.document, etag: revision.etag, kind: "saved", revision };
      this.document = clone(revision.document);
      this.restored = this.moved = this.madeFrom = undefined;
      this.draw();
      this.changed(false);
    } catch (error) {
      if (error.status === 412) await this.conflict(name, error);
      else fill(this.status, trouble(error));
    }
  },

  /** Somebody saved in the meantime: show both, let the person decide, overwrite nothing by itself. */
  async conflict(name, error) {
    const theirs = await api.adapter(name);
    const choice = await dialog("Somebody else saved this adapter", (close) => [
      h("p", {}, theirs.revision ? `Revision ${theirs.revision.number} was saved by ${theirs.revision.saved_by}. Your change was made from an older one.` : error.message),
      table(["Field", "Theirs", "Yours"], differences(theirs.document, { ...this.document, name }).map((d) => [h("code", {}, d.path), show(d.before), show(d.after)])),
      h("div", { class: "row end" }, button("Go on editing", () => close()), button("Take theirs", () => close("theirs")), button("Save mine over it", () => close("mine"), { class: "button danger" }))]);
    if (choice === "mine") await this.write(name, theirs.etag);
    if (choice === "theirs") {
      drafts.remove(this.key());
      if (this.name !== name) location.hash = `#/edit/${encodeURIComponent(name)}`;
      else { this.restored = this.moved = this.madeFrom = undefined; await this.open(name, ""); }
    }
  },

  async revisions() {
    if (!this.name) { toast("It was never saved."); return; }
    let revisions = [];
    try { ({ revisions } = await api.revisions(this.name)); } catch (error) { if (error.status !== 404) throw error; }
    await dialog(`Revisions of ${this.name}`, (close) => (revisions.length ? table(["Revision", "When", "Who", "Changed", ""], revisions.map((r, i) => [
      `${r.number}${r.deleted ? " (deleted)" : r.restored ? ` (back to ${r.restored})` : ""}`, new Date(r.saved_at).toLocaleString(), r.saved_by,
      differences(revisions[i + 1]?.document || {}, r.document).map((d) => d.path).join(", ") || "–",
      r.deleted || i === 0 ? "" : button("Roll back", async () => {
        try {
          await api.rollBack(this.name, r.number, this.saved.etag || `"${revisions[0].number}-${revisions[0].digest}"`);
          drafts.remove(this.key());
          close();
          this.restored = this.moved = this.madeFrom = undefined;
          await this.open(this.name, "");
          toast(`Back to revision ${r.number}`);
        } catch (error) { close(); fill(this.status, trouble(error)); }
      }, { "aria-label": `Roll back to revision ${r.number}` })])) : h("p", {}, "It was never saved here; it comes from a file or a plugin.")));
  },

  async remove() {
    if (!await confirmed("Delete the saved adapter?", this.saved.has_file ? "What the deployment's files say counts again." : "It can be brought back by a roll back.", "Delete", true)) return;
    await api.remove(this.name, this.saved.etag);
    drafts.remove(this.key());
    toast(`Deleted: ${this.name}`);
    location.hash = "#/models";
  },
};
