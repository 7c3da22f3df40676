import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReasonSchema } from "../src/gen/litebox/error/v1/error_reason_pb.js";
import { isReason, PartnerError, REASONS } from "../src/index.js";
import {
  BadRequestSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
} from "../src/rpc/google/rpc/error_details_pb.js";
import { failure, partnerOf, serve } from "./support.js";

test("an error hands over all that the service told", async (t) => {
  const error = failure(Code.InvalidArgument, "VALIDATION_FAILED", { retryAfterMs: 1_500 });
  error.metadata.set("x-request-id", "call-1");
  error.details.push(
    { desc: BadRequestSchema, value: { fieldViolations: [{ field: "inn", description: "must be given" }] } },
    { desc: PreconditionFailureSchema, value: { violations: [{ type: "T", subject: "s", description: "d" }] } },
    { desc: LocalizedMessageSchema, value: { locale: "ru-RU", message: "Исправьте поля." } },
  );
  const address = await serve(t, { clients: { register: () => Promise.reject(error) } });
  const found = await partnerOf(t, address)
    .clients.register({ requestId: "id-1" })
    .catch((e: unknown) => e);
  assert(found instanceof PartnerError);
  assert.deepEqual(
    { ...found },
    {
      name: "PartnerError",
      code: "INVALID_ARGUMENT",
      reason: "VALIDATION_FAILED",
      localizedMessage: "Исправьте поля.",
      fieldViolations: [{ field: "inn", description: "must be given" }],
      preconditionViolations: [{ type: "T", subject: "s", description: "d" }],
      retryAfterMs: 1_500,
      metadata: {},
      serverRequestId: "call-1",
      requestId: "id-1",
    },
  );
  assert.equal(found.message, "VALIDATION_FAILED: because of VALIDATION_FAILED: inn: must be given");
});

test("each reason of the contract is told apart, and an unknown one is kept", async (t) => {
  const known = ErrorReasonSchema.values.filter(({ number }) => number !== 0).map(({ localName }) => localName);
  assert.deepEqual(REASONS, known);
  assert(known.length > 30);
  const queue = [...known, "OF_A_LATER_RELEASE"];
  const told = queue.map((reason) => failure(Code.FailedPrecondition, reason));
  const address = await serve(t, { clients: { get: () => Promise.reject(told.shift()) } });
  const partner = partnerOf(t, address);
  for (const reason of queue) {
    const error = await partner.clients.get("c").catch((e: unknown) => e);
    assert(error instanceof PartnerError);
    assert.equal(error.reason, reason);
    for (const other of REASONS) assert.equal(isReason(error, other), other === reason);
  }
  assert(!isReason(new Error("another"), "INTERNAL"));
});

test("the id of the call comes from RequestInfo when no header tells it", async (t) => {
  const error = failure(Code.Internal, "INTERNAL");
  error.details.push({ desc: RequestInfoSchema, value: { requestId: "call-2" } });
  const address = await serve(t, { clients: { get: () => Promise.reject(error) } });
  await assert.rejects(partnerOf(t, address).clients.get("c"), { serverRequestId: "call-2", code: "INTERNAL" });
});

test("an error without details has its code", async (t) => {
  const address = await serve(t, { clients: { get: () => Promise.reject(new ConnectError("no", Code.OutOfRange)) } });
  await assert.rejects(partnerOf(t, address).clients.get("c"), { code: "OUT_OF_RANGE", reason: undefined });
});

test("an answer without what the contract promises is an error, not undefined", async (t) => {
  const address = await serve(t, { kkts: { get: async () => ({}) } });
  await assert.rejects(partnerOf(t, address).kkts.get("k"), { code: "INTERNAL", message: /lacks kkt/ });
});

test("a request that cannot be encoded is refused before it is sent", async (t) => {
  const partner = partnerOf(t, "127.0.0.1:1");
  const request = { pageSize: "many" as unknown as number };
  await assert.rejects(partner.kkts.listPage(request), { code: "INVALID_ARGUMENT", message: /ListRequest/ });
});

test("an error that is printed shows no token", async (t) => {
  const address = await serve(t, {
    clients: { get: () => Promise.reject(failure(Code.NotFound, "RESOURCE_NOT_FOUND")) },
  });
  const error = await partnerOf(t, address, { token: "lbp_test_secret" })
    .clients.get("c")
    .catch((e: unknown) => e);
  assert(!inspect(error, { depth: 9, showHidden: true }).includes("lbp_test_secret"));
});
