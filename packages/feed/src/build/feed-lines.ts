import { canonicalLine, isTombstone, type WireEntitlement, type WireTombstone } from "@dimmer/statement";
import { sha256Word } from "./sha256-word.ts";

const PREFIX = '{"tenant":"';
const GONE = '","gone":';
const FIRST_CAPACITY = 1_024;

/** The tenant of a canonical line. Never throws. */
export function tenantOfLine(line: string): string {
  return line.slice(PREFIX.length, line.indexOf('"', PREFIX.length));
}

/** When the tenant of a canonical line was removed, in Unix seconds; `undefined` for an entitlement. Never throws. */
export function goneOfLine(line: string): number | undefined {
  const end = line.indexOf('"', PREFIX.length);
  return line.startsWith(GONE, end) ? Number.parseInt(line.slice(end + GONE.length), 10) : undefined;
}

/**
 * The lines of a feed as they come in: one flat string and one number a tenant, as a million of them are held at once.
 * It keeps what it is given, also a tenant twice: the bucket's sort brings the two together.
 */
export class FeedLines {
  readonly lines: string[] = [];
  /** Tenants with a restriction. */
  restricted = 0;
  /** Lines that are tombstones. */
  gone = 0;
  #words: Uint32Array = new Uint32Array(FIRST_CAPACITY);

  /** Adds an entitlement or a tombstone that has been checked. */
  add(checked: WireEntitlement | WireTombstone): void {
    if (isTombstone(checked)) this.gone++;
    else if (checked.restrictions !== undefined && checked.restrictions.length > 0) this.restricted++;
    this.addLine(canonicalLine(checked));
  }

  /** Adds a line that is canonical already. It is not counted as restricted or gone. */
  addLine(line: string): void {
    const at = this.lines.length;
    if (at === this.#words.length) {
      const larger = new Uint32Array(at * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = sha256Word(tenantOfLine(line));
    this.lines.push(line);
  }

  /**
   * Sorts the lines into buckets, each in the order of the tenants' code units. Lines are compared whole: up to the end
   * of the id all are alike, and the quote that ends it stands below every character of an id.
   */
  byBucket(buckets: number): string[][] {
    const groups: string[][] = Array.from({ length: buckets }, () => []);
    const mask = buckets - 1;
    for (const [i, line] of this.lines.entries()) groups[((this.#words[i] as number) & mask) >>> 0]?.push(line);
    for (const group of groups) group.sort();
    return groups;
  }
}
