import assert from "node:assert/strict";
import * as http2 from "node:http2";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { KktService, WatchResponseSchema } from "../src/gen/litebox/kkt/v1/kkt_service_pb.js";
import { failure, kkt, listen, partnerOf, serve } from "./support.js";

test("a closed Partner sends nothing", async (t) => {
  let calls = 0;
  const get = async () => ({ client: { id: String(++calls) } });
  const list = async () => ({ kkts: [{ id: String(++calls) }] });
  const watch = async function* () {
    calls++;
  };
  const partner = partnerOf(t, await serve(t, { clients: { get }, kkts: { list, watch } }));
  await partner.clients.get("c");
  partner.close();
  const rest = async (entries: AsyncIterable<unknown>) => {
    for await (const _ of entries);
  };
  const { clients, kkts } = partner;
  for (const call of [() => clients.get("c"), () => rest(kkts.list()), () => rest(kkts.watch())]) {
    await assert.rejects(call(), { code: "CANCELLED", message: /closed/ });
  }
  assert.equal(calls, 1);
});

test("what close finds in a pause is not tried again", async (t) => {
  let attempts = 0;
  const get = () => {
    attempts++;
    return Promise.reject(failure(Code.Unavailable, "FNS_UNAVAILABLE"));
  };
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  // The length of a pause is drawn right before it begins.
  t.mock.method(Math, "random", () => (setImmediate(() => partner.close()), 0.5));
  await assert.rejects(partner.clients.get("c"), { code: "CANCELLED", message: /closed/ });
  assert.equal(attempts, 1);
});

test("close ends the pause before the next stream", async (t) => {
  const watch = async function* () {
    throw failure(Code.Unavailable, "FNS_UNAVAILABLE", { retryAfterMs: 15_000 });
  };
  const partner = partnerOf(t, await serve(t, { kkts: { watch } }));
  // The length of a pause is drawn right before it begins.
  t.mock.method(Math, "random", () => (setImmediate(() => partner.close()), 0.5));
  const begun = performance.now();
  const reading = async () => {
    for await (const _ of partner.kkts.watch());
  };
  await assert.rejects(reading(), { code: "CANCELLED", message: /closed/ });
  assert(performance.now() - begun < 10_000);
});

test("close ends both connections", { timeout: 20_000 }, async (t) => {
  const watch = async function* () {
    yield create(WatchResponseSchema, { event: { case: "kkt", value: kkt(1) }, resumeToken: "t" });
  };
  const routes = connectNodeAdapter({
    routes: (it) => it.service(KktService, { get: async () => ({ kkt: {} }), watch }),
  });
  const server = http2.createServer(routes);
  const ended: Promise<unknown>[] = [];
  server.on("session", (session) => ended.push(new Promise((resolve) => session.on("close", resolve))));
  const partner = partnerOf(t, await listen(t, server));
  await partner.kkts.get("k");
  for await (const _ of partner.kkts.watch()) break;
  assert.equal(ended.length, 2);
  partner.close();
  await Promise.all(ended);
});
