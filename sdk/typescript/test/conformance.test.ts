// The runner of the conformance cases: what it must not take for success.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wait, watch, type WaitStep, type WatchStep } from "../conformance/follow.js";
import { failing } from "../conformance/errors.js";
import { KktState, PartnerError, RegistrationEndedError, type Kkt, type Partner } from "../src/index.js";
import { kkt } from "./support.js";

const nothing = async () => {};
const until = { state: "KKT_STATE_REGISTERED" };
const registered = kkt(2, { state: KktState.REGISTERED });

/** What the runner says to a Watch that tells these changes and ends by itself. */
function watched(changes: Kkt[], expect: WatchStep["expect"]) {
  const stream = async function* () {
    yield* changes;
  };
  const partner = { kkts: { watch: () => Object.assign(stream(), { resumeToken: "t" }) } };
  return watch(partner as unknown as Partner, { watch: {}, until, ...(expect && { expect }) }, nothing);
}

/** What it says to a wait that ends like this. */
function waited(end: () => Promise<Kkt>, expect: WaitStep["expect"]) {
  const partner = { kkts: { waitUntilRegistered: end } };
  return wait(partner as unknown as Partner, { wait: "kkt-1", ...(expect && { expect }) }, nothing);
}

test("a Watch that ends without a change that fits has failed", async () => {
  await assert.doesNotReject(watched([kkt(1), registered], { token: true }));
  await assert.rejects(watched([kkt(1)], { revisions_grow: true, token: true }), /ended by itself/);
  await assert.rejects(watched([kkt(1)], { error: { code: "NOT_FOUND" } }), /ended by itself/);
});

test("a Watch that should fail does not end with a change that fits", async () => {
  await assert.rejects(watched([registered], { error: { code: "NOT_FOUND" } }), /it went well/);
});

test("each end of a wait fits its own expectation and no other", async () => {
  const ends: Record<string, () => Promise<Kkt>> = {
    state: async () => registered,
    ended: () => Promise.reject(new RegistrationEndedError("REJECTED", kkt(2, { state: KktState.REJECTED }))),
    error: () => Promise.reject(new PartnerError({ code: "DEADLINE_EXCEEDED", message: "late" })),
  };
  const wanted: Record<string, WaitStep["expect"]> = {
    state: { state: "KKT_STATE_REGISTERED" },
    ended: { ended: "KKT_STATE_REJECTED" },
    error: { error: { code: "DEADLINE_EXCEEDED" } },
    stopped: { stopped: true },
    nothing: {},
  };
  for (const [name, expect] of Object.entries(wanted)) {
    for (const [end, come] of Object.entries(ends)) {
      const passes = await waited(come, expect).then(
        () => true,
        () => false,
      );
      assert.equal(passes, name === end, `${name} of a wait that ended with ${end}`);
    }
  }
});

test("an error has the request_id that was sent, or one that was drawn", async () => {
  const drawn = crypto.randomUUID();
  const of = (requestId: string) => () =>
    Promise.reject(new PartnerError({ code: "NOT_FOUND", message: "no", requestId }));
  const wanted = { request_id: true };
  await assert.doesNotReject(failing(wanted, of(drawn)));
  await assert.doesNotReject(failing(wanted, of("mine"), "mine"));
  await assert.rejects(failing(wanted, of("mine")));
  await assert.rejects(failing(wanted, of(drawn), "mine"));
});
