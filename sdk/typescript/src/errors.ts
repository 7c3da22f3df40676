import { ErrorReason } from "./gen/litebox/error/v1/error_reason_pb.js";
import type { Kkt } from "./gen/litebox/kkt/v1/kkt_pb.js";

/** The codes of gRPC, in the order of their numbers from 1. */
export const CODES = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** Code of an error: what kind of failure it is. */
export type Code = (typeof CODES)[number];

/** Reason of an error, as the contract names it: docs/errors.md says what each means and what to do. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** All reasons that this release knows. */
export const REASONS: readonly Reason[] = Object.keys(ErrorReason).filter(
  (name): name is Reason => Number.isNaN(Number(name)) && name !== "UNSPECIFIED",
);

/** A wrong field of the request. */
export interface FieldViolation {
  /** Path of the field, such as `address.house`. */
  readonly field: string;
  /** What is wrong, English. */
  readonly description: string;
  /** The rule, for programs, such as `INN_CHECK_DIGIT`; may be empty. */
  readonly reason: string;
  /** For people, Russian; may be empty. Not enumerable. */
  readonly localizedMessage: string;
}

/** A broken rule, a warning to acknowledge, or a candidate: `reason` says which. */
export interface PreconditionViolation {
  readonly type: string;
  readonly subject: string;
  /** For people. Not enumerable. */
  readonly description: string;
}

/** What an error is made of. */
export interface PartnerErrorInit {
  code: Code;
  message: string;
  reason?: string | undefined;
  localizedMessage?: string | undefined;
  fieldViolations?: readonly FieldViolation[];
  preconditionViolations?: readonly PreconditionViolation[];
  retryAfterMs?: number | undefined;
  metadata?: Readonly<Record<string, string>>;
  serverRequestId?: string | undefined;
  requestId?: string | undefined;
  cause?: unknown;
}

/**
 * Takes properties out of what is printed, spread and written as JSON: what is told to people may tell of a person, and logs
 * are no place for that. They are read by name as before.
 */
export function quiet<T extends object>(value: T, ...names: (keyof T)[]): T {
  for (const name of names) Object.defineProperty(value, name, { enumerable: false });
  return value;
}

/** Every failure of this library. Decide by `code` and `reason`; texts may change. */
export class PartnerError extends Error {
  override readonly name: string = "PartnerError";
  readonly code: Code;
  /** A reason of the contract, or one that only a later release knows. Absent when the service did not speak. */
  readonly reason: Reason | (string & {}) | undefined;
  /** For people, Russian, ending with what to do next. Not enumerable. */
  readonly localizedMessage: string | undefined;
  readonly fieldViolations: readonly FieldViolation[];
  readonly preconditionViolations: readonly PreconditionViolation[];
  /** After how long it is worth trying again. */
  readonly retryAfterMs: number | undefined;
  /** What `reason` tells beside itself, such as `client_id`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The id of the call in the service's logs: tell it to its operator. */
  readonly serverRequestId: string | undefined;
  /** The request_id that was sent. Repeat with it to go on with the same intention. */
  readonly requestId: string | undefined;

  constructor(init: PartnerErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.localizedMessage = init.localizedMessage;
    this.fieldViolations = init.fieldViolations ?? [];
    this.preconditionViolations = init.preconditionViolations ?? [];
    this.retryAfterMs = init.retryAfterMs;
    this.metadata = init.metadata ?? {};
    this.serverRequestId = init.serverRequestId;
    this.requestId = init.requestId;
    quiet(this, "localizedMessage");
  }
}

/** The registration that was waited for has ended without a card: it was refused by FNS, or cancelled. */
export class RegistrationEndedError extends PartnerError {
  override readonly name = "RegistrationEndedError";

  constructor(
    /** How it ended. */
    readonly state: "REJECTED" | "CANCELLED",
    /** The registration; `rejection` says why FNS refused it. Not enumerable. */
    readonly kkt: Kkt,
  ) {
    const why = kkt.rejection ? `: ${kkt.rejection.reason}` : "";
    super({
      code: "FAILED_PRECONDITION",
      message: `the registration ${kkt.id} is ${state}${why}`,
      localizedMessage: kkt.rejection?.advice ?? kkt.statusText,
    });
    quiet<RegistrationEndedError>(this, "kkt");
  }
}

/** Whether `error` is a failure for this reason. */
export function isReason<R extends Reason>(error: unknown, reason: R): error is PartnerError & { readonly reason: R } {
  return error instanceof PartnerError && error.reason === reason;
}

/** What stands in a field that the contract promises. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw new PartnerError({ code: "INTERNAL", message: `the answer of the service lacks ${what}` });
  return value;
}
