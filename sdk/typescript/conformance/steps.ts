// The steps of a case, through the comfort layer.
import { Partner, type CallOptions, type PartnerOptions } from "../src/index.js";
import { calls, lists } from "./calls.js";
import { failing, type ExpectedError } from "./errors.js";
import { wait, watch, type WaitStep, type WatchStep } from "./follow.js";
import { demand, difference, save, substituted, type Json, type JsonObject, type Variables } from "./values.js";

type Options = { partner?: string; timeout_ms?: number };
type Common = { options?: Options; save?: Record<string, string> };
type CallStep = { call: string; request: JsonObject; expect?: { reply?: Json; error?: ExpectedError } };
type PagesStep = {
  pages: string;
  request: JsonObject;
  expect?: { count?: number; unique?: string; error?: ExpectedError };
};
type OpenStep = { open: string; options: JsonObject; expect?: { error: ExpectedError } };
type ControlStep = { control: JsonObject; expect?: Json };
export type Step = Common & (CallStep | PagesStep | OpenStep | ControlStep | WaitStep | WatchStep);

/** One case: its variables and its Partners. */
export class Case {
  readonly #control: (body: JsonObject) => Promise<JsonObject>;
  readonly #variables: Variables = new Map();
  readonly #partners = new Map<string, Partner>();
  readonly #opened: Partner[] = [];

  constructor(controlUrl: string) {
    this.#control = (body) => post(controlUrl, body);
  }

  async run(name: string, steps: Step[]): Promise<void> {
    try {
      const world = await this.#control({ do: "world", case: name });
      for (const [variable, value] of Object.entries(world)) this.#variables.set(variable, String(value));
      this.#open({ open: "default", options: {} });
      await this.#steps(steps);
    } finally {
      for (const partner of this.#opened) partner.close();
    }
  }

  #steps = async (steps: Step[] = []): Promise<void> => {
    for (const step of steps) await this.#step(step);
  };

  async #step(written: Step): Promise<void> {
    const { during, when_blocked, ...rest } = written as Partial<WaitStep>;
    // What runs in between has variables as they are by then.
    const step = { ...substituted(rest, this.#variables), during, when_blocked } as Step;
    try {
      save(step.save, (await this.#do(step)) ?? null, this.#variables);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${JSON.stringify(rest).slice(0, 120)}: ${why}`, { cause });
    }
  }

  async #do(step: Step): Promise<Json | void> {
    if ("open" in step) return step.expect ? failing(step.expect.error, () => this.#open(step)) : this.#open(step);
    if ("control" in step) return this.#controlled(step);
    const partner = this.#partners.get(step.options?.partner ?? "default")!;
    if ("wait" in step) return wait(partner, step, this.#steps);
    if ("watch" in step) return watch(partner, step, this.#steps);
    const options: CallOptions = { timeoutMs: step.options?.timeout_ms };
    if ("pages" in step) return pages(partner, step, options);
    return call(partner, step, options);
  }

  #open({ open, options }: OpenStep): void {
    const usual = { address: "${address}", token: "${token}", plaintext: true, allow_token_in_plaintext: true };
    const partner = new Partner(
      camel({ ...substituted(usual, this.#variables), ...options }) as unknown as PartnerOptions,
    );
    this.#partners.set(open, partner);
    this.#opened.push(partner);
  }

  async #controlled({ control, expect }: ControlStep): Promise<Json> {
    const answer = await this.#control(control);
    const found = difference(expect ?? {}, answer);
    demand(found === "", found);
    return answer;
  }
}

async function call(partner: Partner, { call, request, expect = {} }: CallStep, options: CallOptions): Promise<Json> {
  const run = calls[call];
  if (!run) throw new Error(`there is no call ${call}`);
  if (expect.error) {
    const sentId = typeof request["requestId"] === "string" ? request["requestId"] : "";
    return failing(expect.error, () => run(partner, request, options), sentId);
  }
  const reply = await run(partner, request, options);
  const found = difference(expect.reply ?? {}, reply);
  demand(found === "", found);
  return reply;
}

async function pages(
  partner: Partner,
  { pages, request, expect = {} }: PagesStep,
  options: CallOptions,
): Promise<Json | void> {
  const list = lists[pages];
  if (!list) throw new Error(`there is no list ${pages}`);
  const all: JsonObject[] = [];
  const reading = async () => {
    for await (const entry of list(partner, request, options)) all.push(entry as JsonObject);
  };
  if (expect.error) return failing(expect.error, reading);
  await reading();
  const unique = new Set(all.map((entry) => entry[expect.unique ?? "id"]));
  demand(expect.count === undefined || all.length === expect.count, `there are ${all.length} and not ${expect.count}`);
  demand(unique.size === all.length, `only ${unique.size} of ${all.length} differ`);
}

async function post(url: string, body: JsonObject): Promise<JsonObject> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  demand(response.ok, `the harness answers ${response.status}: ${text}`);
  return JSON.parse(text) as JsonObject;
}

/** Options with the names of this language; null takes one away. */
function camel(options: JsonObject): JsonObject {
  const named = Object.entries(options)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => {
      const name = key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      return [name, typeof value === "object" ? camel(value as JsonObject) : value] as const;
    });
  return Object.fromEntries(named);
}
