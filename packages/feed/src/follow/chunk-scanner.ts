const QUOTE = 0x22;
const LINE_END = 0x0a;
const MAX_ID_BYTES = 128;
const ASCII_END = 0x80;
/** FNV-1a, 32 bits. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const PREFIX = bytesOf('{"tenant":"');
/** Bytes that an id may have: 1 in every place, 2 not in the first. */
const ID_BYTES = idBytes();

/**
 * Walks over the lines of a chunk without making a string of any: finds the id, a hash of what follows it, and the end.
 * A million lines make no garbage. It knows bytes, not what they mean.
 */
export class ChunkScanner {
  readonly bytes: Uint8Array;
  /** Where the line begins, where its id does, the quote behind the id, and the line's end. */
  start = 0;
  idStart = 0;
  idEnd = 0;
  end = 0;
  /** Hash of the bytes from the quote behind the id to the end of the line: equal texts have equal hashes. */
  restHash = 0;
  /** Whether these bytes are ASCII. */
  isRestAscii = true;
  #beforeStart = 0;
  #beforeEnd = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether there is another line. The bytes must end with a line end. */
  get hasNext(): boolean {
    return this.end < this.bytes.length && (this.end === 0 ? this.bytes.length > 0 : this.end + 1 < this.bytes.length);
  }

  /** Goes to the next line. @returns whether it begins as one must; if not, only `start` and `end` count */
  next(): boolean {
    const { bytes } = this;
    this.#beforeStart = this.idStart;
    this.#beforeEnd = this.idEnd;
    this.start = this.end === 0 ? 0 : this.end + 1;
    let at = this.start;
    for (let i = 0; i < PREFIX.length; i += 1, at += 1) {
      if (bytes[at] !== PREFIX[i]) return this.#giveUp();
    }
    this.idStart = at;
    if (ID_BYTES[bytes[at] as number] !== 1) return this.#giveUp();
    while ((ID_BYTES[bytes[at] as number] as number) > 0) at += 1;
    this.idEnd = at;
    if (bytes[at] !== QUOTE || at - this.idStart > MAX_ID_BYTES) return this.#giveUp();
    this.#hashRest(at);
    return true;
  }

  /** Compares the line's id with that of the line before: negative where it stands before it, 0 where it is the same. */
  compareWithBefore(): number {
    const { bytes, idStart, idEnd } = this;
    const length = idEnd - idStart;
    const beforeLength = this.#beforeEnd - this.#beforeStart;
    const shorter = Math.min(length, beforeLength);
    for (let i = 0; i < shorter; i += 1) {
      const difference = (bytes[idStart + i] as number) - (bytes[this.#beforeStart + i] as number);
      if (difference !== 0) return difference;
    }
    return length - beforeLength;
  }

  /** Compares the line's id with a text of ASCII. */
  compareWith(text: string): number {
    const { bytes, idStart, idEnd } = this;
    const length = idEnd - idStart;
    const shorter = Math.min(length, text.length);
    for (let i = 0; i < shorter; i += 1) {
      const difference = (bytes[idStart + i] as number) - text.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - text.length;
  }

  /** Whether the text after the id, from its quote on, is this one. Only for a rest of ASCII. */
  isRest(text: string): boolean {
    const { bytes, idEnd, end } = this;
    if (text.length !== end - idEnd) return false;
    for (let i = 0; i < text.length; i += 1) if (bytes[idEnd + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  #hashRest(from: number): void {
    const { bytes } = this;
    let at = from;
    let hash = FNV_OFFSET;
    let bits = 0;
    for (let byte = bytes[at] as number; byte !== LINE_END; byte = bytes[at] as number) {
      // FNV-1a: it only has to spread, since what it finds is compared.
      hash = Math.imul(hash ^ byte, FNV_PRIME);
      bits |= byte;
      at += 1;
    }
    this.restHash = hash;
    this.isRestAscii = bits < ASCII_END;
    this.end = at;
  }

  #giveUp(): false {
    this.end = this.bytes.indexOf(LINE_END, this.start);
    return false;
  }
}

/** Hash of a text, for a map whose finds are compared: equal texts have equal hashes. */
export function hashOf(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** As `hashOf`, of the UTF-8 bytes of a text: what a scanner finds in a chunk. */
export function hashOfBytes(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of bytesOf(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function idBytes(): Uint8Array {
  const classes = new Uint8Array(256);
  for (const byte of bytesOf(".:-")) classes[byte] = 2;
  for (const byte of bytesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")) classes[byte] = 1;
  return classes;
}
