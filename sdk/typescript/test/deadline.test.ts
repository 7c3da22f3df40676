import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { PartnerError } from "../src/index.js";
import { failure, givenUp, kkt, partnerOf, serve, unavailable } from "./support.js";

/** A server whose get never answers, and what became of each call. */
function silent() {
  const ended: Promise<void>[] = [];
  const get = async (_: unknown, context: HandlerContext) => {
    ended.push(givenUp(context));
    await ended.at(-1);
    return { client: {} };
  };
  return { get, ended };
}

test("a call that is not answered ends with DEADLINE_EXCEEDED, like the service's own", async (t) => {
  const { get, ended } = silent();
  const partner = partnerOf(t, await serve(t, { clients: { get } }), { timeoutMs: 100 });
  await assert.rejects(partner.clients.get("c"), { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
  await assert.rejects(partner.clients.get("c", { timeoutMs: 50 }), { reason: "DEADLINE_EXCEEDED" });
  await Promise.all(ended);
});

test("a service that ends a call for its deadline a moment before us says CANCELLED: it is the deadline", async (t) => {
  let over = false;
  const get = async () => {
    // Its time is over, and our timer has not said so yet.
    const later = performance.now() + 60_000;
    if (over) t.mock.method(performance, "now", () => later);
    throw new ConnectError("Timeout expired", Code.Canceled);
  };
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  await assert.rejects(partner.clients.get("c"), { code: "CANCELLED", reason: undefined });
  over = true;
  await assert.rejects(partner.clients.get("c"), { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
});

test("each attempt tells the service what is left of the deadline", async (t) => {
  const left: number[] = [];
  const get = async (_: unknown, { requestHeader }: HandlerContext) => {
    left.push(Number.parseInt(requestHeader.get("grpc-timeout")!));
    if (left.length < 3) throw unavailable();
    return { client: {} };
  };
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  await partner.clients.get("c", { timeoutMs: 9_000.5 });
  assert(left[0]! <= 9_001 && left[0]! > left[1]! && left[1]! > left[2]!, `${left}`);
  left.length = 2;
  await partner.clients.get("c");
  assert(left[2]! <= 20_000 && left[2]! > 19_000, `${left}`);
});

test("the caller's signal stops a call, also on the server", async (t) => {
  const { get, ended } = silent();
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  const controller = new AbortController();
  const call = partner.clients.get("c", { signal: controller.signal });
  setImmediate(() => controller.abort(new Error("changed my mind")));
  const error = await call.catch((e: unknown) => e);
  assert(error instanceof PartnerError);
  assert.equal(error.code, "CANCELLED");
  assert.equal((error.cause as Error).message, "changed my mind");
  await Promise.all(ended);
});

test("a signal that is aborted before stops the call before it is sent", async (t) => {
  let calls = 0;
  const get = async () => ({ client: { id: String(++calls) } });
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  await assert.rejects(partner.clients.get("c", { signal: AbortSignal.abort() }), { code: "CANCELLED" });
  assert.equal(calls, 0);
});

test("many calls may share a signal, and leave nothing at it", async (t) => {
  const watch = async function* () {
    yield { event: { case: "kkt" as const, value: kkt(1) } };
  };
  const partner = partnerOf(t, await serve(t, { clients: { list: async () => ({}) }, kkts: { watch } }));
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 20 }, () => partner.clients.listPage({}, { signal })));
  for await (const _ of partner.kkts.watch([], { signal })) break;
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("a timeout by the caller's signal is a deadline too", async (t) => {
  const { get } = silent();
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  const call = partner.clients.get("c", { signal: AbortSignal.timeout(50) });
  await assert.rejects(call, { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
});

test("a signal ends the pause before the next attempt", async (t) => {
  const controller = new AbortController();
  const get = async () => {
    setTimeout(() => controller.abort(), 20);
    const error = unavailable();
    error.metadata.set("grpc-retry-pushback-ms", "15000");
    throw error;
  };
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  const begun = performance.now();
  await assert.rejects(partner.clients.get("c", { signal: controller.signal }), { code: "CANCELLED" });
  assert(performance.now() - begun < 5_000);
});

test("close ends calls under way", async (t) => {
  const { get, ended } = silent();
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  const call = partner.clients.get("c");
  setImmediate(() => partner[Symbol.asyncDispose]());
  const begun = performance.now();
  await assert.rejects(call, { code: "CANCELLED", message: /closed/ });
  await Promise.all(ended);
  assert(performance.now() - begun < 5_000);
});

test("close ends the pause before the next attempt", async (t) => {
  const get = () => Promise.reject(failure(Code.Unavailable, "FNS_UNAVAILABLE", { retryAfterMs: 15_000 }));
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  // The length of a pause is drawn right before it begins.
  t.mock.method(Math, "random", () => (setImmediate(() => partner.close()), 0.5));
  const begun = performance.now();
  await assert.rejects(partner.clients.get("c"), { code: "CANCELLED", message: /closed/ });
  assert(performance.now() - begun < 5_000);
});

test("a timeout that is none is refused", async (t) => {
  const partner = partnerOf(t, "127.0.0.1:1");
  for (const timeoutMs of [0, -1, Number.NaN]) {
    await assert.rejects(partner.clients.get("c", { timeoutMs }), { code: "INVALID_ARGUMENT" });
  }
});
