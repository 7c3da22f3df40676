import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "./caller.js";
import { present } from "./errors.js";
import type { Kkt } from "./gen/litebox/kkt/v1/kkt_pb.js";
import { KktService } from "./gen/litebox/kkt/v1/kkt_service_pb.js";
import type {
  AmendRequestSchema,
  AmendResponse,
  CancelRequestSchema,
  CancelResponse,
  FiscalizeRequestSchema,
  FiscalizeResponse,
  ListRequestSchema,
  ListResponse,
  QuickRegisterRequestSchema,
  QuickRegisterResponse,
} from "./gen/litebox/kkt/v1/kkt_service_pb.js";
import type { CallOptions } from "./options.js";
import { entries } from "./pages.js";
import { waitUntilRegistered, type WaitOptions } from "./wait.js";
import { Watch, type WatchOptions } from "./watch.js";

export type QuickRegisterInit = MessageInitShape<typeof QuickRegisterRequestSchema>;
export type FiscalizeInit = MessageInitShape<typeof FiscalizeRequestSchema>;
export type AmendInit = MessageInitShape<typeof AmendRequestSchema>;
export type CancelInit = MessageInitShape<typeof CancelRequestSchema>;
export type ListKktsInit = MessageInitShape<typeof ListRequestSchema>;
/** An answer with the registration in it. */
export type WithKkt<Response> = Response & { kkt: Kkt };

const { method } = KktService;

/** The registrations of cash registers of the partner. */
export class Kkts {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Orders a registration and answers at once; with `validateOnly` only previews it. */
  quickRegister(
    request: QuickRegisterInit & { validateOnly?: false },
    options?: CallOptions,
  ): Promise<WithKkt<QuickRegisterResponse>>;
  quickRegister(request: QuickRegisterInit, options?: CallOptions): Promise<QuickRegisterResponse>;
  async quickRegister(request: QuickRegisterInit, options?: CallOptions): Promise<QuickRegisterResponse> {
    const response = await this.#caller.unary(method.quickRegister, request, options);
    return request.validateOnly ? response : withKkt(response);
  }

  /** Burns the fiscal drive, or takes the report that was made by hand. */
  async fiscalize(request: FiscalizeInit, options?: CallOptions): Promise<WithKkt<FiscalizeResponse>> {
    return withKkt(await this.#caller.unary(method.fiscalize, request, options));
  }

  /** Corrects what holds a registration up. */
  async amend(request: AmendInit, options?: CallOptions): Promise<WithKkt<AmendResponse>> {
    return withKkt(await this.#caller.unary(method.amend, request, options));
  }

  /** Gives a registration up, as long as its drive is unburnt. */
  async cancel(kkt: string | CancelInit, options?: CallOptions): Promise<WithKkt<CancelResponse>> {
    const request = typeof kkt === "string" ? { kktId: kkt } : kkt;
    return withKkt(await this.#caller.unary(method.cancel, request, options));
  }

  /** A registration with its history. */
  async get(kktId: string, options?: CallOptions): Promise<Kkt> {
    return withKkt(await this.#caller.unary(method.get, { kktId }, options)).kkt;
  }

  /** All registrations that fit, over all pages, without their history. */
  list(request: ListKktsInit = {}, options?: CallOptions): AsyncGenerator<Kkt, void, undefined> {
    return entries(
      request,
      (page) => this.listPage(page, options),
      (page) => page.kkts,
    );
  }

  /** One page of registrations. */
  listPage(request: ListKktsInit = {}, options?: CallOptions): Promise<ListResponse> {
    return this.#caller.unary(method.list, request, options);
  }

  /** Every change of these registrations, of all when none is named, for as long as it is read. */
  watch(kktIds: readonly string[] = [], options?: WatchOptions): Watch {
    return new Watch(this.#caller, kktIds, options);
  }

  /** Follows a registration to its card. */
  waitUntilRegistered(kktId: string, options?: WaitOptions): Promise<Kkt> {
    return waitUntilRegistered(this, this.#caller, kktId, options);
  }
}

function withKkt<Response extends { kkt?: Kkt | undefined }>(response: Response): WithKkt<Response> {
  return Object.assign(response, { kkt: present(response.kkt, "kkt") });
}
