import { ConnectError, Code as ConnectCode } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./rpc/google/rpc/error_details_pb.js";
import { CODES, PartnerError, quiet, type FieldViolation, type PreconditionViolation } from "./errors.js";

/** The domain of the service's reasons; reasons of others are none of ours. */
const DOMAIN = "litebox.ru";

/** What is known of a call beside what went wrong with it. */
export interface Circumstances {
  requestId?: string | undefined;
  signal?: AbortSignal | undefined;
  closed?: boolean;
  /** Whether the time of the call is over. The service ends such calls as well, and says CANCELLED when it is faster. */
  late?: boolean;
}

/** Makes of whatever went wrong with a call the one kind of error that callers see. */
export function explain(error: unknown, { requestId, signal, closed, late }: Circumstances): PartnerError {
  if (error instanceof PartnerError) return error;
  if (signal?.aborted) return stopped(signal.reason, requestId);
  if (closed)
    return new PartnerError({ code: "CANCELLED", message: "the Partner was closed", requestId, cause: error });
  if (!(error instanceof ConnectError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new PartnerError({ code: "INTERNAL", message, requestId, cause: error });
  }
  if (late && error.code === ConnectCode.Canceled) return deadlineExceeded(requestId, error);
  return isLoss(error) ? lost(error, requestId) : told(error, requestId);
}

function stopped(reason: unknown, requestId: string | undefined): PartnerError {
  if (reason instanceof PartnerError) return reason;
  const late = reason instanceof Error && reason.name === "TimeoutError";
  return late
    ? deadlineExceeded(requestId, reason)
    : new PartnerError({ code: "CANCELLED", message: "the caller stopped the call", requestId, cause: reason });
}

/** The same as the service says when its own timer is the faster one. */
export function deadlineExceeded(requestId: string | undefined, cause: unknown): PartnerError {
  const message = "the deadline of the call has passed; work that has begun goes on";
  return new PartnerError({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED", message, requestId, cause });
}

/**
 * Whether the answer was lost on the way: nothing of it arrived, and what is told is told by the connection. The library
 * below knows several codes for that, such as ABORTED for a reset and CANCELLED for a GOAWAY between two calls.
 */
function isLoss(error: ConnectError): boolean {
  if (!error.metadata.keys().next().done) return false;
  const ours: readonly ConnectCode[] = [ConnectCode.DeadlineExceeded, ConnectCode.Unknown, ConnectCode.Unimplemented];
  return !ours.includes(error.code);
}

function lost(error: ConnectError, requestId: string | undefined): PartnerError {
  const cause = error.cause instanceof Error ? error.cause : error;
  const message = `no answer from the service: ${error.rawMessage}`;
  return new PartnerError({ code: "UNAVAILABLE", message, requestId, cause });
}

function told(error: ConnectError, requestId: string | undefined): PartnerError {
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  if (error.code === ConnectCode.DeadlineExceeded && !info) return deadlineExceeded(requestId, error);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const code = CODES[error.code - 1] ?? "UNKNOWN";
  const fieldViolations = fieldsOf(error);
  return new PartnerError({
    code,
    message: textOf(info?.reason || code, error.rawMessage, fieldViolations),
    reason: info?.reason || undefined,
    localizedMessage: error.findDetails(LocalizedMessageSchema)[0]?.message,
    fieldViolations,
    preconditionViolations: preconditionsOf(error),
    retryAfterMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    metadata: { ...info?.metadata },
    serverRequestId: error.metadata.get("x-request-id") ?? error.findDetails(RequestInfoSchema)[0]?.requestId,
    requestId,
  });
}

/** What stands in a log that shows no more than the text. */
function textOf(reason: string, text: string, violations: readonly FieldViolation[]): string {
  const fields = violations.map(({ field, description }) => `${field}: ${description}`).join("; ");
  return fields ? `${reason}: ${text}: ${fields}` : `${reason}: ${text}`;
}

function fieldsOf(error: ConnectError): FieldViolation[] {
  const all = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  return all.map(({ field, description, reason, localizedMessage }) => {
    return quiet({ field, description, reason, localizedMessage: localizedMessage?.message ?? "" }, "localizedMessage");
  });
}

function preconditionsOf(error: ConnectError): PreconditionViolation[] {
  const all = error.findDetails(PreconditionFailureSchema).flatMap((detail) => detail.violations);
  return all.map(({ type, subject, description }) => quiet({ type, subject, description }, "description"));
}

/** What a server or a proxy demands of retries beside RetryInfo: a pause in milliseconds, or `false` for none at all. */
export function pushbackOf(error: unknown): number | false | undefined {
  const text = error instanceof ConnectError ? error.metadata.get("grpc-retry-pushback-ms") : null;
  if (text === null) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : false;
}
