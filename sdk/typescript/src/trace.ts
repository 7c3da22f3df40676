type Api = typeof import("@opentelemetry/api");

let loading: Promise<Api | undefined> | undefined;

const HEADERS = ["traceparent", "tracestate"];

/** Adds the trace context of the caller, when the program has OpenTelemetry; without it this does nothing.
 *  Baggage stays here: what a program tells its own services may be private. */
export async function addTraceContext(headers: Headers): Promise<void> {
  const api = await (loading ??= import("@opentelemetry/api").catch(() => undefined));
  api?.propagation.inject(api.context.active(), headers, {
    set: (carrier, key, value) => HEADERS.includes(key.toLowerCase()) && carrier.set(key, value),
  });
}
