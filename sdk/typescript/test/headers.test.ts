import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { propagation, type TextMapPropagator } from "@opentelemetry/api";
import { FileToken } from "../src/credentials.js";
import { VERSION } from "../src/index.js";
import { failure, folder, partnerOf, serve } from "./support.js";

/** A server that lets in who has one of these tokens, and remembers what was shown. */
async function guarded(t: Parameters<typeof serve>[0], good: Set<string>) {
  const shown: (string | null)[] = [];
  const get = async (_: unknown, { requestHeader }: HandlerContext) => {
    shown.push(requestHeader.get("authorization"));
    if (!good.has(shown.at(-1) ?? "")) throw failure(Code.Unauthenticated, "CREDENTIALS_INVALID");
    return { client: {} };
  };
  return { address: await serve(t, { clients: { get } }), shown };
}

test("each call says who calls, for whom, and with what", async (t) => {
  let headers = new Headers();
  const get = async (_: unknown, { requestHeader }: HandlerContext) => {
    headers = requestHeader;
    return { client: {} };
  };
  const address = await serve(t, { clients: { get } });
  await partnerOf(t, address, { token: " abc\n", partnerId: "p-1" }).clients.get("c");
  assert.equal(headers.get("user-agent"), `litebox-partner-typescript/${VERSION}`);
  assert.equal(headers.get("authorization"), "Bearer abc");
  assert.equal(headers.get("x-litebox-partner-id"), "p-1");
  await partnerOf(t, address).clients.get("c");
  assert.equal(headers.get("authorization"), null);
  assert.equal(headers.get("x-litebox-partner-id"), null);
});

test("the trace context of OpenTelemetry goes along", async (t) => {
  let headers = new Headers();
  const get = async (_: unknown, { requestHeader }: HandlerContext) => {
    headers = requestHeader;
    return { client: {} };
  };
  const propagator: TextMapPropagator = {
    inject: (_context, carrier, setter) => setter.set(carrier, "traceparent", "00-1-2-01"),
    extract: (context) => context,
    fields: () => ["traceparent"],
  };
  propagation.setGlobalPropagator(propagator);
  t.after(() => propagation.disable());
  await partnerOf(t, await serve(t, { clients: { get } })).clients.get("c");
  assert.equal(headers.get("traceparent"), "00-1-2-01");
});

test("a refused token is read again from its file, and the call is made once more", async (t) => {
  const file = join(folder(t), "token");
  const good = new Set(["Bearer old"]);
  const { address, shown } = await guarded(t, good);
  writeFileSync(file, "old");
  const partner = partnerOf(t, address, { tokenFile: file });
  await partner.clients.get("c");
  writeFileSync(file, "new\n");
  good.delete("Bearer old");
  good.add("Bearer new");
  await partner.clients.get("c");
  assert.deepEqual(shown, ["Bearer old", "Bearer old", "Bearer new"]);
});

test("a refused token that is still the same is not shown again, and another one only once", async (t) => {
  const file = join(folder(t), "token");
  const { address, shown } = await guarded(t, new Set());
  writeFileSync(file, "bad");
  const partner = partnerOf(t, address, { tokenFile: file });
  await assert.rejects(partner.clients.get("c"), { reason: "CREDENTIALS_INVALID" });
  assert.equal(shown.length, 1);
  writeFileSync(file, "worse");
  await assert.rejects(partner.clients.get("c"), { reason: "CREDENTIALS_INVALID" });
  assert.deepEqual(shown.slice(1), ["Bearer bad", "Bearer worse"]);
});

test("a token given as text is shown once", async (t) => {
  const { address, shown } = await guarded(t, new Set());
  await assert.rejects(partnerOf(t, address, { token: "bad" }).clients.get("c"), { code: "UNAUTHENTICATED" });
  assert.equal(shown.length, 1);
});

test("a token file is read again within ten seconds, and its token outlives the file", async (t) => {
  const file = join(folder(t), "token");
  let now = 0;
  writeFileSync(file, "first");
  const token = new FileToken(file, () => now);
  assert.equal(await token.current(), "first");
  writeFileSync(file, "second");
  now += 1_000;
  assert.equal(await token.current(), "first");
  now += 9_000;
  assert.equal(await token.current(), "second");
  writeFileSync(file, "");
  now += 10_000;
  assert.equal(await token.current(), "second");
});
