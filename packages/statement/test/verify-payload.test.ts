import { type StatementType, signStatement, verifyStatement } from "@dimmer/statement";
import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, DIGEST, forge, type Issuer, ROLE_OF, STATEMENT_TYPES, samplePayloads } from "./issuer.ts";

let issuer: Issuer;

beforeAll(async () => {
  issuer = await createIssuer();
});

/** Verifies what somebody with a good key signed. */
async function verifySigned(typ: StatementType, payload: string | Uint8Array | object): Promise<unknown> {
  const signer = issuer.signers[ROLE_OF[typ]];
  const isRaw = typeof payload === "string" || payload instanceof Uint8Array;
  const token = await forge(signer, { alg: "Ed25519", kid: signer.kid, typ }, isRaw ? payload : { ...payload });
  return await verifyStatement(typ, token, issuer.keys);
}

async function expectRefused(
  typ: StatementType,
  payload: string | Uint8Array | object,
  message: RegExp,
): Promise<void> {
  await expect(verifySigned(typ, payload)).rejects.toMatchObject({
    name: "DimmerError",
    code: "statement_malformed",
    message: expect.stringMatching(message),
  });
}

const good = <T extends StatementType>(typ: T, changes: object = {}): object => ({
  ...samplePayloads(issuer.signers)[typ],
  ...changes,
});
const HEAD = "dimmer-head+jwt";

describe("the text of a payload", () => {
  it.each([
    ["a key twice", (text: string) => text.replace("{", '{"epoch":9,')],
    ["white space", (text: string) => text.replace(",", ", ")],
    ["a line end", (text: string) => `${text}\n`],
    ["an escape that is not needed", (text: string) => text.replace('"iss"', '"\\u0069ss"')],
    ["an escaped slash", (text: string) => text.replace("https://", "https:\\/\\/")],
    ["an exponent", (text: string) => text.replace("1042", "1.042e3")],
    ["a decimal point", (text: string) => text.replace("1042", "1042.0")],
    ["minus zero", (text: string) => text.replace('"epoch":3', '"epoch":-0')],
    ["a number that does not survive", (text: string) => text.replace("1042", "12345678901234567890")],
    ["an infinite number", (text: string) => text.replace("1042", "1e999")],
    ["keys that are numbers, out of order", (text: string) => text.replace("{", '{"2":0,"1":0,')],
    ["a trailing comma", (text: string) => text.replace(/\}$/, ",}")],
    ["a comment", (text: string) => `/**/${text}`],
    ["a BOM", (text: string) => `\uFEFF${text}`],
    ["a second value", (text: string) => `${text}{}`],
    ["nothing but a bracket", () => "{"],
    ["an unterminated string", () => '{"iss":"'],
    ["a backslash at its end", () => '{"iss":"\\'],
  ])("F3 · is refused with %s", async (_, change) => {
    await expectRefused(HEAD, change(JSON.stringify(good(HEAD))), /^payload: /);
  });

  it("F3 · is refused where it is not UTF-8", async () => {
    const text = Buffer.from(JSON.stringify(good(HEAD)));
    text[9] = 0xff;
    await expectRefused(HEAD, text, /^payload: is not UTF-8/);
    const overlong = Buffer.concat([Buffer.from('{"iss":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]);
    await expectRefused(HEAD, overlong, /^payload: is not UTF-8/);
  });

  it("F3 · is refused with a key __proto__ at any depth", async () => {
    const text = JSON.stringify(good(HEAD));
    await expectRefused(HEAD, text.replace("{", '{"__proto__":{"seq":1},'), /"__proto__"/);
    const token = JSON.stringify(good("dimmer-entitlement+jwt", { x: { y: [{ z: 0 }] } }));
    await expectRefused("dimmer-entitlement+jwt", token.replace('{"z"', '{"__proto__"'), /"__proto__"/);
    const policy = JSON.stringify(good("dimmer-policy+jwt"));
    await expectRefused("dimmer-policy+jwt", policy.replace('"plans":{', '"plans":{"__proto__":{},'), /"__proto__"/);
  });

  it("takes the words __proto__ in a text for what they are", async () => {
    await expect(verifySigned(HEAD, good(HEAD, { x: '"__proto__":' }))).resolves.toBeDefined();
  });

  it("F3 · is refused with a lone surrogate in a value or a key", async () => {
    for (const escaped of ["\\ud800", "\\udfff", "x\\udc00y"]) {
      await expectRefused(HEAD, JSON.stringify(good(HEAD)).replace("{", `{"x":"${escaped}",`), /surrogate/);
      await expectRefused(HEAD, JSON.stringify(good(HEAD)).replace("{", `{"${escaped}":1,`), /surrogate/);
    }
  });

  it("takes pairs of surrogates, and backslashes before ud, for what they are", async () => {
    await expect(verifySigned(HEAD, good(HEAD, { x: "🌙\\ud800\\" }))).resolves.toBeDefined();
  });

  it.each(STATEMENT_TYPES)("F3 · of %s is refused deeper than 32 levels and taken with 32", async (typ) => {
    const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
    await expect(verifySigned(typ, good(typ, { x: nest(31) }))).resolves.toBeDefined();
    await expectRefused(typ, good(typ, { x: nest(32) }), /^payload: nests deeper than 32 levels/);
  });

  it("F3 · is refused with a bracket opened a hundred thousand times, without a crash", async () => {
    await expectRefused("dimmer-locks+jwt", "[".repeat(100_000), /nests deeper/);
    await expectRefused("dimmer-locks+jwt", '{"a":'.repeat(100_000), /nests deeper/);
  });

  it("F3 · is refused with more values than its kind may hold", async () => {
    const typ = "dimmer-entitlement+jwt";
    const filler = Array.from({ length: 10_100 }, () => 0);
    await expect(verifySigned(typ, JSON.stringify(good(typ)).replace("{", '{"x":[0],'))).resolves.toBeDefined();
    await expectRefused("dimmer-keyset+jwt", good("dimmer-keyset+jwt", { x: filler }), /holds more than 10000 values/);
    const many = `[${"0,".repeat(1_000_000)}0]`;
    await expectRefused("dimmer-locks+jwt", `{"x":${many}}`, /holds more than 1000000 values/);
  });

  it.each(["null", "[]", '"x"', "1", "true", "{}"])("F3 · is refused where it is %s", async (text) => {
    for (const typ of STATEMENT_TYPES) await expectRefused(typ, text, /^\S+: /);
  });
});

describe("fields that a verifier does not know", () => {
  it.each(STATEMENT_TYPES)("are tolerated in %s", async (typ) => {
    await expect(verifySigned(typ, good(typ, { later: { addition: [1] } }))).resolves.toMatchObject({
      payload: samplePayloads(issuer.signers)[typ],
    });
  });

  it("are tolerated within an entitlement and a lock", async () => {
    const payload = samplePayloads(issuer.signers)["dimmer-entitlement+jwt"];
    const lock = { tenant: "acme", cause: "legal", case: "c", since: 1, allow: [], later: 1 };
    const entitlement = { ...payload.entitlement, later: { a: 1 } };
    await expect(verifySigned("dimmer-entitlement+jwt", { ...payload, entitlement, lock })).resolves.toBeDefined();
  });
});

const RULES: readonly (readonly [StatementType, object, RegExp])[] = [
  [HEAD, { epoch: -1 }, /^epoch: /],
  [HEAD, { epoch: 1.5 }, /^epoch: /],
  [HEAD, { seq: "1042" }, /^seq: /],
  [HEAD, { seq: 2 ** 53 }, /^seq: /],
  [HEAD, { index: `${"A".repeat(42)}B` }, /^index: /],
  [HEAD, { index: "A".repeat(44) }, /^index: /],
  [HEAD, { policy: undefined }, /^policy: /],
  [HEAD, { locks: { epoch: 3, seq: 7 } }, /^locks\.digest: /],
  [HEAD, { iat: 1_790_000_000.5 }, /^iat: /],
  [HEAD, { iat: -1 }, /^iat: /],
  [HEAD, { fresh_until: 1_790_000_000 }, /^fresh_until: must be later than iat/],
  [HEAD, { fresh_until: 253_402_300_800 }, /^fresh_until: /],
  ["dimmer-index+jwt", { buckets: 24 }, /^buckets: /],
  ["dimmer-index+jwt", { buckets: 8 }, /^buckets: /],
  ["dimmer-index+jwt", { buckets: 131_072 }, /^buckets: /],
  ["dimmer-index+jwt", { buckets: 32 }, /^chunks: must be one a bucket/],
  ["dimmer-index+jwt", { chunks: [DIGEST] }, /^chunks: must be one a bucket/],
  ["dimmer-index+jwt", { chunks: Array.from({ length: 16 }, () => "../../x") }, /^chunks/],
  ["dimmer-index+jwt", { count: -1 }, /^count: /],
  ["dimmer-delta+jwt", { base: 1042 }, /^seq: must be above base/],
  ["dimmer-delta+jwt", { entitlements: [{ tenant: "acme" }] }, /^entitlements\[0\]\.plan: /],
  [
    "dimmer-delta+jwt",
    {
      entitlements: [
        { tenant: "acme", plan: "pro" },
        { tenant: "acme", gone: 1 },
      ],
    },
    /^entitlements\[1\]\.tenant: "acme" stands there twice/,
  ],
  ["dimmer-locks+jwt", { locks: {} }, /^locks: /],
  [
    "dimmer-locks+jwt",
    { locks: [{ tenant: "a", cause: "nonpayment", case: "c", since: 1, allow: [] }] },
    /^locks\[0\]\.cause: must be one of security, legal, breach/,
  ],
  [
    "dimmer-locks+jwt",
    { locks: [{ tenant: "..", cause: "legal", case: "c", since: 1, allow: [] }] },
    /^locks\[0\]\.tenant: /,
  ],
  [
    "dimmer-locks+jwt",
    { locks: [{ tenant: "a", cause: "legal", case: "", since: 1, allow: [] }] },
    /^locks\[0\]\.case: /,
  ],
  [
    "dimmer-locks+jwt",
    { locks: [{ tenant: "a", cause: "legal", case: "c", since: 1.5, allow: [] }] },
    /^locks\[0\]\.since: /,
  ],
  ["dimmer-locks+jwt", { locks: [{ tenant: "a", cause: "legal", case: "c", since: 1 }] }, /^locks\[0\]\.allow: /],
  [
    "dimmer-locks+jwt",
    { locks: [{ tenant: "a", cause: "legal", case: "c", since: 1, allow: ["*"] }] },
    /^locks\[0\]\.allow\[0\]: /,
  ],
  ["dimmer-locks+jwt", { locks: [null] }, /^locks\[0\]: must be an object, is null/],
  [
    "dimmer-locks+jwt",
    { locks: [1, 2].map((since) => ({ tenant: "a", cause: "legal", case: "c", since, allow: [] })) },
    /^locks\[1\]\.tenant: "a" stands there twice/,
  ],
  ["dimmer-entitlement+jwt", { sub: "initech" }, /^entitlement\.tenant: must be the sub/],
  ["dimmer-entitlement+jwt", { sub: ".." }, /^sub: /],
  ["dimmer-entitlement+jwt", { exp: 1_790_000_000 }, /^exp: must be later than iat/],
  ["dimmer-entitlement+jwt", { exp: undefined }, /^exp: /],
  ["dimmer-entitlement+jwt", { entitlement: undefined }, /^entitlement: must be an object, is missing/],
  ["dimmer-entitlement+jwt", { entitlement: { tenant: "acme", gone: 1 } }, /^entitlement\.gone: must be left out/],
  ["dimmer-entitlement+jwt", { lock: null }, /^lock: must be an object/],
  [
    "dimmer-entitlement+jwt",
    { lock: { tenant: "other", cause: "legal", case: "c", since: 1, allow: [] } },
    /^lock\.tenant: must be the sub/,
  ],
  ["dimmer-keyset+jwt", { version: 0 }, /^version: /],
  ["dimmer-keyset+jwt", { keys: [] }, /^keys: /],
  ["dimmer-keyset+jwt", { revocations: undefined }, /^revocations: /],
  ["dimmer-keyset+jwt", { revocations: [{ kid: "x", lastGood: { epoch: 0, seq: 0 } }] }, /^revocations\[0\]\.kid: /],
  ["dimmer-keyset+jwt", { revocations: [{ kid: "A".repeat(16), lastGood: 3 }] }, /^revocations\[0\]\.lastGood: /],
  ["dimmer-policy+jwt", { policy: {} }, /^policy\.name: /],
  ["dimmer-policy+jwt", { policy: [] }, /^policy: /],
  ["dimmer-policy+jwt", { policy: null }, /^policy: /],
];

describe("the fields of a payload", () => {
  it.each(RULES)("F3 · of %s are refused with %o", async (typ, changes, message) => {
    await expectRefused(typ, good(typ, changes), message);
  });

  it.each(RULES)("of %s are not signed with %o", async (typ, changes, message) => {
    const payload = good(typ, changes) as never;
    await expect(signStatement(typ, payload, issuer.signers[ROLE_OF[typ]])).rejects.toMatchObject({
      code: "statement_malformed",
      message: expect.stringMatching(message),
    });
  });

  it("F3 · of a keyset are refused with a kid twice, no root or two", async () => {
    const { keys } = samplePayloads(issuer.signers)["dimmer-keyset+jwt"];
    const [root, ...others] = keys;
    const typ = "dimmer-keyset+jwt";
    await expectRefused(typ, good(typ, { keys: [...keys, others[0]] }), /^keys: must have a kid each/);
    await expectRefused(typ, good(typ, { keys: others }), /^keys: must have exactly one root key/);
    const second = { ...others[0], role: "root" };
    await expectRefused(typ, good(typ, { keys: [root, second] }), /^keys: must have exactly one root key/);
    const secret = { ...root, jwk: { kty: "oct", k: "AA" } };
    await expectRefused(typ, good(typ, { keys: [secret] }), /^keys\[0\]\.jwk\.kty: /);
  });

  it.each([
    "name",
    "version",
    "zone",
    "capabilities",
    "principals",
    "modes",
    "features",
    "plans",
    "fallback",
    "offline",
    "links",
    "texts",
  ])("F3 · of a policy are refused without %s", async (field) => {
    const { policy } = samplePayloads(issuer.signers)["dimmer-policy+jwt"];
    const typ = "dimmer-policy+jwt";
    await expectRefused(
      typ,
      good(typ, { policy: { ...policy, [field]: undefined } }),
      new RegExp(`^policy\\.${field}: `),
    );
  });

  it("of a policy are passed on whole, those that nobody knows too", async () => {
    const { policy } = samplePayloads(issuer.signers)["dimmer-policy+jwt"];
    const later = { ...policy, tracks: { nonpayment: [] } };
    await expect(
      verifySigned("dimmer-policy+jwt", good("dimmer-policy+jwt", { policy: later })),
    ).resolves.toMatchObject({
      payload: { policy: later },
    });
  });
});
