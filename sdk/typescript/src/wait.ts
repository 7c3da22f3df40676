import type { Caller } from "./caller.js";
import { RegistrationEndedError } from "./errors.js";
import { explain } from "./explain.js";
import { KktState, type Blocked, type Kkt } from "./gen/litebox/kkt/v1/kkt_pb.js";
import type { Kkts } from "./kkts.js";
import { checkedTimeout, linked, LONGEST_TIMER_MS } from "./timing.js";
import { Watch } from "./watch.js";

/** A callback may be async, and is waited for. What it throws ends the waiting, and is what the waiting fails with. */
export interface WaitOptions {
  /** Called with the registration as it stands at first, and after each change. */
  onChange?: ((kkt: Kkt) => unknown) | undefined;
  /**
   * Called when something comes to hold the registration up, and when its reason or who has to act changes: `advice` says
   * what to do, in Russian.
   */
  onBlocked?: ((blocked: Blocked, kkt: Kkt) => unknown) | undefined;
  /** How long to wait; without it for as long as it takes, which may be days. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Begins with Get, so that what has ended already answers at once; Watch then begins with how it stands: no gap. */
export async function waitUntilRegistered(
  kkts: Kkts,
  caller: Caller,
  kktId: string,
  options: WaitOptions = {},
): Promise<Kkt> {
  const limit = linked(options.signal);
  const { timeoutMs } = options;
  const late = () => limit.controller.abort(new DOMException(`not registered after ${timeoutMs} ms`, "TimeoutError"));
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(late, Math.min(checkedTimeout(timeoutMs), LONGEST_TIMER_MS));
  try {
    return await follow(kkts, caller, kktId, options, limit.signal);
  } finally {
    clearTimeout(timer);
    limit.release();
    limit.controller.abort();
  }
}

async function follow(
  kkts: Kkts,
  caller: Caller,
  kktId: string,
  options: WaitOptions,
  signal: AbortSignal,
): Promise<Kkt> {
  const tell = teller(options);
  const first = await kkts.get(kktId, { signal });
  if (await tell(first)) return first;
  let seen = first.revision;
  // Get has reached the service, so that the watch need not prove that it can.
  for await (const kkt of new Watch(caller, [kktId], { signal }, true)) {
    if (kkt.revision === seen) continue; // the same one was told twice; it is lower after a restored backup
    seen = kkt.revision;
    if (await tell(kkt)) return kkt;
  }
  throw explain(new Error("the watch has ended by itself"), { signal });
}

/** Tells the callbacks how it stands now; whether that is the end. */
function teller({ onChange, onBlocked }: WaitOptions): (kkt: Kkt) => Promise<boolean> {
  let told = "";
  return async (kkt) => {
    await onChange?.(kkt);
    const { blocked } = kkt;
    const now = blocked ? `${blocked.reason} ${blocked.waitingFor}` : "";
    if (blocked && now !== told) await onBlocked?.(blocked, kkt);
    told = now;
    return isRegistered(kkt);
  };
}

/** Whether it has its card; an error when it never will. */
function isRegistered(kkt: Kkt): boolean {
  if (kkt.state === KktState.REJECTED) throw new RegistrationEndedError("REJECTED", kkt);
  if (kkt.state === KktState.CANCELLED) throw new RegistrationEndedError("CANCELLED", kkt);
  return kkt.state === KktState.REGISTERED;
}
