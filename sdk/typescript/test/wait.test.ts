import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { KktState, RegistrationEndedError, WaitingFor, type WaitOptions } from "../src/index.js";
import type { KktSchema } from "../src/kkt_v1.js";
import { failure, givenUp, kkt, partnerOf, serve, unavailable } from "./support.js";

type Init = MessageInitShape<typeof KktSchema>;
const registered = { state: KktState.REGISTERED, card: { number: "7701000001" } };
const blocked = (reason: string): Init => ({
  blocked: { reason, advice: "Вставьте ленту.", waitingFor: WaitingFor.DEVICE },
});

/** Waits for a registration that stands as the first says, and then changes; each is one revision. */
async function waitFor(t: TestContext, changes: (Init | Error)[], options?: WaitOptions) {
  const all = changes.map((init, i) => (init instanceof Error ? init : kkt(i + 1, init)));
  let watches = 0;
  const watch = async function* (_: unknown, context: HandlerContext) {
    watches++;
    while (all.length > 0) {
      const next = all.shift()!;
      if (next instanceof Error) throw next;
      yield { event: { case: "kkt" as const, value: next }, resumeToken: "t" };
    }
    await givenUp(context);
  };
  // Watch begins with what Get has told, as the service does.
  const get = async () => ({ kkt: all[0] as Exclude<(typeof all)[0], Error> });
  const partner = partnerOf(t, await serve(t, { kkts: { get, watch } }));
  return { waiting: partner.kkts.waitUntilRegistered("kkt-1", options), watches: () => watches };
}

test("it follows a registration to its card, and tells each change once", async (t) => {
  const states: KktState[] = [];
  const changes = [{}, { state: KktState.FISCALIZING }, unavailable(), { state: KktState.REPORTING }, registered];
  const { waiting, watches } = await waitFor(t, changes, { onChange: ({ state }) => states.push(state) });
  assert.equal((await waiting).card?.number, "7701000001");
  const { AWAITING_RNM, FISCALIZING, REPORTING, REGISTERED } = KktState;
  assert.deepEqual(states, [AWAITING_RNM, FISCALIZING, REPORTING, REGISTERED]);
  assert.equal(watches(), 2);
});

test("a service that it has seen is waited for longer than the time of a call", async (t) => {
  let begun = 0;
  const watch = async function* () {
    if (performance.now() - begun < 2_500) throw unavailable();
    yield { event: { case: "kkt" as const, value: kkt(2, registered) }, resumeToken: "t" };
  };
  const address = await serve(t, { kkts: { get: async () => ({ kkt: kkt(1) }), watch } });
  const partner = partnerOf(t, address, { timeoutMs: 1_000 });
  await partner.kkts.get("kkt-1", { timeoutMs: 20_000 }); // connected by now, however busy the machine is
  begun = performance.now();
  const seen = await partner.kkts.waitUntilRegistered("kkt-1");
  assert.equal(seen.state, KktState.REGISTERED);
});

test("what has ended already answers at once, without a stream", async (t) => {
  const { waiting, watches } = await waitFor(t, [registered]);
  assert.equal((await waiting).state, KktState.REGISTERED);
  assert.equal(watches(), 0);
});

test("REJECTED and CANCELLED are errors with the registration", async (t) => {
  const rejection = { reason: "KKT_SERIAL_UNKNOWN", advice: "Проверьте заводской номер." };
  const refused = await waitFor(t, [{}, { state: KktState.REJECTED, rejection }]);
  const error = await refused.waiting.catch((e: unknown) => e);
  assert(error instanceof RegistrationEndedError);
  assert.equal(error.state, "REJECTED");
  assert.equal(error.kkt.rejection?.reason, "KKT_SERIAL_UNKNOWN");
  assert.equal(error.localizedMessage, "Проверьте заводской номер.");
  assert.match(error.message, /REJECTED: KKT_SERIAL_UNKNOWN/);
  const cancelled = await waitFor(t, [{ state: KktState.CANCELLED }]);
  await assert.rejects(cancelled.waiting, { name: "RegistrationEndedError", state: "CANCELLED" });
});

test("what blocks is handed over when it comes and when it changes", async (t) => {
  const seen: string[] = [];
  const changes = [blocked("A"), blocked("A"), blocked("B"), {}, blocked("B"), registered];
  const onBlocked: WaitOptions["onBlocked"] = ({ reason, advice }, { revision }) => {
    seen.push(`${reason} ${revision}`);
    assert.equal(advice, "Вставьте ленту.");
  };
  await (
    await waitFor(t, changes, { onBlocked })
  ).waiting;
  assert.deepEqual(seen, ["A 1", "B 3", "B 5"]);
});

test("who has to act is told when that changes", async (t) => {
  const waitingFor = (whom: WaitingFor) => ({ blocked: { reason: "REPORT_FAILED", waitingFor: whom } });
  const seen: WaitingFor[] = [];
  const changes = [waitingFor(WaitingFor.DEVICE), waitingFor(WaitingFor.PARTNER), registered];
  await (
    await waitFor(t, changes, { onBlocked: (blocked) => seen.push(blocked.waitingFor) })
  ).waiting;
  assert.deepEqual(seen, [WaitingFor.DEVICE, WaitingFor.PARTNER]);
});

test("a callback is waited for, and what it throws ends the waiting", async (t) => {
  const order: string[] = [];
  const onChange = async ({ revision }: { revision: bigint }) => {
    order.push(`begins ${revision}`);
    await new Promise(setImmediate);
    order.push(`ends ${revision}`);
    if (revision === 2n) throw new Error("enough");
  };
  await assert.rejects((await waitFor(t, [{}, {}, registered], { onChange })).waiting, { message: "enough" });
  assert.deepEqual(order, ["begins 1", "ends 1", "begins 2", "ends 2"]);
});

test("it ends with DEADLINE_EXCEEDED after its timeout, and with CANCELLED by its signal", async (t) => {
  await assert.rejects((await waitFor(t, [{}], { timeoutMs: 100 })).waiting, { reason: "DEADLINE_EXCEEDED" });
  const controller = new AbortController();
  const { waiting } = await waitFor(t, [{}, {}], {
    signal: controller.signal,
    onChange: ({ revision }) => revision === 2n && controller.abort(),
  });
  await assert.rejects(waiting, { code: "CANCELLED" });
});

test("a registration that is not there is told at once", async (t) => {
  const get = () => Promise.reject(failure(Code.NotFound, "RESOURCE_NOT_FOUND"));
  const partner = partnerOf(t, await serve(t, { kkts: { get } }));
  await assert.rejects(partner.kkts.waitUntilRegistered("kkt-1"), { reason: "RESOURCE_NOT_FOUND" });
});
