import type { Random } from "../random.ts";

/** What becomes of a piece of bytes on its way: other bytes, later, or none and the end of the connection. */
export interface Fate {
  /** Empty: nothing arrives, and nobody is told. */
  readonly bytes: Buffer;
  readonly delayMs?: number;
  /** After these bytes: `end` closes in order, `reset` breaks off. */
  readonly ending?: "end" | "reset";
}

/** What a line does to the pieces that pass it, of one connection in one direction, in their order. */
export interface Weather {
  readonly name: string;
  /** Whether new connections are taken. */
  readonly isRefusing?: boolean;
  /** @param before bytes that passed on this connection, in this direction, before this piece */
  fate(piece: Buffer, before: number): Fate;
}

const NOTHING = Buffer.alloc(0);

/** Everything passes. */
export const CLEAR: Weather = { name: "clear", fate: (bytes) => ({ bytes }) };

/** Nobody is there: a connection is reset as soon as it is made, and those that are open break off. */
export const GONE: Weather = { name: "gone", isRefusing: true, fate: () => ({ bytes: NOTHING, ending: "reset" }) };

/** Half-open: connections stand, and nothing ever arrives. */
export const SWALLOWING: Weather = { name: "swallowing", fate: () => ({ bytes: NOTHING }) };

/** Each piece arrives after a time of its own up to `mostMs`; their order stays. */
export function delaying(random: Random, mostMs: number): Weather {
  return { name: "delaying", fate: (bytes) => ({ bytes, delayMs: random.int(0, mostMs) }) };
}

/** Breaks connections off now and then, each piece with this chance. */
export function dropping(random: Random, chance: number): Weather {
  return {
    name: "dropping",
    fate: (bytes) => (random.next() < chance ? { bytes: NOTHING, ending: "reset" } : { bytes }),
  };
}

/** Ends connections in the middle of a piece, in order, as a proxy does that gives up. */
export function truncating(random: Random, chance: number): Weather {
  return {
    name: "truncating",
    fate: (bytes) =>
      random.next() < chance ? { bytes: bytes.subarray(0, random.int(0, bytes.length)), ending: "end" } : { bytes },
  };
}

/** Flips one bit of a piece now and then. */
export function flipping(random: Random, chance: number): Weather {
  return {
    name: "flipping",
    fate: (bytes) => {
      if (bytes.length === 0 || random.next() >= chance) return { bytes };
      const flipped = Buffer.from(bytes);
      const at = random.int(0, bytes.length - 1);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.int(0, 7));
      return { bytes: flipped };
    },
  };
}

/** Swaps two parts of a piece now and then: what a broken middle box makes of segments out of order. */
export function reordering(random: Random, chance: number): Weather {
  return {
    name: "reordering",
    fate: (bytes) => {
      if (bytes.length < 2 || random.next() >= chance) return { bytes };
      const at = random.int(1, bytes.length - 1);
      return { bytes: Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]) };
    },
  };
}
