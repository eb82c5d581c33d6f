// The gateway. The key lives in sessionStorage, goes out in a header, and is never part of an address.

const KEY = "dragoman.credential";

export const credential = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

/** An error of the gateway, with what to do about it. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message || `the gateway answered ${status}`);
    this.status = status;
    this.code = error.code;
    this.problems = error.problems;
    this.param = error.param;
    this.todo = TODO[error.code] || TODO[status] || "";
    if (error.retry_after_s && (status === 429 || status === 503)) this.todo = `Try again in ${error.retry_after_s} s.`;
  }
}

const TODO = {
  0: "Is `dragoman serve` running? Start it and try again; nothing that you wrote is lost.",
  401: "Sign in again with a key or token that is valid now.",
  policy: "Ask an administrator, or try it in a stage where your role may.",
  notice_not_accepted: "Send it again: you are asked to accept them.",
  conflict: "Somebody saved in the meantime. Compare, then overwrite or take theirs.",
  model_not_found: "It may have been deleted or renamed: look at the list of models.",
  rate_limit_exceeded: "Wait a moment, then send it again.",
  timeout: "Raise limits.timeout_s in the adapter, or ask for a shorter answer.",
  context_length_exceeded: "Shorten the conversation, or choose a model with a larger context.",
  upstream_unreachable: "Check the connection's address in the adapter. From this page private addresses are reached only where network.allowed_hosts names them.",
  upstream_authentication: "Check the adapter's credentials: Secrets shows which names are there.",
  upstream_permission: "The provider refused the identity: check role, external id and its policy.",
  upstream_model_not_found: "Check the adapter's model: is it spelt as the provider spells it, and in this region?",
  invalid_settings: "Open the adapter: each field that is wrong says so.",
  deployment: "Check the secrets and settings of the deployment; Secrets shows which names are absent.",
  unsupported: "The model does not take this: take it out, or choose another model.",
  503: "The gateway is busy; try again in a moment.",
};

export async function call(method, path, { body, headers = {}, signal } = {}) {
  const sent = { ...headers };
  if (credential.get()) sent.authorization = `Bearer ${credential.get()}`;
  if (body !== undefined) sent["content-type"] = "application/json";
  let reply;
  try {
    reply = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { message: "the gateway cannot be reached" });
  }
  if (!reply.ok && reply.status !== 304) throw await failure(reply);
  return reply;
}

async function failure(reply) {
  let told = {};
  try { told = (await reply.json()).error || {}; } catch { /* not JSON: the status says it */ }
  if (reply.status === 401) window.dispatchEvent(new CustomEvent("signed-out", { detail: told }));
  return new ApiError(reply.status, { ...told, retry_after_s: Number(reply.headers.get("retry-after")) || 0 });
}

const json = async (...rest) => (await call(...rest)).json();
const bench = (word) => `/api/workbench/${word}`;
const adapter = (name, word = "") => `/api/adapters/${encodeURIComponent(name)}${word}`;

let form = null;
/** What every view may ask for: who we are. */
export const known = { session: null };

export const api = {
  async session() { known.session = await json("GET", bench("session")); return known.session; },
  models: () => json("GET", bench("models")),
  /** What a form is made of: large and rarely another, so it is asked for again only where it changed. */
  async form() {
    const reply = await call("GET", bench("form"), { headers: form ? { "if-none-match": form.etag } : {} });
    if (reply.status !== 304) form = { etag: reply.headers.get("etag"), answer: await reply.json() };
    return form.answer;
  },
  ask: (word, body, options = {}) => json("POST", bench(word), { body, ...options }),
  read: (word, query = {}) => json("GET", `/api/${word}?${new URLSearchParams(query)}`),
  /** An adapter as it is written: its topmost layer, and the tag of its saved revision where it has one. */
  async adapter(name) {
    const reply = await call("GET", adapter(name));
    const found = await reply.json();
    const top = found.layers.at(-1);
    const kind = found.revision ? "saved" : top.origin.startsWith("plugin ") ? "plugin" : "file";
    return { ...found, document: kind === "saved" ? top.document : {}, below: kind === "saved" ? null : top.document, kind, has_file: (found.layers || []).some((layer) => !layer.origin.startsWith("saved ")), etag: reply.headers.get("etag") };
  },
  revisions: (name) => json("GET", adapter(name, "/revisions")),
  async save(name, document, etag, reason) { return tagged(await call("PUT", adapter(name), { body: { document, reason }, headers: matching(etag) })); },
  rollBack: (name, revision, etag) => json("POST", adapter(name, "/roll-back"), { body: { revision }, headers: matching(etag) }),
  remove: (name, etag) => json("DELETE", adapter(name), { headers: matching(etag) }),
  makeKey: (body) => json("POST", "/api/keys", { body }),
  revokeKey: (id) => json("DELETE", `/api/keys/${encodeURIComponent(id)}`),
};

async function tagged(reply) {
  return { ...(await reply.json()), etag: reply.headers.get("etag") };
}

export function matching(etag) {
  return etag ? { "if-match": etag } : { "if-none-match": "*" };
}

/**
 * Answer a conversation, event by event.
 * `take` gets {raw, delta, choice, usage, error}; returns when the answer ends. Aborting `signal` stops it upstream too.
 */
export async function chat(body, take, signal) {
  const reply = await call("POST", "/v1/chat/completions", { body: { ...body, stream: true, stream_options: { include_usage: true } }, signal });
  const leftOut = reply.headers.get("x-dragoman-left-out");
  if (leftOut) take({ leftOut });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const frames = held.split("\n\n");
    held = frames.pop();
    for (const frame of frames) {
      const data = frame.replace(/^data: ?/, "");
      if (data === "[DONE]" || !data) continue;
      const raw = JSON.parse(data);
      if (raw.error) { take({ raw }); throw new ApiError(200, raw.error); }
      const choice = raw.choices?.[0];
      take({ raw, delta: choice?.delta, finish: choice?.finish_reason, usage: raw.usage, aside: raw.dragoman });
    }
  }
}
