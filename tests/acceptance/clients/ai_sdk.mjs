// Vercel's AI SDK with its provider for OpenAI-compatible servers.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { CHAT, GATEWAY, GREETING, KEY, VECTOR, WEATHER, WEATHER_SCHEMA, fails, raised, run } from "./check.mjs";

const provider = createOpenAICompatible({
  name: "gateway",
  baseURL: `${GATEWAY}/v1`,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider("scripted");
const status = (expected) => (error) => APICallError.isInstance(error) && error.statusCode === expected;

await run({
  async local() {
    const answer = await generateText({ model: provider("local"), prompt: "Tell me about iterators", maxOutputTokens: 20 });
    assert.ok(answer.text);
  },
  async chat() {
    const answer = await generateText({ model, prompt: CHAT, maxRetries: 0 });
    assert.equal(answer.text, GREETING);
    assert.equal(answer.usage.inputTokens, 42);
  },
  async stream() {
    const answer = streamText({ model, prompt: CHAT, maxRetries: 0 });
    let text = "";
    for await (const piece of answer.textStream) text += piece;
    assert.equal(text, GREETING);
    assert.equal((await answer.usage).outputTokens, 7);
  },
  async tools() {
    const asked = [];
    const answer = await generateText({
      model,
      prompt: WEATHER,
      stopWhen: stepCountIs(2),
      tools: {
        get_weather: tool({
          description: "Weather of a city",
          inputSchema: jsonSchema(WEATHER_SCHEMA),
          execute: async (given) => (asked.push(given), "sunny"),
        }),
      },
    });
    assert.deepEqual(asked, [{ city: "Paris", days: 3 }]);
    assert.equal(answer.text, GREETING);
  },
  async structured() {
    const answer = await generateObject({ model, schema: jsonSchema(WEATHER_SCHEMA), prompt: "'Paris', 3" });
    assert.deepEqual(answer.object, { city: "Paris", days: 3 });
  },
  async embeddings() {
    const answer = await embedMany({ model: provider.textEmbeddingModel("vectors"), values: ["a", "b"] });
    assert.deepEqual(answer.embeddings, [VECTOR, VECTOR]);
  },
  async errors() {
    await raised(() => generateText({ model: provider("no-such-model"), prompt: CHAT, maxRetries: 0 }), status(404));
    await raised(() => generateText({ model, prompt: fails(429), maxRetries: 0 }), status(429));
    await raised(() => generateText({ model, prompt: fails(500), maxRetries: 0 }), status(502));
  },
});
