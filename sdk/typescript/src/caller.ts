import { randomUUID } from "node:crypto";
import { create, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { connectionTo, type Connection } from "./connection.js";
import { PartnerError } from "./errors.js";
import { explain, pushbackOf } from "./explain.js";
import type { CallOptions, Settings } from "./options.js";
import { pauseBeforeRetry, policyOf } from "./retry.js";
import { checkedTimeout, Deadline, linked, sleep } from "./timing.js";
import { addTraceContext } from "./trace.js";
import { USER_AGENT } from "./version.js";

/** One call, through all its attempts. */
interface Call<I extends DescMessage> {
  readonly message: MessageShape<I>;
  readonly requestId: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Makes calls: the token, the deadline, the attempts, the errors. */
export class Caller {
  readonly #settings: Settings;
  readonly #calls: Connection;
  /** Streams stay, and a connection has room for a hundred: on one of their own they keep no call waiting. */
  readonly #streams: Connection;
  readonly #closing = new AbortController();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#calls = connectionTo(settings);
    this.#streams = connectionTo(settings);
  }

  /** Aborted when the Partner is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Deadline of a call that brings none of its own. */
  get timeoutMs(): number {
    return this.#settings.timeoutMs;
  }

  /** How long a stream of a watch may say nothing. */
  get watchSilenceMs(): number {
    return this.#settings.watchSilenceMs;
  }

  close(): void {
    this.#closing.abort();
    this.#calls.cut();
    this.#streams.cut();
  }

  /** Calls a method until it answers, is refused, or may not be tried again. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const deadline = new Deadline(checkedTimeout(options.timeoutMs ?? this.timeoutMs));
    const message = prepared(method.input, request);
    // A signal of its own: the library below leaves a listener at the one that it gets, and a caller's may live for long.
    const own = linked(options.signal);
    try {
      return await this.#attempts(method, { ...message, signal: own.signal }, deadline);
    } finally {
      own.release();
    }
  }

  async #attempts<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    call: Call<I>,
    deadline: Deadline,
  ): Promise<MessageShape<O>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#withToken((headers) => this.#once(method, call, headers, deadline));
      } catch (cause) {
        const error = this.#explain(cause, call, deadline.passed);
        const pause = pauseBeforeRetry(policyOf(method), error, attempt, pushbackOf(cause));
        // A pause that would outlast the deadline helps nobody: what is known now tells more than "too late".
        if (pause === undefined || pause >= deadline.leftMs()) throw error;
        await sleep(pause, call.signal, this.closing);
      }
    }
  }

  /** Opens a stream, once. Leaving the iterator ends it. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const call = { ...prepared(method.input, request), signal };
    const own = linked(signal, this.closing);
    try {
      // A refusal may come only where the first message was to come.
      const open = async (headers: Headers) => {
        const { transport } = this.#streams;
        const { message } = await transport.stream(method, own.signal, undefined, headers, once(call.message));
        const messages = message[Symbol.asyncIterator]();
        return { messages, first: await messages.next() };
      };
      const { messages, first } = await this.#withToken(open);
      for (let next = first; !next.done; next = await messages.next()) yield next.value;
    } catch (cause) {
      throw this.#explain(cause, call);
    } finally {
      own.release();
      own.controller.abort();
    }
  }

  async #once<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    { message, signal }: Call<I>,
    headers: Headers,
    deadline: Deadline,
  ): Promise<MessageShape<O>> {
    signal?.throwIfAborted();
    this.closing.throwIfAborted();
    const { transport } = this.#calls;
    // The library below takes full messages here too, and they are what is sent in every attempt.
    const response = await transport.unary(method, signal, deadline.leftMs(), headers, message as MessageInitShape<I>);
    return response.message;
  }

  /** Tries with the token; once more when it is refused and its file has another one by now. */
  async #withToken<T>(attempt: (headers: Headers) => Promise<T>): Promise<T> {
    const { token } = this.#settings;
    const sent = await token.current();
    try {
      return await attempt(await this.#headers(sent));
    } catch (cause) {
      const refused = explain(cause, {}).code === "UNAUTHENTICATED";
      if (!refused || !(await token.replaced(sent))) throw cause;
      return await attempt(await this.#headers(await token.current()));
    }
  }

  async #headers(token: string | undefined): Promise<Headers> {
    const { partnerId } = this.#settings;
    const headers = new Headers({ "user-agent": USER_AGENT });
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    if (partnerId !== undefined) headers.set("x-litebox-partner-id", partnerId);
    await addTraceContext(headers);
    return headers;
  }

  #explain(cause: unknown, call: Pick<Call<DescMessage>, "requestId" | "signal">, late = false): PartnerError {
    const { requestId, signal } = call;
    return explain(cause, { requestId, signal, late, closed: this.closing.aborted });
  }
}

/** The message to send: what the caller gave, untouched, and a request_id of our own where there is none. */
function prepared<I extends DescMessage>(schema: I, request: MessageInitShape<I>) {
  const given = request as { requestId?: string };
  const takesId = schema.fields.some(({ localName }) => localName === "requestId");
  const requestId = takesId ? given.requestId || randomUUID() : undefined;
  try {
    const message = create(schema, (takesId ? { ...given, requestId } : request) as MessageInitShape<I>);
    // Encoded once for nothing, so that a number in place of a text is told as what it is, and not as a failed call.
    toBinary(schema, message);
    return { message, requestId };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PartnerError({ code: "INVALID_ARGUMENT", message: `no ${schema.name}: ${why}`, requestId, cause });
  }
}

async function* once<T>(value: T) {
  yield value;
}
