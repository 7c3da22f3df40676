export { Partner } from "./partner.js";
export type { CallOptions, PartnerOptions, TlsOptions } from "./options.js";
export type { Clients, ListClientsInit, Registered, RegisterInit } from "./clients.js";
export type { AmendInit, CancelInit, FiscalizeInit, Kkts, ListKktsInit, QuickRegisterInit, WithKkt } from "./kkts.js";
export type { Watch, WatchOptions } from "./watch.js";
export type { WaitOptions } from "./wait.js";
export { isReason, PartnerError, REASONS, RegistrationEndedError } from "./errors.js";
export type { Code, FieldViolation, PartnerErrorInit, PreconditionViolation, Reason } from "./errors.js";
export { VERSION } from "./version.js";

// What programs name most. The rest, and the schemas, are in @litebox/partner/client/v1 and @litebox/partner/kkt/v1.
export {
  ClientAction,
  ClientOrder,
  ClientState,
  ClientType,
  TaxpayerKind,
  TaxpayerStatus,
  type Address,
  type Client,
  type Taxpayer,
} from "./client_v1.js";
export {
  Agent,
  EquipmentKind,
  FfdVersion,
  KktAction,
  KktState,
  ReportSource,
  TaxSystem,
  WaitingFor,
  type Blocked,
  type Card,
  type Kkt,
  type KktEquipment,
  type Preview,
  type Rejection,
  type Report,
  type Requirement,
  type Transition,
} from "./kkt_v1.js";
