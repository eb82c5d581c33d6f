// Terms of a model or of the whole gateway: shown and accepted before the first use, and recorded.

import { api, known } from "/page/api.js";
import { h, dialog, button } from "/page/dom.js";

/**
 * Return whether a model may be used: there are no terms, or the caller accepted them (asks where not).
 * `adapter` is what the model is called by where that is not its name: a draft's document.
 */
export async function accepted(model, adapter = model.name) {
  const general = known.session?.notice;
  if (general && !general.accepted) {
    if (!await asked("Before you use this gateway", general)) return false;
    known.session.notice = await api.ask("notices", { digest: general.digest });
  }
  if (!model.notice || model.notice.accepted) return true;
  if (!await asked(`Before you use ${model.title || model.name || "this model"}`, model.notice)) return false;
  model.notice = await api.ask("notices", { adapter, digest: model.notice.digest });
  return true;
}

/** What is thrown where somebody does not accept. */
export function refused(what) {
  return Object.assign(new Error(`the terms of ${what} are not accepted`), { code: "notice", todo: "Accept them to use the model." });
}

function asked(title, notice) {
  const link = /^https?:\/\//.test(notice.terms_url || "") ? notice.terms_url : null;
  return dialog(title, (close) => [
    h("p", { class: "text" }, notice.text || "The model's owner asks you to accept its terms."),
    link ? h("p", {}, h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, "Read the terms")) : null,
    h("p", { class: "help" }, "Your acceptance is recorded with your name and the time."),
    h("div", { class: "row end" }, button("Not now", () => close(false)), button("Accept", () => close(true), { class: "button primary" }))]);
}
