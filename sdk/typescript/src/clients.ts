import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "./caller.js";
import { present } from "./errors.js";
import type { Client } from "./gen/litebox/client/v1/client_pb.js";
import { ClientService, type ListResponse, type RegisterResponse } from "./gen/litebox/client/v1/client_service_pb.js";
import type { ListRequestSchema, RegisterRequestSchema } from "./gen/litebox/client/v1/client_service_pb.js";
import type { Taxpayer } from "./gen/litebox/client/v1/taxpayer_pb.js";
import type { CallOptions } from "./options.js";
import { entries } from "./pages.js";

export type RegisterInit = MessageInitShape<typeof RegisterRequestSchema>;
export type ListClientsInit = MessageInitShape<typeof ListRequestSchema>;
/** What Register answers when it was no mere check. */
export type Registered = RegisterResponse & { client: Client };

const { method } = ClientService;

/** The shops of the partner. */
export class Clients {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** What the state register has under a tax number. Creates nothing. */
  async lookupTaxpayer(inn: string, options?: CallOptions): Promise<Taxpayer> {
    const { taxpayer } = await this.#caller.unary(method.lookupTaxpayer, { inn }, options);
    return present(taxpayer, "taxpayer");
  }

  /** Creates a client and its account; with `validateOnly` only checks whether it could. */
  register(request: RegisterInit & { validateOnly?: false }, options?: CallOptions): Promise<Registered>;
  register(request: RegisterInit, options?: CallOptions): Promise<RegisterResponse>;
  async register(request: RegisterInit, options?: CallOptions): Promise<RegisterResponse> {
    const response = await this.#caller.unary(method.register, request, options);
    if (!request.validateOnly) present(response.client, "client");
    return response;
  }

  /** The card of a client. */
  async get(clientId: string, options?: CallOptions): Promise<Client> {
    const { client } = await this.#caller.unary(method.get, { clientId }, options);
    return present(client, "client");
  }

  /** All clients that fit, over all pages. */
  list(request: ListClientsInit = {}, options?: CallOptions): AsyncGenerator<Client, void, undefined> {
    return entries(
      request,
      (page) => this.listPage(page, options),
      (page) => page.clients,
    );
  }

  /** One page of clients. */
  listPage(request: ListClientsInit = {}, options?: CallOptions): Promise<ListResponse> {
    return this.#caller.unary(method.list, request, options);
  }
}
