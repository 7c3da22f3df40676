import type { Caller } from "./caller.js";
import { PartnerError, type Code } from "./errors.js";
import { explain } from "./explain.js";
import type { Kkt } from "./gen/litebox/kkt/v1/kkt_pb.js";
import { KktService, type WatchResponse } from "./gen/litebox/kkt/v1/kkt_service_pb.js";
import { backoffMs, policyOf, type RetryPolicy } from "./retry.js";
import { linked, LONGEST_TIMER_MS, sleep } from "./timing.js";

export interface WatchOptions {
  /** Where to go on: `resumeToken` of an earlier watch of the same registrations. */
  resumeToken?: string | undefined;
  /** Ends the watch; the iteration then fails with CANCELLED. */
  signal?: AbortSignal | undefined;
}

/**
 * The changes of registrations, as an async iterable: each at least once, several may come as one, and `revision` tells a
 * repeat from news. It reconnects by itself where it left off, also when a stream is silent for too long. A service that was never
 * reached is given up after the timeout of a call, so that a wrong address is told; one that was is waited for.
 */
export class Watch implements AsyncIterable<Kkt> {
  readonly #caller: Caller;
  readonly #kktIds: readonly string[];
  readonly #signal: AbortSignal | undefined;
  #resumeToken: string;
  /** Whether the token came from this watch's own stream. */
  #ownToken = false;
  #reached: boolean;
  #begun = 0;
  /** Streams in a row that have brought nothing. */
  #failures = 0;

  constructor(caller: Caller, kktIds: readonly string[], { resumeToken, signal }: WatchOptions = {}, reached = false) {
    this.#caller = caller;
    this.#kktIds = kktIds;
    this.#resumeToken = resumeToken ?? "";
    this.#signal = signal;
    this.#reached = reached;
  }

  /** Where to go on without a gap after what was handed over last. Keep it, once that is done with, for the next process. */
  get resumeToken(): string {
    return this.#resumeToken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Kkt, void, undefined> {
    this.#begun = performance.now();
    for (;;) {
      try {
        yield* this.#stream();
        this.#failures++;
      } catch (cause) {
        await this.#pauseAfter(explain(cause, { signal: this.#signal }));
        continue;
      }
      // The service ended the stream. The first time it goes on at once; one that only ever ends is not asked in a loop.
      if (this.#failures > 1) await this.#pause(0);
    }
  }

  async *#stream(): AsyncGenerator<Kkt, void, undefined> {
    const request = { kktIds: [...this.#kktIds], resumeToken: this.#resumeToken };
    const limit = linked(this.#signal);
    const messages = this.#caller.stream(KktService.method.watch, request, limit.signal);
    try {
      for (let longest = this.#caller.timeoutMs; ; longest = this.#caller.watchSilenceMs) {
        const { value, done } = await within(longest, messages.next(), limit.controller);
        if (done) return;
        this.#remember(value);
        if (value.event.case === "kkt") yield value.event.value;
      }
    } finally {
      limit.release();
      await messages.return();
    }
  }

  #remember({ event, resumeToken }: WatchResponse): void {
    this.#reached = true;
    // A stream that only ever ends brings nothing.
    if (event.case !== "end") this.#failures = 0;
    if (!resumeToken) return;
    this.#resumeToken = resumeToken;
    this.#ownToken = true;
  }

  async #pauseAfter(error: PartnerError): Promise<void> {
    this.#failures++;
    if (this.#startsAnew(error)) return;
    const ended = this.#signal?.aborted || this.#caller.closing.aborted;
    const tooLong = !this.#reached && performance.now() - this.#begun >= this.#caller.timeoutMs;
    if (ended || tooLong || !isPassing(error)) throw error;
    await this.#pause(error.retryAfterMs ?? 0);
  }

  /**
   * A service that was set up anew does not know the tokens that it gave. Where registrations are named, a stream without
   * a token begins with how they stand, so that nothing is missed.
   */
  #startsAnew(error: PartnerError): boolean {
    const unknown = error.fieldViolations.some(({ field }) => field === "resume_token");
    if (!unknown || !this.#ownToken || this.#kktIds.length === 0) return false;
    this.#resumeToken = "";
    this.#ownToken = false;
    return true;
  }

  #pause(atLeastMs: number): Promise<void> {
    const ms = Math.max(backoffMs(watchPolicy(), this.#failures), atLeastMs);
    return sleep(ms, this.#signal, this.#caller.closing);
  }
}

/** The pauses of a watch are those of every other call. */
function watchPolicy(): RetryPolicy {
  return policyOf(KktService.method.get)!;
}

/** Words of the transport or of something on the way, when there is no reason of the service's. */
const OF_THE_WAY: readonly Code[] = ["CANCELLED", "INTERNAL", "UNKNOWN"];

/**
 * Whether a new stream may bring more: the connection or the server has gone, the time of a stream is over, or the service
 * says after how long to come back.
 */
function isPassing({ code, reason, retryAfterMs }: PartnerError): boolean {
  if (code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED") return true;
  return (OF_THE_WAY.includes(code) && !reason) || retryAfterMs !== undefined;
}

/** What does not come in time ends the stream, as when a connection has gone and nobody has said so. */
async function within<T>(longestMs: number, coming: Promise<T>, stream: AbortController): Promise<T> {
  const silent = () =>
    stream.abort(new PartnerError({ code: "UNAVAILABLE", message: "the stream has been silent for too long" }));
  const timer = setTimeout(silent, Math.min(longestMs, LONGEST_TIMER_MS));
  try {
    return await coming;
  } finally {
    clearTimeout(timer);
  }
}
