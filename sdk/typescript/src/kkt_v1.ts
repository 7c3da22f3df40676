// Everything of litebox.kkt.v1, for those who need more than the package's main entry names.
export * from "./gen/litebox/kkt/v1/application_pb.js";
export * from "./gen/litebox/kkt/v1/kkt_pb.js";
export * from "./gen/litebox/kkt/v1/kkt_service_pb.js";
