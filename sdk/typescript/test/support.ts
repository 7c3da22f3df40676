// Small servers for the tests: one of whole methods, and one of bare HTTP/2 for what goes wrong below them.
import { mkdtempSync, rmSync } from "node:fs";
import * as http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ClientService } from "../src/gen/litebox/client/v1/client_service_pb.js";
import { KktSchema, KktState } from "../src/gen/litebox/kkt/v1/kkt_pb.js";
import { KktService } from "../src/gen/litebox/kkt/v1/kkt_service_pb.js";
import { Partner, type PartnerOptions } from "../src/index.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/rpc/google/rpc/error_details_pb.js";

export interface Methods {
  clients?: Partial<ServiceImpl<typeof ClientService>>;
  kkts?: Partial<ServiceImpl<typeof KktService>>;
}

/** A server with these methods; its address. */
export function serve(
  test: TestContext,
  { clients = {}, kkts = {} }: Methods,
  options: http2.ServerOptions = {},
): Promise<string> {
  const routes = (router: ConnectRouter) => {
    router.service(ClientService, clients);
    router.service(KktService, kkts);
  };
  return listen(test, http2.createServer(options, connectNodeAdapter({ routes })));
}

/** A server that hands each stream over as it comes, with its number and what it came on; its address. */
export function serveRaw(
  test: TestContext,
  onStream: (stream: http2.ServerHttp2Stream, nth: number, sockets: ReadonlySet<Socket>) => void,
) {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = http2.createServer();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    onStream(stream, ++count, sockets);
  });
  return listen(test, server);
}

export async function listen(test: TestContext, server: http2.Http2Server | http2.Http2SecureServer): Promise<string> {
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A Partner of that address, in plain text, closed after the test. */
export function partnerOf(test: TestContext, address: string, options: Partial<PartnerOptions> = {}): Partner {
  const partner = new Partner({ address, plaintext: true, allowTokenInPlaintext: true, ...options });
  test.after(() => partner.close());
  return partner;
}

export function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "partner-"));
  test.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** An error as the service sends it. */
export function failure(code: Code, reason: string, { retryAfterMs }: { retryAfterMs?: number } = {}): ConnectError {
  const error = new ConnectError(`because of ${reason}`, code);
  error.details = [{ desc: ErrorInfoSchema, value: { reason, domain: "litebox.ru" } }];
  if (retryAfterMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryAfterMs / 1000)), nanos: (retryAfterMs % 1000) * 1e6 };
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return error;
}

export const unavailable = () => failure(Code.Unavailable, "STORAGE_UNAVAILABLE");

export function kkt(revision: number, init: MessageInitShape<typeof KktSchema> = {}) {
  return create(KktSchema, { id: "kkt-1", state: KktState.AWAITING_RNM, revision: BigInt(revision), ...init });
}

/** Resolves when the call of a handler is given up by its caller. */
export function givenUp(context: HandlerContext): Promise<void> {
  return new Promise((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener("abort", () => resolve());
  });
}

/** The first message in the body of a gRPC call, once it is whole. */
export function requestOf(stream: http2.ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks).subarray(5)));
  });
}

/** Answers a gRPC call with one message. */
export function answer(stream: http2.ServerHttp2Stream, message: Uint8Array): void {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.concat([head, message]));
}
