import { setMaxListeners } from "node:events";
import { PartnerError } from "./errors.js";

/** The longest time that a timer, and the header grpc-timeout, can tell. */
const LONGEST_MS = 99_999_999;

/** Longer ones fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The end of a call, with all its attempts. */
export class Deadline {
  readonly #end: number;

  constructor(timeoutMs: number) {
    this.#end = performance.now() + timeoutMs;
  }

  get passed(): boolean {
    return performance.now() >= this.#end;
  }

  /** What is left, in whole milliseconds; at least one, since zero means "no deadline" below. */
  leftMs(): number {
    return Math.min(Math.max(Math.ceil(this.#end - performance.now()), 1), LONGEST_MS);
  }
}

/** A timeout that somebody gave, when it is one. */
export function checkedTimeout(timeoutMs: number, name = "timeoutMs"): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new PartnerError({ code: "INVALID_ARGUMENT", message: `${name} must be more than 0, and is ${timeoutMs}` });
}

/** Lets many calls and streams share a signal, which is no leak: Node warns of more than ten listeners otherwise. */
function shared(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}

/** Waits, at most until one of the signals is aborted. It never rejects: the next step looks at the signals itself. */
export function sleep(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    for (const signal of signals) signal?.addEventListener("abort", end);
    if (signals.some((signal) => signal?.aborted)) end();
  });
}

export interface Linked {
  readonly controller: AbortController;
  readonly signal: AbortSignal;
  /** Follows no longer. */
  release(): void;
}

/** A signal that follows `others` and can be aborted by itself. */
export function linked(...others: (AbortSignal | undefined)[]): Linked {
  const controller = new AbortController();
  const followed = others.filter((other) => other !== undefined);
  const listeners = followed.map(shared).map((other) => {
    const follow = () => controller.abort(other.reason);
    other.addEventListener("abort", follow);
    if (other.aborted) follow();
    return () => other.removeEventListener("abort", follow);
  });
  return { controller, signal: controller.signal, release: () => listeners.forEach((unfollow) => unfollow()) };
}
