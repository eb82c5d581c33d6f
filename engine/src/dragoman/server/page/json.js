// JSON with the line where it breaks. A member given twice is an error too: one of them would be lost in silence.

export class JsonError extends Error {
  constructor(message, text, position) {
    const before = text.slice(0, position).split("\n");
    super(message);
    this.position = position;
    this.line = before.length;
    this.column = before[before.length - 1].length + 1;
  }
  get told() { return `line ${this.line}, column ${this.column}: ${this.message}`; }
}

export function parseJson(text) {
  let at = 0;
  const fail = (message, position = at) => { throw new JsonError(message, text, position); };
  const space = () => { while (" \t\n\r".includes(text[at]) && at < text.length) at += 1; };
  const seen = () => (at >= text.length ? "the text ends" : `found ${JSON.stringify(text[at])}`);

  function value(depth) {
    if (depth > 200) fail("is nested too deeply");
    space();
    const first = text[at];
    if (first === "{") return object(depth);
    if (first === "[") return list(depth);
    if (first === '"') return string();
    for (const [word, meaning] of [["true", true], ["false", false], ["null", null]]) {
      if (text.startsWith(word, at)) { at += word.length; return meaning; }
    }
    const found = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/.exec(text.slice(at, at + 400));
    if (!found) return fail(`a value is expected, ${seen()}`);
    at += found[0].length;
    return Number(found[0]);
  }
  function string() {
    const start = at;
    at += 1;
    while (text[at] !== '"') {
      if (at >= text.length || text[at] === "\n") fail("the text is not closed with a quote", start);
      at += text[at] === "\\" ? 2 : 1;
    }
    at += 1;
    try { return JSON.parse(text.slice(start, at)); } catch { return fail("the text holds an escape or a character that JSON does not have", start); }
  }
  function object(depth) {
    const made = Object.create(null);
    at += 1; space();
    if (text[at] === "}") { at += 1; return {}; }
    for (;;) {
      space();
      if (text[at] !== '"') fail(`a member's name in double quotes is expected, ${seen()}`);
      const start = at, name = string();
      if (name in made) fail(`the member ${JSON.stringify(name)} is given twice`, start);
      space();
      if (text[at] !== ":") fail(`: is expected after the name, ${seen()}`);
      at += 1;
      made[name] = value(depth + 1);
      space();
      if (text[at] === ",") { at += 1; continue; }
      if (text[at] === "}") { at += 1; return Object.fromEntries(Object.entries(made)); }
      fail(`, or } is expected, ${seen()}`);
    }
  }
  function list(depth) {
    const made = [];
    at += 1; space();
    if (text[at] === "]") { at += 1; return made; }
    for (;;) {
      made.push(value(depth + 1));
      space();
      if (text[at] === ",") { at += 1; continue; }
      if (text[at] === "]") { at += 1; return made; }
      fail(`, or ] is expected, ${seen()}`);
    }
  }
  const found = value(0);
  space();
  if (at < text.length) fail(`nothing more is expected, ${seen()}`);
  return found;
}

export const same = (a, b) => canonical(a) === canonical(b);

function canonical(value) {
  return JSON.stringify(value, (_, inner) => (inner && typeof inner === "object" && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));
}

export const clone = (value) => (value === undefined ? undefined : structuredClone(value));

export function valueAt(document, path) {
  return path.reduce((value, part) => (value && typeof value === "object" && Object.hasOwn(value, part) ? value[part] : undefined), document);
}

/** Return the document with a value set; `undefined` takes it out, and the objects that it leaves empty. */
export function withValue(document, [name, ...rest], value) {
  const made = { ...(document && typeof document === "object" && !Array.isArray(document) ? document : {}) };
  const inner = rest.length ? withValue(made[name], rest, value) : value;
  const isEmpty = inner === undefined || (rest.length && value === undefined && Object.keys(inner).length === 0);
  if (isEmpty) delete made[name];
  else Object.defineProperty(made, name, { value: inner, enumerable: true, configurable: true, writable: true });
  return made;
}

/** The leaves of a document by dotted path; lists are leaves. */
export function leaves(value, path = [], found = new Map()) {
  if (value && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length) {
    for (const [name, inner] of Object.entries(value)) leaves(inner, [...path, name], found);
  } else if (path.length && value !== undefined) found.set(path.join("."), value);
  return found;
}

export function differences(before, after) {
  const old = leaves(before), now = leaves(after);
  return [...new Set([...old.keys(), ...now.keys()])].sort()
    .filter((path) => !same(old.get(path) ?? null, now.get(path) ?? null) || old.has(path) !== now.has(path))
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}

/** The layer that turns one effective document into another. A change of what a member is replaces it whole. */
export function patch(before, after, top = true) {
  const made = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const old = before[name], now = after[name];
    if (now === undefined) made[name] = null;
    else if (isObject(old) && isObject(now) && !["kind", "type", "preset"].some((tag) => old[tag] !== now[tag])) {
      const inner = patch(old, now, false);
      if (Object.keys(inner).length) made[name] = inner;
    } else if (!same(old ?? null, now)) made[name] = now;
  }
  if (top && before.provider !== after.provider) {
    for (const name of ["connection", "credentials", "endpoint_kwargs", "mapping"]) {
      if (after[name] === undefined) delete made[name]; else made[name] = after[name];
    }
  }
  return made;
}

const isObject = (value) => value && typeof value === "object" && !Array.isArray(value);

export const show = (value) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
