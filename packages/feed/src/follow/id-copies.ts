const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const FIRST_BYTES = 32 * 1024;

/**
 * Makes strings of many ids at once, each in memory of its own and as small as can be: their bytes are gathered as a JSON
 * array, and one parse makes them all. One by one, a decoder costs ten times as much, and slices keep the whole text alive.
 */
export class IdCopies {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** Adds the id between two places: ASCII without quotes and backslashes. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length + 4);
    const own = this.#bytes;
    let at = this.#length;
    own[at++] = at === 1 ? OPEN : COMMA;
    own[at++] = QUOTE;
    for (let i = start; i < end; i += 1) own[at++] = bytes[i] as number;
    own[at++] = QUOTE;
    this.#length = at;
  }

  /** The strings of all ids added since the last call, in their order. */
  take(): string[] {
    if (this.#length === 0) return [];
    this.#bytes[this.#length] = CLOSE;
    const text = new TextDecoder().decode(this.#bytes.subarray(0, this.#length + 1));
    this.#length = 0;
    return JSON.parse(text) as string[];
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
