// Fields for lists and maps: a row for each entry, with fields of its own from the schema of an entry.

import { h, fill, button } from "/page/dom.js";
import { clone, same, valueAt, withValue } from "/page/json.js";

const MOVES = [["↑", "up", -1], ["↓", "down", 1]];

/**
 * A list. It is one value of the document: setting a row sets the whole list, and one that is inherited is copied
 * first. Rows are moved with the buttons, or with Alt and an arrow key inside the row.
 */
export function listOf(schema, { set, title, form, path, disabled }) {
  let items = [], inherited;
  const rows = h("div", { class: "rows" });
  const add = button("Add", () => commit([...begun(), blank()], items.length || begun().length), { class: "button quiet", "aria-label": `Add to ${title}` });
  const take = button("Change the inherited ones", () => commit(begun(), 0), { class: "button quiet", hidden: true });
  const item = form.host.schemas.plain(schema.items);
  const inner = new form.constructor({
    prefix: [...(form.host.prefix || []), ...path],
    schemas: form.host.schemas,
    disabled,
    get: (at) => valueAt(items, at),
    set: (at, value) => {
      items = items.slice();
      items[at[0]] = at.length > 1 ? withValue(items[at[0]], at.slice(1), value) : value ?? blank();
      set(items);
    },
    inherited: () => ({}),
    lock: () => "",
  });
  const begun = () => (items.length ? items : clone(inherited) || []);
  const blank = () => (item.properties || item.variants ? {} : item.type === "string" || item.enum ? "" : item.type === "object" ? {} : null);

  /** Take a list of another length or order; the focus goes to the row that it is about. */
  function commit(made, focus) {
    items = made;
    set(items.length ? items : inherited ? [] : undefined);
    draw();
    form.refresh();
    const row = rows.children[Math.min(focus, rows.children.length - 1)];
    (row?.querySelector("input:not([type=range]), select, textarea") || add).focus();
  }
  function move(from, step) {
    const to = from + step;
    if (disabled || to < 0 || to >= items.length) return;
    const made = items.slice();
    [made[from], made[to]] = [made[to], made[from]];
    commit(made, to);
  }
  function draw() {
    inner.fields.clear();
    fill(rows, items.map((value, i) => row(i)));
  }
  function row(i) {
    const named = `${title} ${i + 1}`;
    const moves = MOVES.map(([sign, word, step]) => button(sign, () => move(i, step), { class: "icon", "aria-label": `Move ${named} ${word}`, disabled: disabled || i + step < 0 || i + step >= items.length }));
    return h("div", { class: "entry", role: "group", "aria-label": named, onkeydown: (event) => {
      const step = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step) { event.preventDefault(); event.stopPropagation(); move(i, step); }
    } },
    h("div", { class: "entry-head" }, h("span", { class: "muted" }, named), h("span", { class: "grow" }), moves,
      button("✕", () => commit(items.filter((_, other) => other !== i), i), { class: "icon", "aria-label": `Remove ${named}`, disabled })),
    inner.make([String(i)], item, { title: item.properties || item.variants?.every((v) => v.properties) ? null : named, required: item.required }));
  }
  return {
    element: h("div", {}, rows, h("div", { class: "row" }, add, take)), input: add, wide: true, problem: "", always: true,
    disable: () => { add.disabled = take.disabled = true; },
    show(value, below) {
      inherited = below?.value;
      take.hidden = disabled || value !== undefined || !inherited?.length;
      const now = Array.isArray(value) ? value : [];
      if (same(now, items) && rows.children.length === items.length) return;
      items = now;
      draw();
    },
    hint: () => {},
    take: (problems) => inner.refresh(problems.filter((p) => p.path)).concat(problems.filter((p) => !p.path)),
  };
}

/** A map. Its entries are inherited one by one; one from below is taken away with `null`. */
export function mapOf(schema, { title, form, path, disabled }) {
  let keys = [], drawn = null;
  const rows = h("div", { class: "rows" });
  const name = h("input", { type: "text", spellcheck: false, autocomplete: "off", placeholder: "name", "aria-label": `Name of a new entry in ${title}`, disabled });
  const add = button("Add", added, { class: "button quiet", "aria-label": `Add to ${title}`, disabled });
  const told = h("div", { class: "linebreak", role: "status" });
  const value = form.host.schemas.plain(schema.additionalProperties);
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); added(); } });

  function added() {
    const key = name.value.trim();
    fill(told, !key ? "a name is needed" : keys.includes(key) ? `${key} is there already` : null);
    if (!key || keys.includes(key)) { name.focus(); return; }
    name.value = "";
    form.set([...path, key], value.properties ? {} : value.type === "string" ? "" : value.type === "number" || value.type === "integer" ? 0 : {});
    form.refresh();
    [...rows.children].find((one) => one.dataset.key === key)?.querySelector("input, select, textarea")?.focus();
  }
  function draw() {
    form.forget(path);
    for (const kept of form.kept.keys()) if (kept.startsWith(`${path.join(".")}.`)) form.kept.delete(kept);
    fill(rows, keys.map(row));
  }
  function row(key) {
    const at = [...path, key], named = `${title} ${key}`;
    if (form.host.get(at) !== undefined && form.host.get(at) !== null) form.kept.set(at.join("."), at);
    const is = form.host.get(at) ?? form.host.inherited(at).value;
    const others = value.properties && is && typeof is === "object" ? Object.keys(is).filter((member) => !Object.hasOwn(value.properties, member)) : [];
    const isGone = form.host.get(at) === null;
    const remove = isGone
      ? button("↺", () => changed(at, undefined), { class: "icon", "aria-label": `Bring back ${named}`, title: "Back to what is inherited", disabled })
      : button("✕", () => changed(at, form.host.inherited(at).value === undefined ? undefined : null), { class: "icon", "aria-label": `Remove ${named}`, disabled });
    return h("div", { class: "entry", role: "group", "aria-label": named, "data-key": key },
      h("div", { class: "entry-head" }, h("strong", {}, key), h("span", { class: "grow" }), remove),
      isGone ? h("p", { class: "help" }, "removed: what lies below does not count") : form.make(at, value, { title: value.properties ? null : named }),
      others.length ? h("p", { class: "help" }, `also says ${others.join(", ")}: change that in the document`) : null);
  }
  function changed(at, now) {
    form.kept.delete(at.join("."));
    form.host.set(at, now);
    form.refresh();
    name.focus();
  }
  return {
    element: h("div", {}, rows, h("div", { class: "row" }, h("div", { class: "grow" }, name), add), told), input: name, wide: true, problem: "", always: true, plain: true,
    disable: () => {},
    show(own, below) {
      const found = [...new Set([...Object.keys(below?.value || {}), ...Object.keys(own || {})])];
      const now = found.map((key) => [key, own?.[key] === null]);
      if (same(now, drawn)) return;
      [keys, drawn] = [found, now];
      draw();
    },
    hint: () => {},
  };
}
