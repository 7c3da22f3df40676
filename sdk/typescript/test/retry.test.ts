import assert from "node:assert/strict";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { test } from "node:test";
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { RegisterRequestSchema, RegisterResponseSchema } from "../src/gen/litebox/client/v1/client_service_pb.js";
import { KktService } from "../src/gen/litebox/kkt/v1/kkt_service_pb.js";
import { backoffMs, policyOf } from "../src/retry.js";
import { answer, failure, partnerOf, requestOf, serve, serveRaw, unavailable } from "./support.js";

const client = { id: "c" };

test("UNAVAILABLE is tried again with the same request_id, and the request handed in is left as it is", async (t) => {
  const ids: string[] = [];
  const register = async ({ requestId }: { requestId: string }) => {
    ids.push(requestId);
    if (ids.length < 3) throw unavailable();
    return { client };
  };
  const request = Object.freeze({ inn: "7700000070" });
  const partner = partnerOf(t, await serve(t, { clients: { register } }));
  assert.equal((await partner.clients.register(request)).client.id, "c");
  assert.equal(ids.length, 3);
  assert.match(ids[0]!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, 1);
  assert.deepEqual(request, { inn: "7700000070" });
});

test("each call draws a request_id of its own, and one that is given is kept", async (t) => {
  const ids: string[] = [];
  const cancel = async ({ requestId }: { requestId: string }) => {
    ids.push(requestId);
    return { kkt: {} };
  };
  const partner = partnerOf(t, await serve(t, { kkts: { cancel } }));
  await partner.kkts.cancel("k");
  await partner.kkts.cancel("k");
  await partner.kkts.cancel({ kktId: "k", requestId: "mine" });
  assert.notEqual(ids[0], ids[1]);
  assert.equal(ids[2], "mine");
});

test("after five attempts the error is handed over, with the request_id to go on with", async (t) => {
  let attempts = 0;
  const register = async () => {
    attempts++;
    throw unavailable();
  };
  const partner = partnerOf(t, await serve(t, { clients: { register } }));
  const call = partner.clients.register({ requestId: "mine" });
  await assert.rejects(call, { code: "UNAVAILABLE", reason: "STORAGE_UNAVAILABLE", requestId: "mine" });
  assert.equal(attempts, 5);
});

test("no other code is tried again", async (t) => {
  let attempts = 0;
  const get = async () => {
    attempts++;
    throw failure(Code.ResourceExhausted, "RATE_LIMITED", { retryAfterMs: 10 });
  };
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  await assert.rejects(partner.clients.get("c"), { reason: "RATE_LIMITED", retryAfterMs: 10 });
  assert.equal(attempts, 1);
});

test("the pause that the service asks for is kept", async (t) => {
  const times: number[] = [];
  const get = async () => {
    times.push(performance.now());
    if (times.length === 1) throw failure(Code.Unavailable, "FNS_UNAVAILABLE", { retryAfterMs: 400 });
    return { client };
  };
  await partnerOf(t, await serve(t, { clients: { get } })).clients.get("c");
  assert(times[1]! - times[0]! >= 395, `only ${times[1]! - times[0]!} ms`);
});

test("a pause that would outlast the deadline is not begun: the error comes at once", async (t) => {
  const get = () => Promise.reject(failure(Code.Unavailable, "RECOVERING", { retryAfterMs: 60_000 }));
  const partner = partnerOf(t, await serve(t, { clients: { get } }));
  const begun = performance.now();
  await assert.rejects(partner.clients.get("c"), { reason: "RECOVERING", retryAfterMs: 60_000 });
  assert(performance.now() - begun < 5_000);
});

test("a pushback that forbids retries is kept", async (t) => {
  let attempts = 0;
  const get = async () => {
    attempts++;
    const error = unavailable();
    error.metadata.set("grpc-retry-pushback-ms", "-1");
    throw error;
  };
  await assert.rejects(partnerOf(t, await serve(t, { clients: { get } })).clients.get("c"), { code: "UNAVAILABLE" });
  assert.equal(attempts, 1);
});

/** Ways to lose an answer after the request has arrived. */
const losses: Record<string, (stream: ServerHttp2Stream, sockets: ReadonlySet<Socket>) => void> = {
  "the connection is cut": (_stream, sockets) => sockets.forEach((socket) => socket.destroy()),
  "the connection is reset": (_stream, sockets) => sockets.forEach((socket) => socket.resetAndDestroy()),
  "the connection is cut after the head of the answer": (stream, sockets) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(Buffer.alloc(5), () => sockets.forEach((socket) => socket.destroy()));
  },
  "the stream is cancelled": (stream) => stream.close(constants.NGHTTP2_CANCEL),
  "the stream is refused": (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  "the stream has an internal error": (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  "the server goes away with an error": (stream) =>
    stream.session!.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR),
  "the server goes away calmly in the middle": (stream) => stream.session!.destroy(),
  "the server ends it without a status": (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end();
  },
};

for (const [name, lose] of Object.entries(losses)) {
  test(`an answer is lost: ${name}`, async (t) => {
    const ids: string[] = [];
    const address = await serveRaw(t, async (stream, nth, sockets) => {
      ids.push(fromBinary(RegisterRequestSchema, await requestOf(stream)).requestId);
      if (nth < 3) lose(stream, sockets);
      else answer(stream, toBinary(RegisterResponseSchema, create(RegisterResponseSchema, { client })));
    });
    const { client: found } = await partnerOf(t, address).clients.register({});
    assert.equal(found.id, "c");
    assert.equal(ids.length, 3);
    assert.equal(new Set(ids).size, 1);
  });
}

test("a GOAWAY lets calls under way end, and the next one goes to a new connection", async (t) => {
  const sessions = new Set<unknown>();
  const address = await serveRaw(t, async (stream) => {
    await requestOf(stream);
    sessions.add(stream.session);
    stream.session!.goaway(0);
    answer(stream, toBinary(RegisterResponseSchema, create(RegisterResponseSchema, { client })));
  });
  const partner = partnerOf(t, address);
  for (let i = 0; i < 3; i++) await partner.clients.register({});
  assert.equal(sessions.size, 3);
});

test("a call that a GOAWAY leaves out is made again elsewhere, while an older one ends where it is", async (t) => {
  const reply = toBinary(RegisterResponseSchema, create(RegisterResponseSchema, { client }));
  let older: ServerHttp2Stream;
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const address = await serveRaw(t, async (stream, nth) => {
    await requestOf(stream);
    if (nth === 1) {
      older = stream;
      arrive();
    } else if (nth === 2) {
      stream.session!.goaway(constants.NGHTTP2_NO_ERROR, older.id!);
    } else {
      assert.notEqual(stream.session, older.session);
      answer(stream, reply);
      answer(older, reply);
    }
  });
  const partner = partnerOf(t, address);
  const first = partner.clients.register({});
  await arrived;
  await Promise.all([first, partner.clients.register({})]);
});

test("nobody listens: UNAVAILABLE, with what the connection said", async (t) => {
  const partner = partnerOf(t, "127.0.0.1:1");
  await assert.rejects(partner.clients.get("c"), { code: "UNAVAILABLE", reason: undefined, message: /ECONNREFUSED/ });
});

test("the policy is the shared one, and Watch has none", () => {
  const policy = policyOf(KktService.method.quickRegister)!;
  assert.deepEqual(policy, {
    maxAttempts: 5,
    initialBackoffMs: 100,
    maxBackoffMs: 2_000,
    multiplier: 2,
    codes: ["UNAVAILABLE"],
  });
  assert.equal(policyOf(KktService.method.watch), undefined);
  for (const [attempt, full] of [100, 200, 400, 800, 1_600, 2_000, 2_000].entries()) {
    const pause = backoffMs(policy, attempt + 1);
    assert(pause >= full * 0.8 && pause <= full * 1.2, `attempt ${attempt + 1}: ${pause}`);
  }
});
