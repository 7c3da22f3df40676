// The steps that follow a registration: wait and watch.
import { toJson } from "@bufbuild/protobuf";
import { KktSchema, KktState, type Kkt } from "../src/kkt_v1.js";
import { RegistrationEndedError, type Partner } from "../src/index.js";
import { failing, type ExpectedError } from "./errors.js";
import type { Step } from "./steps.js";
import { demand, difference, type Json, type JsonObject } from "./values.js";

/** Runs steps of another step, once. */
export type Steps = (steps: Step[] | undefined) => Promise<void>;

export interface WaitStep {
  wait: string;
  timeout_ms?: number;
  during?: Step[];
  when_blocked?: Step[];
  stop_when_blocked?: boolean;
  expect?: {
    state?: string;
    blocked_seen?: string[];
    stopped?: boolean;
    ended?: string;
    kkt?: JsonObject;
    error?: ExpectedError;
  };
}

export interface WatchStep {
  watch: { kktIds?: string[]; resumeToken?: string };
  until: JsonObject;
  timeout_ms?: number;
  during?: Step[];
  expect?: { revisions_grow?: boolean; token?: boolean; error?: ExpectedError };
}

const json = (kkt: Kkt) => toJson(KktSchema, kkt) as JsonObject;

class Stop extends Error {}

export async function wait(partner: Partner, step: WaitStep, run: Steps): Promise<void> {
  const seen = new Set<string>();
  let changes = 0;
  const waiting = () =>
    partner.kkts.waitUntilRegistered(step.wait, {
      timeoutMs: step.timeout_ms,
      onChange: () => (changes++ === 0 ? run(step.during) : undefined),
      onBlocked: async ({ reason }) => {
        if (seen.size === 0) await run(step.when_blocked);
        seen.add(reason);
        if (step.stop_when_blocked) throw new Stop("enough");
      },
    });
  const expect = step.expect ?? {};
  if (expect.error) await failing(expect.error, waiting);
  else checkEnd(expect, await waiting().catch((error: unknown) => error));
  const missing = (expect.blocked_seen ?? []).filter((reason) => !seen.has(reason));
  demand(missing.length === 0, `on_blocked was not called for ${missing}; it was for ${[...seen]}`);
}

function checkEnd(expect: NonNullable<WaitStep["expect"]>, end: unknown): void {
  if (expect.ended) {
    if (!(end instanceof RegistrationEndedError)) throw other(end);
    const told = difference({ ...expect.kkt, state: expect.ended }, json(end.kkt));
    demand(told === "" && expect.ended === `KKT_STATE_${end.state}`, told);
  } else if (expect.stopped) {
    if (!(end instanceof Stop)) throw other(end);
  } else {
    if (end instanceof Error) throw end;
    const state = `KKT_STATE_${KktState[(end as Kkt).state]}`;
    demand(state === expect.state, `the wait ended in ${state}`);
  }
}

/** What is no error says nothing when it is thrown. */
const other = (end: unknown) =>
  end instanceof Error ? end : new Error(`the wait ended with ${json(end as Kkt)["state"]}`);

/** Reads changes until one fits; what can be saved. */
export async function watch(partner: Partner, step: WatchStep, run: Steps): Promise<Json> {
  const { kktIds, resumeToken } = step.watch;
  const signal = AbortSignal.timeout(step.timeout_ms ?? 20_000);
  const changes = partner.kkts.watch(kktIds, { resumeToken, signal });
  const revisions: bigint[] = [];
  let fitting: Json = null;
  const reading = async () => {
    for await (const kkt of changes) {
      revisions.push(kkt.revision);
      if (difference(step.until, json(kkt)) === "") {
        fitting = json(kkt);
        return;
      }
      if (revisions.length === 1) await run(step.during);
    }
    throw new Error("the Watch has ended by itself");
  };
  if (step.expect?.error) return failing(step.expect.error, reading);
  await reading();
  const grow = revisions.every((revision, i) => i === 0 || revision >= revisions[i - 1]!);
  demand(!step.expect?.revisions_grow || grow, `the revisions were ${revisions}`);
  demand(!step.expect?.token || changes.resumeToken !== "", "there is no resume token");
  return { kkt: fitting, resumeToken: changes.resumeToken };
}
