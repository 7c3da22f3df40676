import type { Caller } from "./caller.js";
import { PartnerError } from "./errors.js";
import { explain } from "./explain.js";
import type { Kkt } from "./gen/litebox/kkt/v1/kkt_pb.js";
import { KktService, type WatchResponse } from "./gen/litebox/kkt/v1/kkt_service_pb.js";
import { backoffMs, policyOf, type RetryPolicy } from "./retry.js";
import { sleep } from "./timing.js";

export interface WatchOptions {
  /** Where to go on: `resumeToken` of an earlier watch of the same registrations. */
  resumeToken?: string | undefined;
  /** Ends the watch; the iteration then fails with CANCELLED. */
  signal?: AbortSignal | undefined;
}

/** Of so many registrations it is remembered what was told last, so that repeats after a reconnect are left out. */
const REMEMBERED = 1_000;

/**
 * The changes of registrations, as an async iterable. It reconnects by itself where it left off. A service that was never
 * reached is given up after the timeout of a call, so that a wrong address is told; one that was is waited for.
 */
export class KktWatch implements AsyncIterable<Kkt> {
  readonly #caller: Caller;
  readonly #kktIds: readonly string[];
  readonly #signal: AbortSignal | undefined;
  readonly #revisions = new Map<string, bigint>();
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
    for await (const message of this.#caller.stream(KktService.method.watch, request, this.#signal)) {
      this.#reached = true;
      const { event } = message;
      if (event.case !== "end") this.#failures = 0;
      this.#remember(message);
      if (event.case === "kkt" && this.#isNews(event.value)) yield event.value;
    }
  }

  #remember({ resumeToken }: WatchResponse): void {
    if (!resumeToken) return;
    this.#resumeToken = resumeToken;
    this.#ownToken = true;
  }

  #isNews({ id, revision }: Kkt): boolean {
    if (revision <= (this.#revisions.get(id) ?? 0n)) return false;
    this.#revisions.delete(id);
    this.#revisions.set(id, revision);
    const oldest = this.#revisions.keys().next().value;
    if (this.#revisions.size > REMEMBERED && oldest !== undefined) this.#revisions.delete(oldest);
    return true;
  }

  async #pauseAfter(error: PartnerError): Promise<void> {
    this.#failures++;
    if (this.#startsAnew(error)) return;
    const soon = error.code === "UNAVAILABLE" && performance.now() - this.#begun < this.#caller.timeoutMs;
    const tryAgain = this.#reached ? isPassing(error) : soon;
    if (!tryAgain) throw error;
    await this.#pause(error.retryAfterMs ?? 0);
  }

  /**
   * A service that was set up anew may not know the tokens that it gave. Where registrations are named, a stream without a
   * token begins with how they stand, so that nothing is missed.
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

/** Whether waiting helps: the connection is gone, or the service says after how long to come back. */
function isPassing(error: PartnerError): boolean {
  return error.code === "UNAVAILABLE" || error.retryAfterMs !== undefined;
}
