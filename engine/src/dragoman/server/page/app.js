// The shell: sign-in, navigation, theme, shortcuts. Each view is a module that is loaded when it is first shown.

import { api, credential, ApiError } from "/page/api.js";
import { h, fill, field, button, dialog, select, trouble } from "/page/dom.js";

const VIEWS = [
  ["models", "Models", "models.js", "m"],
  ["edit", "Adapter", "editor.js", "e"],
  ["try", "Try it", "tryit.js", "t"],
  ["compare", "Compare", "compare.js", "c"],
  ["mapping", "Mapping helper", "mapping.js", "h"],
  ["prompt", "Prompt", "prompt.js", "p"],
  ["usage", "Usage", "usage.js", "u"],
];
const ADMIN = [
  ["plugins", "Plugins", "admin.js", "l"],
  ["secrets", "Secrets", "admin.js", "s"],
  ["keys", "Keys", "admin.js", "k"],
  ["audit", "Audit", "admin.js", "a"],
];

/** What the views import, so that it is asked for at once and not import by import. */
const NEEDS = {
  "models.js": ["drafts.js"],
  "editor.js": ["moving.js", "saving.js", "sides.js", "form.js", "controls.js", "rows.js", "schema.js", "json.js", "drafts.js", "talk.js", "notice.js"],
  "tryit.js": ["talk.js", "json.js", "notice.js"],
  "compare.js": ["talk.js", "json.js", "notice.js"],
  "mapping.js": ["json.js", "drafts.js"],
  "prompt.js": ["drafts.js"],
  "usage.js": ["charts.js", "compare.js", "talk.js", "json.js", "notice.js"],
};

async function load(file) {
  for (const needed of [...(NEEDS[file] || []), file]) {
    const href = `/page/${needed}`;
    if (!document.head.querySelector(`link[href="${href}"]`)) document.head.append(h("link", { rel: "modulepreload", href }));
  }
  try {
    return await import(`/page/${file}`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ApiError(0, { message: `the page's file ${file} cannot be read` });
  }
}

const LOADING_AFTER_MS = 300;
const shell = document.getElementById("shell");
const main = h("main", { id: "main", tabindex: -1 });
const links = new Map();
let session = null;
let shown = 0;
let leave = null;

// --- theme ---

const dark = matchMedia("(prefers-color-scheme: dark)");
function paint() {
  const wanted = localStorage.getItem("dragoman.theme") || "system";
  document.documentElement.dataset.theme = wanted === "system" ? (dark.matches ? "dark" : "light") : wanted;
}
dark.addEventListener("change", paint);
paint();

function themeChoice() {
  return select([["system", "Theme: system"], ["light", "Theme: light"], ["dark", "Theme: dark"]],
    localStorage.getItem("dragoman.theme") || "system",
    (value) => { localStorage.setItem("dragoman.theme", value); paint(); }, { "aria-label": "Theme" });
}

// --- sign-in ---

function signIn(told) {
  session = null;
  const input = h("input", { type: "password", autocomplete: "off", spellcheck: false, required: true });
  const where = h("div", {});
  const form = h("form", {
    class: "card", onsubmit: async (event) => {
      event.preventDefault();
      credential.set(input.value.trim());
      try { await start(); } catch (error) { fill(where, trouble(error)); input.select(); }
    },
  },
  h("div", { class: "brand" }, h("img", { src: "/page/mark.svg", alt: "" }), h("div", {}, "Dragoman", h("small", {}, "Dev Settings"))),
  h("h1", {}, "Sign in"),
  h("p", { class: "muted" }, "With a key of this gateway, or a token of your identity provider. It stays in this tab and goes nowhere but to this gateway."),
  field("Key or token", input),
  h("button", { class: "button primary", type: "submit" }, "Sign in"),
  h("p", { class: "help" }, "No key yet? ", h("code", {}, "dragoman keys create"), " makes one."),
  where);
  if (told) fill(where, trouble(told));
  fill(shell, h("div", { class: "signin", id: "main" }, form));
  input.focus();
}

window.addEventListener("signed-out", (event) => { if (session) signIn(new ApiError(401, event.detail)); });

// --- shell ---

async function start() {
  const early = load(asked().view[2]); // while the gateway says who we are
  early.catch(() => {}); // routing tells
  session = await api.session();
  const link = ([name, text]) => {
    const made = h("a", { href: `#/${name}` }, text);
    links.set(name, made);
    return made;
  };
  const admin = session.role === "admin" ? [h("h2", {}, "Administration"), ADMIN.map(link)] : null;
  const signOut = credential.get() ? button("Sign out", () => { credential.set(""); signIn(); }, { class: "button quiet" }) : null;
  fill(shell, h("div", { class: "shell" },
    h("header", { class: "side" },
      h("a", { class: "brand", href: "#/models" }, h("img", { src: "/page/mark.svg", alt: "" }), h("span", {}, "Dragoman", h("small", {}, "Dev Settings"))),
      h("nav", { "aria-label": "Views" }, VIEWS.map(link), admin),
      h("footer", {},
        h("div", {}, h("strong", {}, session.name), " ", h("span", { class: "tag" }, session.role), " ", h("span", { class: "tag accent" }, `stage ${session.stage}`)),
        themeChoice(),
        h("div", { class: "row" }, button("Shortcuts", help, { class: "button quiet" }), signOut))),
    main));
  await route();
}

/** Which view the address asks for. */
function asked() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  return { name, rest, view: [...VIEWS, ...ADMIN].find(([other]) => other === (name === "share" ? "edit" : name)) || VIEWS[0] };
}

async function route() {
  if (!session) return;
  const { name, rest, view } = asked();
  const turn = ++shown;
  leave?.();
  leave = null;
  for (const [other, link] of links) {
    if (other === view[0]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view[1]} · Dragoman`;
  main.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => { if (turn === shown) fill(main, h("p", { class: "muted", role: "status" }, "Loading …")); }, LOADING_AFTER_MS);
  try {
    const module = await load(view[2]);
    const made = await module.view({ session, name: view[0], shared: name === "share" ? rest.join("/") : "", rest: name === "share" ? "" : decodeURIComponent(rest.join("/")) });
    if (turn !== shown) { made.leave?.(); return; }
    leave = made.leave || null;
    fill(main, made.element || made);
    window.scrollTo(0, 0);
    if (document.activeElement === document.body || links.get(view[0]) === document.activeElement) main.focus({ preventScroll: true });
    main.dataset.view = location.hash.replace(/^#\/?/, "") || view[0];
  } catch (error) {
    if (turn === shown && session) fill(main, h("div", { class: "stack" }, h("h1", {}, view[1]), trouble(error), h("div", { class: "row" }, button("Try again", route))));
  } finally {
    clearTimeout(slow);
    if (turn === shown) main.removeAttribute("aria-busy");
  }
}
window.addEventListener("hashchange", route);
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

// --- keyboard ---

function help() {
  const rows = [...[...VIEWS, ...ADMIN].map(([, text, , key]) => [`g ${key}`, text]),
    ["/", "Search, where there is one"], ["Ctrl Enter", "Send, run"], ["Ctrl S", "Save the adapter"], ["Ctrl Z", "Undo, outside of a field"], ["Alt ↑", "Move an entry of a list up; Alt ↓ down"], ["Esc", "Stop an answer, close"], ["?", "This list"]];
  return dialog("Shortcuts", () => h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Keys"), h("th", {}, "What"))),
    h("tbody", {}, rows.map(([keys, text]) => h("tr", {}, h("td", {}, keys.split(" ").map((key) => [h("kbd", {}, key), " "])), h("td", {}, text))))));
}

let pending = false;
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) { pending = false; return; }
  if (pending) {
    const view = [...VIEWS, ...(session?.role === "admin" ? ADMIN : [])].find(([, , , key]) => key === event.key);
    pending = false;
    if (view) { event.preventDefault(); location.hash = `#/${view[0]}`; }
    return;
  }
  if (event.key === "g") pending = true;
  else if (event.key === "?") help();
  else if (event.key === "/") {
    const search = main.querySelector('input[type="search"]');
    if (search) { event.preventDefault(); search.focus(); }
  }
});

try {
  await start();
} catch (error) {
  if (error.status === 401) signIn(credential.get() ? error : undefined);
  else fill(shell, h("div", { class: "signin", id: "main" }, h("div", { class: "stack" }, trouble(error), button("Try again", () => location.reload()))));
}
