import type { DimmerError } from "@dimmer/core";
import type { Refusal } from "./status.ts";

/** Counts refused updates. The same one, met again at each poll, counts once. */
export class Refusals {
  #count = 0;
  #last: Refusal | undefined;
  readonly #lastBySource = new Map<string, string>();

  /** @returns whether it is a new one */
  add(source: string, error: DimmerError, atMs: number, about = ""): boolean {
    const key = `${error.code} ${error.message} ${about}`;
    if (this.#lastBySource.get(source) === key) return false;
    this.#lastBySource.set(source, key);
    this.#count += 1;
    this.#last = { atMs, source, code: error.code, message: error.message };
    return true;
  }

  /** Notes that a source does not answer. @returns whether it says so for the first time in a row */
  addFault(source: string, error: DimmerError): boolean {
    if (this.#lastBySource.get(source) === error.message) return false;
    this.#lastBySource.set(source, error.message);
    return true;
  }

  /** The source gave something good: its next refusal is a new one. */
  clear(source: string): void {
    this.#lastBySource.delete(source);
  }

  status(): { readonly count: number; readonly last?: Refusal } {
    return { count: this.#count, ...(this.#last === undefined ? {} : { last: this.#last }) };
  }
}
