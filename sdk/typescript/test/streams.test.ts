import assert from "node:assert/strict";
import { test } from "node:test";
import type { HandlerContext } from "@connectrpc/connect";
import { propagation, type TextMapPropagator } from "@opentelemetry/api";
import { VERSION } from "../src/index.js";
import { kkt, partnerOf, serve } from "./support.js";

const SENT = { traceparent: "00-1-2-01", tracestate: "vendor=1", baggage: "login=ivan" };

/** Of a program that sends baggage to its own services. */
const propagator: TextMapPropagator = {
  inject: (_context, carrier, setter) => {
    for (const [name, value] of Object.entries(SENT)) setter.set(carrier, name, value);
  },
  extract: (context) => context,
  fields: () => Object.keys(SENT),
};

test("a call and a Watch say who calls and in which trace, but nothing of the baggage", async (t) => {
  const seen: Headers[] = [];
  const get = async (_: unknown, { requestHeader }: HandlerContext) => {
    seen.push(requestHeader);
    return { kkt: kkt(1) };
  };
  const watch = async function* (_: unknown, { requestHeader }: HandlerContext) {
    seen.push(requestHeader);
    yield { event: { case: "kkt" as const, value: kkt(1) }, resumeToken: "t" };
  };
  propagation.setGlobalPropagator(propagator);
  t.after(() => propagation.disable());
  const partner = partnerOf(t, await serve(t, { kkts: { get, watch } }), { token: "secret", partnerId: "p-1" });
  await partner.kkts.get("kkt-1");
  for await (const _ of partner.kkts.watch(["kkt-1"])) break;
  const wanted = {
    authorization: "Bearer secret",
    "x-litebox-partner-id": "p-1",
    "user-agent": `litebox-partner-typescript/${VERSION}`,
    traceparent: "00-1-2-01",
    tracestate: "vendor=1",
    baggage: null,
  };
  for (const [name, value] of Object.entries(wanted)) {
    assert.deepEqual(
      seen.map((headers) => headers.get(name)),
      [value, value],
      name,
    );
  }
});
