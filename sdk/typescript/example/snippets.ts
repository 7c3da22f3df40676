// What the blocks of README.md take for granted, each in place of the line at the end.
import { isReason, Partner, PartnerError, RegistrationEndedError, type QuickRegisterInit } from "@litebox/partner";

declare const partner: Partner;
declare const order: QuickRegisterInit;
declare const request: QuickRegisterInit;
declare const [kktId, pageToken]: string[];
declare const controller: AbortController;
declare const signal: AbortSignal;
declare function anotherCode(): Promise<string>;
declare function load(): Promise<string>;
declare const [ask, forget, handle, log, save, show, store, take]: ((...things: unknown[]) => unknown)[];
class AskSupport extends Error {}

void (async () => {
  // BLOCK
});
