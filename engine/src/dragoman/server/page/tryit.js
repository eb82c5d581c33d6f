// Try an adapter as it is.

import { api } from "/page/api.js";
import { h, field, select } from "/page/dom.js";
import { talk } from "/page/talk.js";
import { accepted, refused } from "/page/notice.js";

export async function view({ rest }) {
  const { models } = await api.models();
  const chats = models.filter((m) => m.operation === "chat" && !m.problem);
  const chosen = chats.find((m) => m.name === rest) || chats.find((m) => m.default) || chats[0];
  if (!chosen) return h("p", {}, "There is no model that you may call.");
  const talking = talk(async () => {
    if (!await accepted(chosen)) throw refused(chosen.name);
    return { target: { model: chosen.name }, pricing: chosen.pricing };
  });
  const element = h("div", {},
    h("div", { class: "page-head" },
      h("div", {}, h("h1", {}, chosen.title || chosen.name), h("p", {}, h("code", {}, chosen.name), ` · ${chosen.provider}`, chosen.model ? ` · ${chosen.model}` : "")),
      field("Model", select(chats.map((m) => [m.name, m.title ? `${m.title} (${m.name})` : m.name]), chosen.name, (name) => { location.hash = `#/try/${encodeURIComponent(name)}`; })),
      h("a", { class: "button", href: `#/edit/${encodeURIComponent(chosen.name)}` }, "Edit adapter")),
    talking.element);
  return { element, leave: talking.leave };
}
