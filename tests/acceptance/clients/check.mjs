// What the scripts in JavaScript share: checks run one by one, and each says whether it held.
import assert from "node:assert/strict";

export const GATEWAY = process.env.GATEWAY;
export const KEY = process.env.GATEWAY_KEY;
export const GREETING = "Hello there, how are you today?";
export const CHAT = "Good morning";
export const WEATHER = "What is the weather in 'Paris' for 3 days? Use get_weather.";
export const fails = (status) => `please fail with ${status}`;
export const BREAKS = "please break off";
export const VECTOR = [0.25, -0.5, 1.0];
export const WEATHER_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};

export async function run(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      failed = 1;
      console.error(error);
      console.log(`failed ${name}: ${String(error).slice(0, 500)}`);
    }
  }
  process.exit(failed);
}

export async function raised(call, matches) {
  try {
    await call();
  } catch (error) {
    assert.ok(matches(error), `another error came: ${error}`);
    return;
  }
  assert.fail("no error came");
}
