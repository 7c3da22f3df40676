import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReasonSchema } from "../src/gen/litebox/error/v1/error_reason_pb.js";
import { isReason, PartnerError, REASONS, RegistrationEndedError } from "../src/index.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
} from "../src/rpc/google/rpc/error_details_pb.js";
import { failure, kkt, partnerOf, serve } from "./support.js";

const field = {
  field: "inn",
  description: "must be given",
  reason: "REQUIRED",
  localizedMessage: { locale: "ru-RU", message: "Укажите ИНН." },
};

test("an error hands over all that the service told", async (t) => {
  const error = failure(Code.InvalidArgument, "VALIDATION_FAILED", { retryAfterMs: 1_500 });
  error.metadata.set("x-request-id", "call-1");
  error.details.push(
    { desc: BadRequestSchema, value: { fieldViolations: [field] } },
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
      fieldViolations: found.fieldViolations,
      preconditionViolations: found.preconditionViolations,
      retryAfterMs: 1_500,
      metadata: {},
      serverRequestId: "call-1",
      requestId: "id-1",
    },
  );
  assert.equal(found.localizedMessage, "Исправьте поля.");
  const [wrong, broken] = [found.fieldViolations[0]!, found.preconditionViolations[0]!];
  assert.deepEqual({ ...wrong }, { field: "inn", description: "must be given", reason: "REQUIRED" });
  assert.equal(wrong.localizedMessage, "Укажите ИНН.");
  assert.deepEqual({ ...broken }, { type: "T", subject: "s" });
  assert.equal(broken.description, "d");
  assert.equal(found.message, "VALIDATION_FAILED: because of VALIDATION_FAILED: inn: must be given");
});

test("reasons of others are not ours", async (t) => {
  const error = failure(Code.NotFound, "RESOURCE_NOT_FOUND");
  error.details = [{ desc: ErrorInfoSchema, value: { reason: "RESOURCE_NOT_FOUND", domain: "example.org" } }];
  const address = await serve(t, { clients: { get: () => Promise.reject(error) } });
  await assert.rejects(partnerOf(t, address).clients.get("c"), { code: "NOT_FOUND", reason: undefined });
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

test("what is told to people, and may tell of a person, is not printed, spread or written as JSON", async (t) => {
  const told = failure(Code.FailedPrecondition, "ADDRESS_NOT_RESOLVED");
  const person = { locale: "ru-RU", message: "Иванов" };
  told.details.push(
    { desc: BadRequestSchema, value: { fieldViolations: [{ ...field, localizedMessage: person }] } },
    { desc: PreconditionFailureSchema, value: { violations: [{ type: "T", subject: "s", description: "Иванов" }] } },
    { desc: LocalizedMessageSchema, value: person },
  );
  const address = await serve(t, { clients: { get: () => Promise.reject(told) } });
  const error = await partnerOf(t, address)
    .clients.get("c")
    .catch((e: unknown) => e);
  assert(error instanceof PartnerError && error.preconditionViolations[0]?.description === "Иванов");
  const ended = new RegistrationEndedError("REJECTED", kkt(1, { inn: "Иванов", rejection: { advice: "Иванов" } }));
  assert.equal(ended.kkt.inn, "Иванов");
  for (const each of [error, ended]) {
    for (const text of [inspect(each, { depth: 9 }), JSON.stringify(each), JSON.stringify({ ...each }), String(each)])
      assert(!text.includes("Иванов"), text);
  }
});
