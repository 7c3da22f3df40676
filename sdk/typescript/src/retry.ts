import type { DescMethod } from "@bufbuild/protobuf";
import type { PartnerError } from "./errors.js";
import { serviceConfig } from "./service_config.js";

/** How often, and after which pauses, a call is tried again. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  readonly codes: readonly string[];
}

interface MethodConfig {
  readonly name: readonly { readonly service?: string; readonly method?: string }[];
  readonly retryPolicy?: {
    readonly maxAttempts: number;
    readonly initialBackoff: string;
    readonly maxBackoff: string;
    readonly backoffMultiplier: number;
    readonly retryableStatusCodes: readonly string[];
  };
}

/** The policy that the shared service config has for a method; none when it is not to be retried. */
export function policyOf(method: Pick<DescMethod, "name" | "parent">): RetryPolicy | undefined {
  const service = method.parent.typeName;
  const all: readonly MethodConfig[] = serviceConfig.methodConfig;
  const named = (wanted: string | undefined) =>
    all.find(({ name }) => name.some((it) => it.service === service && it.method === wanted));
  const policy = (named(method.name) ?? named(undefined))?.retryPolicy;
  return (
    policy && {
      maxAttempts: policy.maxAttempts,
      initialBackoffMs: milliseconds(policy.initialBackoff),
      maxBackoffMs: milliseconds(policy.maxBackoff),
      multiplier: policy.backoffMultiplier,
      codes: policy.retryableStatusCodes,
    }
  );
}

/** The pause after failure number `attempt`, scattered by a fifth so that callers do not come back all at once. */
export function backoffMs(policy: RetryPolicy, attempt: number): number {
  const full = Math.min(policy.initialBackoffMs * policy.multiplier ** (attempt - 1), policy.maxBackoffMs);
  return full * (0.8 + Math.random() * 0.4);
}

/** The pause before the next attempt, or undefined when there is none. What the server asks for goes before. */
export function pauseBeforeRetry(
  policy: RetryPolicy | undefined,
  error: PartnerError,
  attempt: number,
  pushback: number | false | undefined,
): number | undefined {
  if (!policy || attempt >= policy.maxAttempts || !policy.codes.includes(error.code) || pushback === false)
    return undefined;
  return pushback ?? Math.max(backoffMs(policy, attempt), error.retryAfterMs ?? 0);
}

function milliseconds(duration: string): number {
  return Number.parseFloat(duration) * 1000;
}
