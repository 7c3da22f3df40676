// What is expected of an error.
import { isReason, PartnerError, REASONS } from "../src/index.js";
import { demand, difference, type Json, type JsonObject } from "./values.js";

export interface ExpectedError {
  code?: string;
  reason?: string;
  fields?: string[];
  field_details?: boolean;
  preconditions?: string[];
  metadata?: JsonObject;
  retry_after?: boolean;
  localized?: boolean;
  request_id?: boolean;
  server_request_id?: boolean;
  mentions?: string;
}

/** Runs something that must fail as expected; the error as JSON, for what is to be saved. */
export async function failing(wanted: ExpectedError, action: () => unknown, sentId = ""): Promise<Json> {
  let error: unknown;
  try {
    await action();
  } catch (cause) {
    error = cause;
  }
  demand(error !== undefined, `it went well, and ${JSON.stringify(wanted)} was expected`);
  if (!(error instanceof PartnerError)) throw error;
  checkError(wanted, error, sentId);
  return { request_id: error.requestId ?? "" };
}

function checkError(wanted: ExpectedError, error: PartnerError, sentId: string): void {
  const same = (what: string, expected: unknown, real: unknown) =>
    demand(
      expected === undefined || JSON.stringify(expected) === JSON.stringify(real),
      `${what} is ${JSON.stringify(real)} and not ${JSON.stringify(expected)}: ${error.message}`,
    );
  same("the code", wanted.code, error.code);
  same("the reason", wanted.reason, error.reason ?? "");
  same(
    "the list of fields",
    wanted.fields,
    error.fieldViolations.map(({ field }) => field),
  );
  const detailed = error.fieldViolations.every(
    ({ reason, localizedMessage }) => reason !== "" && /[а-яё]/i.test(localizedMessage),
  );
  same("that fields have their reason, and Russian", wanted.field_details, detailed);
  same("that it has a time to wait", wanted.retry_after, error.retryAfterMs !== undefined);
  same("that it is in Russian", wanted.localized, /[а-яё]/i.test(error.localizedMessage ?? ""));
  same("that it has the id of the call", wanted.server_request_id, Boolean(error.serverRequestId));
  same(
    "that it has the request_id",
    wanted.request_id,
    sentId ? error.requestId === sentId : error.requestId?.length === crypto.randomUUID().length,
  );
  for (const reason of wanted.reason === undefined ? [] : REASONS) {
    same(`isReason ${reason}`, wanted.reason === reason, isReason(error, reason));
  }
  const types: Json = error.preconditionViolations.map(({ type }) => type);
  const found =
    difference(wanted.preconditions ?? [], types) || difference(wanted.metadata ?? {}, { ...error.metadata });
  demand(found === "", found);
  const plain = (text: string) => text.toLowerCase().replaceAll("_", "");
  demand(
    plain(error.message).includes(plain(wanted.mentions ?? "")),
    `it does not mention ${wanted.mentions}: ${error.message}`,
  );
}
