import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { Settings } from "./options.js";

/** The service pings by itself every 30 s; ours tell a dead connection while calls or streams are silent on it. */
const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 5_000;

/** One HTTP/2 connection, opened when it is first needed and again when the service has ended it. */
export interface Connection {
  readonly transport: Transport;
  /** Cuts it, and ends what goes on there. */
  cut(): void;
}

export function connectionTo({ baseUrl, tls }: Settings): Connection {
  const pings = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS };
  const sessionManager = new Http2SessionManager(baseUrl, pings, tls);
  return {
    transport: createGrpcTransport({ baseUrl, sessionManager }),
    cut: () => sessionManager.abort(),
  };
}
