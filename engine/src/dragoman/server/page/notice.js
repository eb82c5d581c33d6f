// Terms of a model: shown and accepted before it is used first, and recorded.

import { api } from "/page/api.js";
import { h, dialog, button } from "/page/dom.js";

/** Return whether the model may be used: it has no terms, or the caller accepted them (asks where not). */
export async function accepted(model) {
  if (!model.notice || model.notice.accepted) return true;
  const link = /^https?:\/\//.test(model.notice.terms_url || "") ? model.notice.terms_url : null;
  const yes = await dialog(`Before you use ${model.title || model.name}`, (close) => [
    h("p", { class: "text" }, model.notice.text || "The model's owner asks you to accept its terms."),
    link ? h("p", {}, h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, "Read the terms")) : null,
    h("p", { class: "help" }, "Your acceptance is recorded with your name and the time."),
    h("div", { class: "row end" }, button("Not now", () => close(false)), button("Accept", () => close(true), { class: "button primary" }))]);
  if (!yes) return false;
  model.notice = await api.ask("notices", { adapter: model.name, digest: model.notice.digest });
  return true;
}
