type Api = typeof import("@opentelemetry/api");

let loading: Promise<Api | undefined> | undefined;

/** Adds the trace context of the caller, when the program has OpenTelemetry; without it this does nothing. */
export async function addTraceContext(headers: Headers): Promise<void> {
  const api = await (loading ??= import("@opentelemetry/api").catch(() => undefined));
  api?.propagation.inject(api.context.active(), headers, { set: (carrier, key, value) => carrier.set(key, value) });
}
