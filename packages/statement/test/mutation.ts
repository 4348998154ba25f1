import { encode, STATEMENT_TYPES } from "./issuer.ts";

/** Chance from a seed, so that a run can be had again. @see mulberry32 */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 on, below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

type Parts = [header: string, payload: string, signature: string];
/** Changes a token; `others` are good tokens to take parts from. */
type Mutation = (token: string, chance: Chance, others: readonly string[]) => string;

const partsOf = (token: string): Parts => token.split(".") as Parts;
const bytesOf = (part: string): Buffer => Buffer.from(part, "base64url");
const textOf = (part: string): string => bytesOf(part).toString();

const WEIRD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1e300,
  2 ** 53,
  253_402_300_800,
  "",
  "__proto__",
  "constructor",
  "..",
  "\u0000",
  "\ud800",
  "夜🌙",
  "ａｃｍｅ",
  "a".repeat(200),
  "A".repeat(43),
  [],
  {},
  [[]],
  [null],
  { __proto__: null },
  [{}],
  "none",
  Array.from({ length: 70 }, () => "view"),
  JSON.parse('{"__proto__":{"iss":1}}'),
];
const RAW: readonly string[] = [
  "1e999",
  "-1e999",
  "1E5",
  "01",
  "1.0",
  "-0",
  "12345678901234567890",
  `${"9".repeat(400)}`,
  "0x10",
  "NaN",
  "Infinity",
  '"\\ud800"',
  '"\\u0061"',
  "\uFEFF",
  "\u2028",
  " ",
  "\n",
  "/**/",
  ",",
  "}",
  "]",
  "{",
  "[",
  '"',
  "\\",
  "'",
  "tru",
  '{"a":1,"a":2}',
  "[".repeat(100),
  '"__proto__":{},',
];

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flipsCharacterBit(token, chance) {
    const at = chance.below(token.length);
    const code = token.charCodeAt(at) ^ (1 << chance.below(8));
    return token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1);
  },
  flipsByteBit(token, chance) {
    const parts = partsOf(token);
    const which = chance.below(3) as 0 | 1 | 2;
    const bytes = bytesOf(parts[which]);
    const at = chance.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
    parts[which] = encode(bytes);
    return parts.join(".");
  },
  truncates(token, chance) {
    return chance.below(2) === 0
      ? token.slice(0, chance.below(token.length))
      : token.slice(1 + chance.below(token.length));
  },
  truncatesPart(token, chance) {
    const parts = partsOf(token);
    const which = chance.below(3) as 0 | 1 | 2;
    const bytes = bytesOf(parts[which]);
    parts[which] = encode(bytes.subarray(0, chance.below(bytes.length)));
    return parts.join(".");
  },
  swapsParts(token, chance, others) {
    const parts = partsOf(token);
    const which = chance.below(3) as 0 | 1 | 2;
    parts[which] = partsOf(chance.pick(others))[chance.below(8) === 0 ? chance.below(3) : which] as string;
    return parts.join(".");
  },
  reordersParts(token, chance) {
    const parts: string[] = partsOf(token);
    const order = chance.pick([[1, 0, 2], [2, 1, 0], [0, 2, 1], [0, 1], [0, 1, 2, 2], [0, 0, 1, 2], [2], [0, 1, 1]]);
    return order.map((at) => parts[at]).join(".");
  },
  swapsSignature(token, chance, others) {
    const [header, payload, signature] = partsOf(token);
    const bytes = bytesOf(signature);
    const other = bytesOf(partsOf(chance.pick(others))[2]);
    const mixed = chance.pick([
      other,
      Buffer.alloc(64),
      Buffer.concat([bytes.subarray(0, 32), other.subarray(32)]),
      Buffer.concat([other.subarray(0, 32), bytes.subarray(32)]),
      Buffer.from(bytes).reverse(),
      Buffer.from(Array.from({ length: 64 }, () => chance.below(256))),
    ]);
    return `${header}.${payload}.${encode(mixed)}`;
  },
  editsHeader(token, chance) {
    const [header, payload, signature] = partsOf(token);
    const fields = JSON.parse(textOf(header)) as Record<string, unknown>;
    const name = chance.pick([
      "alg",
      "kid",
      "typ",
      "crit",
      "b64",
      "zip",
      "jwk",
      "jku",
      "x5c",
      "x5u",
      "cty",
      "x",
      "iss",
    ]);
    const value = chance.pick<unknown>([
      ...WEIRD,
      "EdDSA",
      "Ed25519",
      "HS256",
      "ES256",
      "DEF",
      ["b64"],
      undefined,
      { kty: "OKP", crv: "Ed25519", x: "AA" },
    ]);
    return `${encode(JSON.stringify({ ...fields, [name]: value }))}.${payload}.${signature}`;
  },
  swapsType(token, chance) {
    const [header, payload, signature] = partsOf(token);
    const fields = JSON.parse(textOf(header)) as Record<string, unknown>;
    return `${encode(JSON.stringify({ ...fields, typ: chance.pick(STATEMENT_TYPES) }))}.${payload}.${signature}`;
  },
  editsPayload(token, chance) {
    const [header, payload, signature] = partsOf(token);
    return `${header}.${encode(editJson(textOf(payload), chance))}.${signature}`;
  },
  editsText(token, chance) {
    const parts = partsOf(token);
    const which = chance.below(4) === 0 ? 0 : 1;
    parts[which] = encode(editText(textOf(parts[which]), chance));
    return parts.join(".");
  },
  spellsDifferently(token, chance) {
    const at = chance.below(token.length + 1);
    return (
      token.slice(0, at) +
      chance.pick(["=", "==", "+", "/", ".", " ", "\n", "\u0000", "é", "🌙", "%2e"]) +
      token.slice(at)
    );
  },
  repeats(token, chance) {
    return chance.pick([
      `${token}.${token}`,
      `${token}${token}`,
      token.repeat(chance.below(40)),
      `${token}\n`,
      ` ${token}`,
    ]);
  },
  invents(_, chance) {
    const random = (length: number): string => encode(Buffer.from(Array.from({ length }, () => chance.below(256))));
    return `${random(chance.below(100))}.${random(chance.below(300))}.${random(64)}`;
  },
};

export const MUTATION_NAMES: readonly string[] = Object.keys(MUTATIONS);

/** Changes a token in the way that is named; the result may be a good token again where parts were swapped. */
export function mutate(
  name: string,
  token: string,
  { chance, others }: { chance: Chance; others: readonly string[] },
): string {
  const mutation = MUTATIONS[name];
  if (mutation === undefined) throw new Error(`no mutation ${name}`);
  return mutation(token, chance, others);
}

/** Changes the text of a payload: as JSON, as text, or as bytes. */
export function mutatePayload(text: string, chance: Chance): Buffer {
  switch (chance.below(4)) {
    case 0:
      return Buffer.from(editText(text, chance));
    case 1: {
      const bytes = Buffer.from(text);
      for (let flips = 1 + chance.below(3); flips > 0; flips--) {
        const at = chance.below(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
      }
      return bytes;
    }
    default:
      return Buffer.from(editJson(text, chance));
  }
}

/** Sets, removes or adds a value somewhere in the JSON. */
function editJson(text: string, chance: Chance): string {
  const root: unknown = JSON.parse(text);
  let at = root as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(at);
    if (keys.length === 0) break;
    const key = chance.pick(keys);
    const child = at[key];
    if (typeof child === "object" && child !== null && chance.below(4) !== 0) {
      at = child as Record<string, unknown>;
      continue;
    }
    const action = chance.below(6);
    if (action === 0) delete at[key];
    else if (action === 1)
      at[chance.pick(["gone", "later", "iss", "tenant", "0", "__proto__x", "é"])] = chance.pick(WEIRD);
    else if (action === 2 && typeof child === "number")
      at[key] = child + chance.pick([1, -1, 1e10, 0.5, -child, 2 ** 40]);
    else if (action === 3 && typeof child === "string") at[key] = child + chance.pick(["x", "\n", "\ud83c", "é", "/"]);
    else at[key] = chance.pick(WEIRD);
    break;
  }
  return JSON.stringify(root);
}

/** Inserts, removes or replaces characters of the text. */
function editText(text: string, chance: Chance): string {
  const start = chance.below(text.length + 1);
  const end = start + chance.pick([0, 0, 1, 2, 10]);
  const insert = chance.pick([...RAW, "", text.slice(0, 50), text.slice(start, start + 40)]);
  return text.slice(0, start) + insert + text.slice(end);
}
