import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { PartnerError } from "./errors.js";

/** A token file is read again after so long: well within the ten seconds that the documentation promises. */
const TOKEN_FILE_MAX_AGE_MS = 5_000;

/** Where the token comes from. */
export interface TokenSource {
  /** The token to send; undefined sends none. */
  current(): Promise<string | undefined>;
  /** Looks again after `refused` was refused: whether there is another one now. */
  replaced(refused: string | undefined): Promise<boolean>;
}

/** A token that never changes, or none. */
export class FixedToken implements TokenSource {
  readonly #token: string | undefined;

  constructor(token: string | undefined) {
    this.#token = token === undefined ? undefined : checked(token, "token");
  }

  current = async () => this.#token;
  replaced = async () => false;
}

/** A token in a file that somebody else rotates. */
export class FileToken implements TokenSource {
  #token: string;
  #readAt: number;
  #reading: Promise<void> | undefined;

  readonly #path: string;
  readonly #now: () => number;

  constructor(path: string, now = () => performance.now()) {
    this.#path = path;
    this.#now = now;
    this.#token = firstOf(path);
    this.#readAt = now();
  }

  async current(): Promise<string> {
    if (this.#now() - this.#readAt >= TOKEN_FILE_MAX_AGE_MS) await this.#read();
    return this.#token;
  }

  async replaced(refused: string | undefined): Promise<boolean> {
    await this.#read();
    return this.#token !== refused;
  }

  #read(): Promise<void> {
    return (this.#reading ??= this.#readNow().finally(() => (this.#reading = undefined)));
  }

  async #readNow(): Promise<void> {
    try {
      this.#token = checked(await readFile(this.#path, "utf8"), this.#path);
      this.#readAt = this.#now();
    } catch {
      // While a file is being replaced it may be away, or empty, for a moment: the token that is known goes on.
    }
  }
}

/** A file that is not there, or holds no token, is told at construction. */
function firstOf(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new PartnerError({ code: "INVALID_ARGUMENT", message: `the token file ${path} cannot be read`, cause });
  }
  return checked(text, path);
}

/** The token in `text`. What is wrong with it is told without it. */
function checked(text: string, where: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new PartnerError({
    code: "INVALID_ARGUMENT",
    message: `the token: ${where} is empty, or holds more than one token`,
  });
}
