// What callers may count on.
import assert from "node:assert/strict";
import test from "node:test";

process.env.NODE_ENV = "test";
const { build } = await import("../src/app.js");

test("it says that it is up", async () => {
  const answer = await build().inject("/healthz");
  assert.deepEqual([answer.statusCode, answer.body], [200, "ok"]);
});

test("it says whether it can serve", async () => {
  const answer = await build().inject("/readyz");
  assert.equal(answer.json().ready, answer.statusCode === 200);
});

test("requests are counted", async () => {
  const app = build();
  await app.inject("/healthz");
  const text = (await app.inject("/metrics")).body;
  assert.match(text, /http_requests_total\{service="{$ service $}",path="\/healthz",code="200"\} 1/);
});
