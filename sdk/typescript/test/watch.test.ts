import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  WatchResponseSchema,
  type WatchRequest,
  type WatchResponse,
} from "../src/gen/litebox/kkt/v1/kkt_service_pb.js";
import type { Watch } from "../src/index.js";
import { BadRequestSchema } from "../src/rpc/google/rpc/error_details_pb.js";
import { failure, folder, givenUp, kkt, partnerOf, serve, unavailable } from "./support.js";

const change = (revision: number, resumeToken: string, id = "kkt-1") =>
  create(WatchResponseSchema, { event: { case: "kkt", value: kkt(revision, { id }) }, resumeToken });
const heartbeat = (resumeToken: string) =>
  create(WatchResponseSchema, { event: { case: "heartbeat", value: {} }, resumeToken });
const end = (resumeToken: string) => create(WatchResponseSchema, { event: { case: "end", value: {} }, resumeToken });

/** What one stream of a script brings: messages, then a failure, or being read until its reader leaves. */
type Script = { messages: WatchResponse[]; fails?: unknown; stays?: boolean };

/** A server that plays one script a stream; what each was asked. */
async function play(t: TestContext, ...scripts: Script[]) {
  const asked: { kktIds: string[]; resumeToken: string; at: number }[] = [];
  const left: Promise<void>[] = [];
  const watch = async function* ({ kktIds, resumeToken }: WatchRequest, context: HandlerContext) {
    asked.push({ kktIds, resumeToken, at: performance.now() });
    const script = scripts[asked.length - 1];
    if (!script) throw new ConnectError("the script is over", Code.DataLoss);
    yield* script.messages;
    if (script.fails) throw script.fails;
    if (script.stays) await (left.push(givenUp(context)), left.at(-1));
  };
  const address = await serve(t, { kkts: { watch } });
  return { asked, left, address, tokens: () => asked.map(({ resumeToken }) => resumeToken) };
}

/** The revisions that a watch hands over until its script is over. */
async function revisions(watch: Watch): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const { id, revision } of watch) seen.push(`${id}:${revision}`);
  } catch (error) {
    assert.equal((error as { code: string }).code, "DATA_LOSS");
  }
  return seen;
}

test("after an end, a failure and a silent close it goes on with the last token", async (t) => {
  const script = await play(
    t,
    { messages: [change(1, "t1"), heartbeat("t2"), end("t3")] },
    { messages: [change(2, "t4")], fails: unavailable() },
    { messages: [change(4, "t6")] },
    { messages: [change(5, "t8")] },
  );
  const watch = partnerOf(t, script.address).kkts.watch(["kkt-1"], { resumeToken: "mine" });
  assert.deepEqual(await revisions(watch), ["kkt-1:1", "kkt-1:2", "kkt-1:4", "kkt-1:5"]);
  assert.deepEqual(script.tokens(), ["mine", "t3", "t4", "t6", "t8"]);
  assert.deepEqual(new Set(script.asked.map(({ kktIds }) => String(kktIds))), new Set(["kkt-1"]));
  assert.equal(watch.resumeToken, "t8");
});

test("changes are told as they come: repeats as well, and what is lower after a restored backup", async (t) => {
  const script = await play(t, { messages: [change(5, "t1"), change(5, "t2"), change(3, "t3")] });
  assert.deepEqual(await revisions(partnerOf(t, script.address).kkts.watch()), ["kkt-1:5", "kkt-1:5", "kkt-1:3"]);
});

test("a stream that is silent is left, and the next goes on with its token", async (t) => {
  const script = await play(t, { messages: [change(1, "t1")], stays: true }, { messages: [change(2, "t2")] });
  const watch = partnerOf(t, script.address, { watchSilenceMs: 100 }).kkts.watch();
  assert.deepEqual(await revisions(watch), ["kkt-1:1", "kkt-1:2"]);
  assert.deepEqual(script.tokens().slice(0, 2), ["", "t1"]);
  await script.left[0];
});

test("the time that the caller takes for a change is no silence", async (t) => {
  let streams = 0;
  let dealtWith = () => {};
  const watch = async function* () {
    streams++;
    for (const revision of [1, 2, 3]) {
      const next = new Promise<void>((resolve) => (dealtWith = resolve));
      yield change(revision, `t${revision}`);
      await next;
    }
  };
  const partner = partnerOf(t, await serve(t, { kkts: { watch } }), { watchSilenceMs: 200 });
  for await (const { revision } of partner.kkts.watch()) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    dealtWith();
    if (revision === 3n) break;
  }
  assert.equal(streams, 1);
});

test("the first message of a stream and the later ones have times of their own", async (t) => {
  let streams = 0;
  const watch = async function* () {
    streams++;
    yield change(1, "t1");
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    yield change(2, "t2");
  };
  const partner = partnerOf(t, await serve(t, { kkts: { watch } }), { timeoutMs: 1_500 });
  for await (const { revision } of partner.kkts.watch()) if (revision === 2n) break;
  assert.equal(streams, 1);
});

test("a watch that is never answered ends after the timeout of a call", async (t) => {
  const script = await play(t, { messages: [], stays: true });
  const reading = async () => {
    for await (const _ of partnerOf(t, script.address, { timeoutMs: 2_000 }).kkts.watch());
  };
  await assert.rejects(reading(), { code: "UNAVAILABLE", message: /silent/ });
  assert.equal(script.asked.length, 1);
});

test("ends of time and of the way are gone on after", async (t) => {
  const ways = [Code.DeadlineExceeded, Code.Canceled, Code.Internal, Code.Unknown];
  const failing = ways.map((code) => ({ messages: [], fails: new ConnectError("on the way", code) }));
  const script = await play(t, { messages: [change(1, "t1")] }, ...failing, { messages: [change(2, "t2")] });
  assert.deepEqual(await revisions(partnerOf(t, script.address).kkts.watch()), ["kkt-1:1", "kkt-1:2"]);
});

test("the token of a change is there when it is handed over", async (t) => {
  const script = await play(t, { messages: [change(1, "t1"), change(2, "t2")] });
  const watch = partnerOf(t, script.address).kkts.watch();
  assert.equal(watch.resumeToken, "");
  for await (const { revision } of watch) {
    assert.equal(watch.resumeToken, `t${revision}`);
    if (revision === 2n) break;
  }
});

test("leaving the loop ends the stream on the server", async (t) => {
  const script = await play(t, { messages: [change(1, "t1"), change(2, "t2")], stays: true });
  for await (const _ of partnerOf(t, script.address).kkts.watch()) break;
  await script.left[0];
});

test("a signal ends it with CANCELLED, on the server too", async (t) => {
  const script = await play(t, { messages: [change(1, "t1")], stays: true });
  const controller = new AbortController();
  const reading = async () => {
    for await (const _ of partnerOf(t, script.address).kkts.watch([], { signal: controller.signal }))
      controller.abort();
  };
  await assert.rejects(reading(), { code: "CANCELLED" });
  await Promise.all(script.left);
});

test("closing the Partner ends it with CANCELLED", async (t) => {
  const script = await play(t, { messages: [change(1, "t1")], stays: true });
  const partner = partnerOf(t, script.address);
  const reading = async () => {
    for await (const _ of partner.kkts.watch()) partner.close();
  };
  await assert.rejects(reading(), { code: "CANCELLED" });
});

test("streams that take all the room of a connection keep no call waiting", async (t) => {
  const watch = async function* (_: unknown, context: HandlerContext) {
    yield change(1, "t1");
    await givenUp(context);
  };
  const get = async () => ({ kkt: {} });
  const address = await serve(t, { kkts: { get, watch } }, { settings: { maxConcurrentStreams: 1 } });
  const partner = partnerOf(t, address);
  for await (const _ of partner.kkts.watch()) {
    await partner.kkts.get("kkt-1", { timeoutMs: 5_000 });
    break;
  }
});

test("what waiting does not help ends it", async (t) => {
  for (const [code, reason] of [
    [Code.PermissionDenied, "SCOPE_MISSING"],
    [Code.Internal, "INTERNAL"],
  ] as const) {
    const script = await play(t, { messages: [change(1, "t1")], fails: failure(code, reason) });
    const reading = async () => {
      for await (const _ of partnerOf(t, script.address).kkts.watch());
    };
    await assert.rejects(reading(), { reason });
    assert.equal(script.asked.length, 1);
  }
});

test("a stream whose token is refused is opened again with the one that its file has now", async (t) => {
  const file = join(folder(t), "token");
  writeFileSync(file, "old");
  const shown: (string | null)[] = [];
  const watch = async function* (_: unknown, { requestHeader }: HandlerContext) {
    shown.push(requestHeader.get("authorization"));
    writeFileSync(file, "new");
    if (shown.length === 1) throw failure(Code.Unauthenticated, "CREDENTIALS_INVALID");
    yield change(1, "t1");
  };
  for await (const _ of partnerOf(t, await serve(t, { kkts: { watch } }), { tokenFile: file }).kkts.watch()) break;
  assert.deepEqual(shown, ["Bearer old", "Bearer new"]);
});

test("a service that asks to come back later is asked then", async (t) => {
  const script = await play(
    t,
    {
      messages: [change(1, "t1")],
      fails: failure(Code.ResourceExhausted, "SERVER_OVERLOADED", { retryAfterMs: 1_500 }),
    },
    { messages: [change(2, "t2")] },
  );
  assert.deepEqual(await revisions(partnerOf(t, script.address).kkts.watch()), ["kkt-1:1", "kkt-1:2"]);
  assert(script.asked[1]!.at - script.asked[0]!.at >= 1_495);
});

test("a service that only ever ends its streams is not asked in a loop", async (t) => {
  const empty = { messages: [end("t1")] };
  const script = await play(t, empty, empty, empty, { messages: [change(1, "t2")] });
  assert.deepEqual(await revisions(partnerOf(t, script.address).kkts.watch()), ["kkt-1:1"]);
  const pauses = script.asked.slice(1).map(({ at }, i) => at - script.asked[i]!.at);
  assert(pauses[1]! >= 155 && pauses[2]! >= 315, `${pauses}`);
});

test("a service that was never reached is given up after the timeout of a call", async (t) => {
  const reading = async () => {
    for await (const _ of partnerOf(t, "127.0.0.1:1", { timeoutMs: 500 }).kkts.watch());
  };
  const begun = performance.now();
  await assert.rejects(reading(), { code: "UNAVAILABLE" });
  assert(performance.now() - begun >= 500);
});

const unknownToken = () => {
  const error = failure(Code.InvalidArgument, "VALIDATION_FAILED");
  const value = { fieldViolations: [{ field: "resume_token", description: "is unknown" }] };
  error.details.push({ desc: BadRequestSchema, value });
  return error;
};

test("where registrations are named, a token that is not known any more is done without", async (t) => {
  const first = { messages: [change(1, "t1")] };
  const script = await play(t, first, { messages: [], fails: unknownToken() }, { messages: [change(3, "t3")] });
  assert.deepEqual(await revisions(partnerOf(t, script.address).kkts.watch(["kkt-1"])), ["kkt-1:1", "kkt-1:3"]);
  assert.deepEqual(script.tokens(), ["", "t1", "", "t3"]);
});

test("a token of the caller's own that is not known is told, and so is one of a watch of everything", async (t) => {
  const own = await play(t, { messages: [], fails: unknownToken() });
  const reading = async (watch: Watch) => {
    for await (const _ of watch);
  };
  const mine = partnerOf(t, own.address).kkts.watch(["kkt-1"], { resumeToken: "mine" });
  await assert.rejects(reading(mine), { reason: "VALIDATION_FAILED" });
  const all = await play(t, { messages: [change(1, "t1")] }, { messages: [], fails: unknownToken() });
  await assert.rejects(reading(partnerOf(t, all.address).kkts.watch()), { reason: "VALIDATION_FAILED" });
});
