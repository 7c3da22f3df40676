// Everything of litebox.client.v1, for those who need more than the package's main entry names.
export * from "./gen/litebox/client/v1/address_pb.js";
export * from "./gen/litebox/client/v1/client_pb.js";
export * from "./gen/litebox/client/v1/client_service_pb.js";
export * from "./gen/litebox/client/v1/taxpayer_pb.js";
