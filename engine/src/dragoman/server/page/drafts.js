// Drafts survive a reload: they are kept in this browser until they are saved or reset. A draft holds no secret.

const PREFIX = "dragoman.draft.";

export const drafts = {
  get(name) {
    try { return JSON.parse(localStorage.getItem(PREFIX + name)); } catch { return null; } // not JSON: not ours
  },
  /** Returns whether it could be kept: the browser's storage may be full or shut. */
  set(name, draft) {
    try { localStorage.setItem(PREFIX + name, JSON.stringify(draft)); return true; } catch { return false; }
  },
  /** Put members into a draft: of a new adapter, or of `found`, an adapter as it is saved, where it has no draft yet. */
  put(name, found, members) {
    const draft = this.get(name || "custom") || { document: found?.document || {}, etag: found?.etag ?? null };
    this.set(name || "custom", { ...draft, document: { ...draft.document, ...members } });
  },
  remove(name) { localStorage.removeItem(PREFIX + name); },
};

/** A document as the fragment of a link: it never reaches a server's log. */
export function toFragment(document) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromFragment(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const document = JSON.parse(new TextDecoder().decode(bytes));
  if (!document || typeof document !== "object" || Array.isArray(document)) throw new Error("no document");
  return document;
}

/** Paths whose values look like secrets rather than names: they are kept out of links. */
export function secretLike(document, path = []) {
  if (typeof document === "string") return /^(sk-|drg_|AKIA|ASIA|eyJ|hf_|xox|ghp_)|^Bearer /.test(document) || /(password|secret|token|api_?key)$/i.test(path.at(-1) || "") && path[0] !== "credentials" && path.at(-1) !== "token_url" ? [path.join(".")] : [];
  if (!document || typeof document !== "object") return [];
  return Object.entries(document).flatMap(([name, inner]) => secretLike(inner, [...path, name]));
}
