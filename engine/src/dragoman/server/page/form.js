// A form made of JSON Schemas. A field knows its path and nothing else; the document is the editor's.

import { h, fill, id, button, select } from "/page/dom.js";
import { show, same } from "/page/json.js";
import { constant, identified, limits } from "/page/schema.js";
import { controlFor } from "/page/controls.js";

/**
 * What a form works on: `get(path)`, `set(path, value)`, `inherited(path)` → {value, origin}, `lock(path)`, `schemas`.
 * It keeps its fields, so that what was checked can be shown at the exact one. A form within a field, such as the rows
 * of a list, says with `prefix` where its paths start, and with `disabled` that the field is locked.
 */
export class Form {
  constructor(host) { this.host = host; this.fields = new Map(); this.kept = new Map(); this.shape = ""; }

  where(path) { return [...(this.host.prefix || []), ...path].join("."); }

  /** Set a value. An object that is kept, such as an entry of a map, stays when the last of its members goes. */
  set(path, value) {
    this.host.set(path, value);
    for (const kept of this.kept.values()) {
      if (kept.length < path.length && kept.every((part, i) => part === path[i]) && this.host.get(kept) === undefined) this.host.set(kept, {});
    }
  }

  /** Forget the fields below a path: they are drawn anew. */
  forget(path) {
    const below = `${path.join(".")}.`;
    for (const known of this.fields.keys()) if (known.startsWith(below)) this.fields.delete(known);
  }

  /** Show values, inherited values and problems anew; what is being typed is left alone. */
  refresh(problems = []) {
    const left = [];
    const mine = new Map();
    const start = this.host.prefix ? `${this.host.prefix.join(".")}.` : "";
    for (const problem of problems) {
      let path = problem.path.replace(/\[(\d+)\]/g, ".$1");
      path = path.startsWith(start) ? path.slice(start.length) : "";
      while (path && !this.fields.has(path)) path = path.split(".").slice(0, -1).join(".");
      if (path) mine.set(path, [...(mine.get(path) || []), problem]);
      else left.push(problem);
    }
    for (const [path, one] of this.fields) one.refresh(mine.get(path) || []);
    return left;
  }

  /** A field for a schema at a path, whatever kind it is. */
  make(path, schema, options = {}) {
    const plain = this.host.schemas.plain(schema);
    if (plain.variants?.every((v) => v.properties)) return this.variants(path, plain, options);
    if (plain.properties && Object.keys(plain.properties).length) return this.group(path, plain, options);
    return this.property(path, plain, options);
  }

  group(path, schema, { title, required = [] } = {}) {
    const inside = h("div", { class: "stack" });
    this.members(inside, path, schema, required);
    if (title === null) return inside;
    return h("fieldset", { class: "group" }, h("legend", {}, title || label(path, schema)),
      schema.description ? h("p", { class: "help" }, schema.description) : null, inside);
  }

  members(into, path, schema, required = schema.required || []) {
    for (const [name, inner] of Object.entries(schema.properties || {})) {
      into.append(this.make([...path, name], inner, { required: required.includes(name) ? true : [] }));
    }
  }

  /** One of several objects, told apart by a member such as `kind`, or by the members that only one of them must have. */
  variants(path, schema, { title } = {}) {
    const name = schema.discriminator;
    const inside = h("div", { class: "stack" });
    const tag = (variant) => (name ? constant(variant, name) : variant.required?.[0] ?? variant.title);
    const now = () => {
      if (name) return this.host.get([...path, name]) ?? this.host.inherited([...path, name]).value;
      const found = identified(schema.variants, this.host.get(path) ?? this.host.inherited(path).value);
      return found && tag(found);
    };
    const draw = (kind) => {
      const own = [...path, ...(name ? [name] : [])].join(".");
      for (const known of this.fields.keys()) if (known.startsWith(`${path.join(".")}.`) && known !== own) this.fields.delete(known);
      fill(inside);
      const variant = schema.variants.find((v) => tag(v) === kind);
      if (!variant) return;
      const properties = Object.fromEntries(Object.entries(variant.properties).filter(([member]) => member !== name));
      if (!name && variant.description) inside.append(h("p", { class: "help" }, variant.description));
      this.members(inside, path, { ...variant, properties });
    };
    const kinds = schema.variants.map(tag);
    const chosen = now() ?? (name ? undefined : kinds[0]);
    const chooser = name
      ? this.property([...path, name], { enum: kinds, description: schema.description }, {
        change: (kind) => { this.set(path, kind === undefined ? undefined : { [name]: kind }); draw(now()); },
      })
      : choice(this.where(path), kinds, chosen, this.host.disabled, (kind) => { this.set(path, {}); draw(kind); this.refresh(); });
    draw(chosen);
    return h("fieldset", { class: "group" }, title === null ? null : h("legend", {}, title || label(path, schema)), chooser, inside);
  }

  /** A field in one row: name, control, help; what is set is marked, what is inherited is shown as such. */
  property(path, schema, { required = false, change, title } = {}) {
    const dotted = path.join("."), where = this.where(path);
    const lock = this.host.lock(path);
    const set = change || ((value) => this.set(path, value));
    const control = controlFor(schema, { set, title: title || label(path, schema), form: this, path, disabled: Boolean(lock || this.host.disabled) });
    const named = id();
    control.input.id = named;
    const below = h("div", { class: "below", id: `${named}-below` });
    control.input.setAttribute("aria-describedby", below.id);
    const clear = button("↺", () => { control.show(undefined); set(undefined); this.refresh(); control.input.focus(); }, { class: "icon", "aria-label": `Reset ${where}`, title: "Back to what is inherited" });
    const remove = button("∅", () => { set(null); this.refresh(); }, { class: "icon", "aria-label": `Remove ${where}`, title: "Remove the inherited value" });
    const element = h("div", { class: `property${control.wide ? " wide" : ""}`, "data-path": where },
      h("div", { class: "name" }, h("label", { for: named, class: "label" }, title || label(path, schema), required === true ? [" ", h("span", { class: "required", title: "required" }, "*"), h("span", { class: "visually-hidden" }, " required")] : null)),
      h("div", {}, h("div", { class: "control" }, control.element, clear, remove), below));
    if (lock || this.host.disabled) {
      control.disable();
      clear.disabled = remove.disabled = true;
    }
    let checked = [];
    for (const kind of ["input", "broken"]) element.addEventListener(kind, (event) => event.target.tagName !== "SELECT" && this.fields.get(dotted)?.refresh(checked));
    this.fields.set(dotted, {
      element,
      refresh: (problems) => {
        checked = problems;
        const value = this.host.get(path), inherited = this.host.inherited(path);
        if (control.always) control.show(value, inherited);
        else if (dotted === "name" && value === undefined && this.host.name) control.show(this.host.name);
        else if (!element.contains(document.activeElement) || document.activeElement.tagName === "BUTTON") control.show(value);
        control.hint(inherited.value !== undefined ? show(inherited.value) : schema.default !== undefined && schema.default !== null ? `default: ${show(schema.default)}` : "", inherited.value);
        const rest = control.take ? control.take(problems) : problems;
        clear.hidden = value === undefined || lock || control.plain;
        remove.hidden = inherited.value === undefined || value !== undefined || lock;
        element.classList.toggle("set", value !== undefined);
        const wrong = [...(control.problem ? [{ message: control.problem }] : []), ...rest];
        element.classList.toggle("wrong", wrong.length > 0);
        control.input.setAttribute("aria-invalid", wrong.length > 0);
        fill(below,
          wrong.map((p) => h("div", { class: "problem" }, p.message, p.hint ? ` – ${p.hint}` : "")),
          value === null ? h("div", { class: "inherited" }, "removed: what lies below does not count") : null,
          inherited.value !== undefined && value !== null
            ? h("div", { class: "inherited" }, value === undefined || same(value, inherited.value) ? `inherited: ${brief(inherited.value)}` : `instead of ${brief(inherited.value)}`, ` (${inherited.origin})`) : null,
          lock ? h("div", { class: "lock" }, `locked: ${lock}`) : null,
          schema.description ? h("div", {}, schema.description) : null,
          isSaid(schema.default) && (value !== undefined || inherited.value !== undefined) ? h("div", {}, `Default: ${show(schema.default)}`) : null,
          range(schema));
      },
    });
    return element;
  }
}

/** A choice that is no member of the document. */
function choice(where, kinds, chosen, disabled, change) {
  const named = id();
  return h("div", { class: "property" }, h("div", { class: "name" }, h("label", { for: named, class: "label" }, "kind")),
    h("div", {}, select(kinds, chosen, change, { id: named, disabled, "data-kind": where })));
}

const brief = (value) => { const text = show(value); return text.length > 90 ? `${text.slice(0, 89)}…` : text; };

export function label(path, schema) {
  const name = path[path.length - 1];
  return schema.title && schema.title.toLowerCase().replace(/ /g, "_") !== name.toLowerCase() && schema.type !== "object" ? schema.title : name;
}

/** Whether a default is worth a line; where nothing is set the field itself shows it. */
const isSaid = (value) => value !== undefined && value !== null && (typeof value !== "object" || Object.keys(value).length > 0);

function range(schema) {
  const { minimum, maximum } = limits(schema);
  if (minimum === undefined && maximum === undefined) return null;
  return h("div", {}, maximum === undefined ? `At least ${minimum}` : minimum === undefined ? `At most ${maximum}` : `${minimum} to ${maximum}`);
}
