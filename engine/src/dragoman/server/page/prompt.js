// How messages become one text: markers by preset or written out, with the text as it would be sent.

import { api } from "/page/api.js";
import { h, fill, field, button, select, trouble, toast } from "/page/dom.js";
import { drafts } from "/page/drafts.js";

const MEMBERS = [["start", "Before everything"], ["system", "A system message"], ["user", "A user message"], ["user_with_system", "First user message, with the system message in it"], ["assistant", "An assistant message"], ["end", "After everything"]];

export async function view({ rest }) {
  const [{ prompt_presets: presets }, found] = await Promise.all([api.form(), rest ? api.adapter(rest) : null]);
  const own = drafts.get(rest || "custom")?.document.prompt || found?.effective.prompt;
  const section = own ? { ...own } : { preset: presets.includes("llama-2-chat") ? "llama-2-chat" : presets[0] };
  const messages = [{ role: "system", content: "Answer in one sentence." }, { role: "user", content: "What is a dragoman?" }, { role: "assistant", content: "An interpreter." }, { role: "user", content: "Of which languages?" }];
  const preview = h("pre", { class: "raw", tabindex: 0, id: "prompt-preview" });
  const told = h("div", {});
  const list = h("div", { class: "stack tight" });
  let timer, turn = 0;

  function changed() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const now = ++turn;
      try {
        const found = await api.ask("prompt", { prompt: section, messages });
        if (now !== turn) return;
        fill(told, found.problems ? trouble({ message: "It cannot be written.", problems: found.problems }) : null);
        if (!found.problems) fill(preview, visible(found.text));
      } catch (error) { fill(told, trouble(error)); }
    }, 150);
  }

  const inputs = MEMBERS.map(([name, title]) => {
    const input = h("input", { class: "code", spellcheck: false, value: (section[name] ?? "").replaceAll("\n", "\\n"), oninput: () => { if (input.value) section[name] = input.value.replaceAll("\\n", "\n"); else delete section[name]; changed(); } });
    return field(title, input, name === "user_with_system" ? "{system} and {content} stand for the texts" : ["start", "end"].includes(name) ? "" : "{content} stands for its text; \\n is a line break");
  });

  function draw() {
    fill(list, messages.map((message, index) => h("div", { class: "pair" },
      select(["system", "user", "assistant"], message.role, (role) => { message.role = role; changed(); }, { "aria-label": `Role of message ${index + 1}` }),
      h("input", { value: message.content, "aria-label": `Text of message ${index + 1}`, oninput: (event) => { message.content = event.target.value; changed(); } }),
      button("✕", () => { messages.splice(index, 1); draw(); changed(); }, { class: "icon", "aria-label": `Remove message ${index + 1}` }))),
    button("Add a message", () => { messages.push({ role: "user", content: "" }); draw(); changed(); }, { class: "button quiet" }));
  }

  draw();
  changed();
  return h("div", {},
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Prompt"), h("p", {}, "For models that take one text: how each message is written. Sample messages on the right, the text as the model gets it below.")),
      button(rest ? `Use in ${rest}` : "Use in a new adapter", () => {
        drafts.put(rest, found, { prompt: { ...section } });
        toast(`The draft of ${rest || "the custom model"} has the prompt now.`);
        location.hash = rest ? `#/edit/${encodeURIComponent(rest)}` : "#/edit";
      }, { class: "button primary" })),
    h("div", { class: "split" },
      h("div", { class: "card stack" }, field("Preset", select([["", "None: what is written here stands for itself"], ...presets], section.preset, (value) => { if (value) section.preset = value; else delete section.preset; changed(); })), inputs),
      h("div", { class: "stack" }, h("div", { class: "card stack tight" }, h("h2", {}, "Sample messages"), list), h("div", { class: "card stack tight" }, h("h2", {}, "What the model gets"), told, preview))));
}

/** Line breaks as they are, and a mark for them; blanks stay. */
const visible = (text) => text.replaceAll("\n", "⏎\n");
