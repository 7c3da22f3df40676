// The methods of the comfort layer by their names in the cases: protojson in, protojson out.
import { create, fromJson, toJson, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import * as client from "../src/client_v1.js";
import * as kkt from "../src/kkt_v1.js";
import type { CallOptions, Partner } from "../src/index.js";
import type { Json } from "./values.js";

type Run = (partner: Partner, request: Json, options: CallOptions) => Promise<Json>;
type List = (partner: Partner, request: Json, options: CallOptions) => AsyncIterable<Json>;

function entry<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
  call: (partner: Partner, request: MessageShape<I>, options: CallOptions) => Promise<MessageShape<O>>,
): Run {
  return async (partner, request, options) =>
    toJson(output, await call(partner, fromJson(input, request), options)) as Json;
}

export const calls: Record<string, Run> = {
  "clients.lookup_taxpayer": entry(
    client.LookupTaxpayerRequestSchema,
    client.LookupTaxpayerResponseSchema,
    async (p, r, o) =>
      create(client.LookupTaxpayerResponseSchema, { taxpayer: await p.clients.lookupTaxpayer(r.inn, o) }),
  ),
  "clients.register": entry(client.RegisterRequestSchema, client.RegisterResponseSchema, (p, r, o) =>
    p.clients.register(r, o),
  ),
  "clients.get": entry(client.GetRequestSchema, client.GetResponseSchema, async (p, r, o) =>
    create(client.GetResponseSchema, { client: await p.clients.get(r.clientId, o) }),
  ),
  "clients.list_page": entry(client.ListRequestSchema, client.ListResponseSchema, (p, r, o) =>
    p.clients.listPage(r, o),
  ),
  "kkts.quick_register": entry(kkt.QuickRegisterRequestSchema, kkt.QuickRegisterResponseSchema, (p, r, o) =>
    p.kkts.quickRegister(r, o),
  ),
  "kkts.fiscalize": entry(kkt.FiscalizeRequestSchema, kkt.FiscalizeResponseSchema, (p, r, o) => p.kkts.fiscalize(r, o)),
  "kkts.amend": entry(kkt.AmendRequestSchema, kkt.AmendResponseSchema, (p, r, o) => p.kkts.amend(r, o)),
  "kkts.cancel": entry(kkt.CancelRequestSchema, kkt.CancelResponseSchema, (p, r, o) => p.kkts.cancel(r, o)),
  "kkts.get": entry(kkt.GetRequestSchema, kkt.GetResponseSchema, async (p, r, o) =>
    create(kkt.GetResponseSchema, { kkt: await p.kkts.get(r.kktId, o) }),
  ),
  "kkts.list_page": entry(kkt.ListRequestSchema, kkt.ListResponseSchema, (p, r, o) => p.kkts.listPage(r, o)),
};

export const lists: Record<string, List> = {
  async *"clients.list"(partner, request, options) {
    for await (const found of partner.clients.list(fromJson(client.ListRequestSchema, request), options)) {
      yield toJson(client.ClientSchema, found) as Json;
    }
  },
  async *"kkts.list"(partner, request, options) {
    for await (const found of partner.kkts.list(fromJson(kkt.ListRequestSchema, request), options)) {
      yield toJson(kkt.KktSchema, found) as Json;
    }
  },
};
