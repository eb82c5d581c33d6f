// OpenAI's own client for JavaScript.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { BREAKS, CHAT, GATEWAY, GREETING, KEY, VECTOR, WEATHER, WEATHER_SCHEMA, fails, raised, run } from "./check.mjs";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 0 });
const ask = (content, rest = {}) =>
  client.chat.completions.create({ model: "scripted", messages: [{ role: "user", content }], ...rest });
const status = (expected) => (error) => error instanceof OpenAI.APIError && error.status === expected;

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

await run({
  async local() {
    const answer = await ask("Tell me about iterators", { model: "local", max_tokens: 20 });
    assert.ok(answer.choices[0].message.content);
  },
  async chat() {
    const answer = await ask(CHAT);
    assert.equal(answer.choices[0].message.content, GREETING);
    assert.equal(answer.usage.prompt_tokens, 42);
  },
  async stream() {
    const chunks = await collect(await ask(CHAT, { stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), GREETING);
    assert.equal(chunks.at(-1).usage.completion_tokens, 7);
  },
  async tools() {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: "scripted",
      messages: [{ role: "user", content: WEATHER }],
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description: "Weather of a city",
            parameters: WEATHER_SCHEMA,
            parse: JSON.parse,
            function: (given) => (asked.push(given), "sunny"),
          },
        },
      ],
    });
    assert.equal(await runner.finalContent(), GREETING);
    assert.deepEqual(asked, [{ city: "Paris", days: 3 }]);
  },
  async structured() {
    const json_schema = { name: "weather", strict: true, schema: WEATHER_SCHEMA };
    const answer = await client.chat.completions.parse({
      model: "scripted",
      messages: [{ role: "user", content: "'Paris', 3" }],
      response_format: { type: "json_schema", json_schema },
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Paris", days: 3 });
  },
  async embeddings() {
    const answer = await client.embeddings.create({ model: "vectors", input: ["a", "b"] });
    assert.deepEqual(answer.data.map((found) => Array.from(found.embedding)), [VECTOR, VECTOR]);
  },
  async models() {
    const names = (await collect(await client.models.list())).map((model) => model.id);
    for (const name of ["scripted", "vectors", "local"]) assert.ok(names.includes(name));
  },
  async errors() {
    await raised(() => ask(CHAT, { model: "no-such-model" }), status(404));
    await raised(() => ask(fails(429)), status(429));
    await raised(() => ask(fails(500)), status(502));
    await raised(() => ask(fails(400), { stream: true }), status(400));
  },
  async broken_stream() {
    await raised(
      async () => collect(await ask(BREAKS, { stream: true })),
      (error) => error instanceof OpenAI.APIError,
    );
  },
});
