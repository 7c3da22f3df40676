import { readFileSync } from "node:fs";
import type { SecureClientSessionOptions } from "node:http2";
import { FileToken, FixedToken, type TokenSource } from "./credentials.js";
import { PartnerError } from "./errors.js";
import { checkedTimeout } from "./timing.js";

/** How a partner's program reaches the service. */
export interface PartnerOptions {
  /** `host:port` of the service; `dns:///host:port` means the same here: one connection, to an address of the name. */
  address: string;
  /** The partner token. Give this or `tokenFile`. */
  token?: string | undefined;
  /** A file with the token. It is read again when it changes, and at once when the token is refused. */
  tokenFile?: string | undefined;
  /** For internal services with a signed token: the partner that the calls are for. Partners leave it out. */
  partnerId?: string | undefined;
  /** TLS is on, with the authorities that Node knows. */
  tls?: TlsOptions | undefined;
  /** Without TLS, on loopback or inside a mesh that encrypts. A token is refused then, unless the next option allows it. */
  plaintext?: boolean | undefined;
  /** Lets a token cross the network in plain text. */
  allowTokenInPlaintext?: boolean | undefined;
  /** Deadline of one call with all its attempts, milliseconds. 20,000 without it; each call can give its own. */
  timeoutMs?: number | undefined;
  /**
   * How long a stream of a watch may say nothing before it is given up and another one is opened, milliseconds. 60,000
   * without it; the service gives a sign of life every 15 seconds. The first message has `timeoutMs`.
   */
  watchSilenceMs?: number | undefined;
}

export interface TlsOptions {
  /** PEM file of the authorities to believe, in place of Node's. */
  caFile?: string | undefined;
  /** PEM file of the certificate to show, with `keyFile`. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
  /** The name that the certificate of the service must have, when it is not the host of `address`. */
  serverName?: string | undefined;
}

/** What each call can be told. */
export interface CallOptions {
  /** Deadline of the call with all its attempts, milliseconds. */
  timeoutMs?: number | undefined;
  /** Stops the call. What the service has begun goes on: repeat with the same request_id to learn how it ended. */
  signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_WATCH_SILENCE_MS = 60_000;

/** Options as the rest of the library wants them. */
export interface Settings {
  readonly baseUrl: string;
  readonly tls: SecureClientSessionOptions;
  readonly token: TokenSource;
  readonly partnerId: string | undefined;
  readonly timeoutMs: number;
  readonly watchSilenceMs: number;
}

export function settingsOf(options: PartnerOptions): Settings {
  refuseContradictions(options);
  return {
    baseUrl: baseUrlOf(options),
    tls: options.plaintext ? {} : tlsOf(options.tls ?? {}),
    token: options.tokenFile === undefined ? new FixedToken(options.token) : new FileToken(options.tokenFile),
    partnerId: options.partnerId,
    timeoutMs: checkedTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
    watchSilenceMs: checkedTimeout(options.watchSilenceMs ?? DEFAULT_WATCH_SILENCE_MS, "watchSilenceMs"),
  };
}

function refuseContradictions(options: PartnerOptions): void {
  const { token, tokenFile, plaintext, allowTokenInPlaintext, tls } = options;
  if (token !== undefined && tokenFile !== undefined) throw wrong("give token or tokenFile, not both");
  if (plaintext && tls) throw wrong("plaintext switches TLS off: leave tls out, or plaintext");
  if (plaintext && (token ?? tokenFile) !== undefined && !allowTokenInPlaintext) {
    throw wrong(
      "a token in plain text can be read by whoever sees the connection. Use TLS (leave plaintext out); on loopback, or " +
        "inside a mesh that encrypts, allow it with allowTokenInPlaintext: true",
    );
  }
  if ((tls?.certFile === undefined) !== (tls?.keyFile === undefined))
    throw wrong("tls.certFile and tls.keyFile go together");
}

const ADDRESS = /^(\[[\da-f:.]+\]|[^\s:/?#@[\]]+):\d{1,5}$/i;

/** How gRPC writes a name whose addresses are to be looked up. */
const DNS = /^dns:\/\/\//;

function baseUrlOf({ address, plaintext }: PartnerOptions): string {
  const there = address.replace(DNS, "");
  const url = `${plaintext ? "http" : "https"}://${there}`;
  // The port is asked for, since gRPC has none by default.
  if (!ADDRESS.test(there) || !URL.canParse(url)) throw wrong(`address must be host:port, and is "${address}"`);
  return new URL(url).origin;
}

function tlsOf({ caFile, certFile, keyFile, serverName }: TlsOptions): SecureClientSessionOptions {
  return {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw wrong(`${path} cannot be read`, cause);
  }
}

function wrong(message: string, cause?: unknown): PartnerError {
  return new PartnerError({ code: "INVALID_ARGUMENT", message, cause });
}
