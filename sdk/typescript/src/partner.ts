import { Caller } from "./caller.js";
import { Clients } from "./clients.js";
import { Kkts } from "./kkts.js";
import { settingsOf, type PartnerOptions } from "./options.js";

/**
 * The connection of the calling partner. Make one and keep it: all calls share an HTTP/2 connection, and all
 * streams another; the first of each opens it. Idle ones do not keep the program from ending.
 */
export class Partner implements AsyncDisposable {
  readonly clients: Clients;
  readonly kkts: Kkts;
  readonly #caller: Caller;

  constructor(options: PartnerOptions) {
    this.#caller = new Caller(settingsOf(options));
    this.clients = new Clients(this.#caller);
    this.kkts = new Kkts(this.#caller);
  }

  /** Ends calls and streams under way with CANCELLED, and closes the connection. */
  close(): void {
    this.#caller.close();
  }

  /** For `await using partner = new Partner(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
