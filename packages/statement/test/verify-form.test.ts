import { MAX_TOKEN_BYTES, type StatementType, verifyStatement } from "@dimmer/statement";
import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, encode, forge, type Issuer, ROLE_OF, STATEMENT_TYPES, samplePayloads } from "./issuer.ts";

const TYP = "dimmer-head+jwt";
let issuer: Issuer;
let header: { alg: string; kid: string; typ: string };
let payload: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  issuer = await createIssuer();
  header = { alg: "Ed25519", kid: issuer.signers.feed.kid, typ: TYP };
  payload = { ...samplePayloads(issuer.signers)[TYP] };
});

const forgeHead = async (changes: Record<string, unknown>): Promise<string> =>
  await forge(issuer.signers.feed, { ...header, ...changes }, payload);

/** Verifies a head and says why it was refused, and whether its signature was looked at. */
async function refusalOf(token: string): Promise<{ code: unknown; message: unknown; reached: boolean }> {
  let reached = false;
  const onSignature = (): void => {
    reached = true;
  };
  const error: unknown = await verifyStatement(TYP, token, issuer.keys, { onSignature }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toMatchObject({ name: "DimmerError" });
  const { code, message } = error as { code: unknown; message: unknown };
  return { code, message, reached };
}

async function expectMalformed(token: string, message: RegExp): Promise<void> {
  expect(await refusalOf(token)).toEqual({
    code: "statement_malformed",
    message: expect.stringMatching(message),
    reached: false,
  });
}

describe("the form of a token", () => {
  it("accepts alg Ed25519 and EdDSA", async () => {
    for (const alg of ["Ed25519", "EdDSA"]) {
      const { kid } = await verifyStatement(TYP, await forgeHead({ alg }), issuer.keys);
      expect(kid).toBe(issuer.signers.feed.kid);
    }
  });

  it.each([
    "none",
    "None",
    "",
    "HS256",
    "HS512",
    "ES256",
    "RS256",
    "PS256",
    "Ed448",
    "ed25519",
    "ML-DSA-44",
    7,
    null,
    undefined,
  ])("F3 · refuses alg %s before it looks at the signature", async (alg) => {
    await expectMalformed(await forgeHead({ alg }), /^header\.alg: must be "Ed25519" or "EdDSA"/);
  });

  it("F3 · refuses alg none with an empty signature", async () => {
    const token = await forgeHead({ alg: "none" });
    await expectMalformed(token.slice(0, token.lastIndexOf(".") + 1), /^header\.alg/);
  });

  it("F3 · refuses a token whose HS256 tag was made with the public key as its secret", async () => {
    const signed = `${encode(JSON.stringify({ ...header, alg: "HS256" }))}.${encode(JSON.stringify(payload))}`;
    const secret = Buffer.from(issuer.signers.feed.publicKey.x, "base64url");
    const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const tag = new Uint8Array(await crypto.subtle.sign("HMAC", key, Buffer.from(signed)));
    await expectMalformed(`${signed}.${encode(tag)}`, /^header\.alg/);
  });

  it("F3 · refuses every crit, also of extensions that JOSE knows", async () => {
    for (const crit of [["exp"], ["b64"], [], "b64", null]) {
      await expectMalformed(await forgeHead({ crit, exp: 1 }), /^header\.crit: is not understood/);
    }
    await expectMalformed(await forgeHead({ crit: ["b64"], b64: true }), /^header\.crit/);
  });

  it("F3 · refuses b64, with and without crit", async () => {
    await expectMalformed(await forgeHead({ b64: false }), /^header\.b64: is not understood/);
    await expectMalformed(await forgeHead({ b64: true }), /^header\.b64/);
    const signed = `${encode(JSON.stringify({ ...header, b64: false, crit: ["b64"] }))}.${JSON.stringify(payload)}`;
    const signature = await issuer.signers.feed.sign(Buffer.from(signed));
    await expectMalformed(`${signed}.${encode(signature)}`, /^header\.crit/);
  });

  it("F3 · refuses compression", async () => {
    await expectMalformed(await forgeHead({ zip: "DEF" }), /^header\.zip: is not understood/);
  });

  it("F3 · refuses a typ that is missing, is no text, or is that of another kind", async () => {
    await expectMalformed(await forgeHead({ typ: undefined }), /^header\.typ: must be a string, is missing/);
    await expectMalformed(await forgeHead({ typ: [TYP] }), /^header\.typ: must be a string/);
    for (const typ of ["JWT", "application/dimmer-head+jwt", "DIMMER-HEAD+JWT", "dimmer-head+jwt ", "__proto__"]) {
      await expectMalformed(await forgeHead({ typ }), /^header\.typ: must be "dimmer-head\+jwt"/);
    }
    for (const typ of STATEMENT_TYPES.filter((other) => other !== TYP)) {
      await expectMalformed(await forgeHead({ typ }), /^header\.typ: must be "dimmer-head\+jwt"/);
    }
  });

  it("F3 · refuses a kid that is missing or ill-formed", async () => {
    for (const kid of [undefined, null, 5, "", "short", `${header.kid}x`, "../../etc/passwd", { kid: header.kid }]) {
      await expectMalformed(await forgeHead({ kid }), /^header\.kid: must be 16 characters/);
    }
  });

  it("F3 · refuses a key twice in the header", async () => {
    const twice = `{"alg":"none","alg":"Ed25519","kid":"${header.kid}","typ":"${TYP}"}`;
    await expectMalformed(await forge(issuer.signers.feed, twice, payload), /^header: is not canonical JSON/);
  });

  it.each([
    ["white space", (text: string) => text.replace(",", ", ")],
    ["an escape that is not needed", (text: string) => text.replace("alg", "\\u0061lg")],
    ["a BOM", (text: string) => `\uFEFF${text}`],
    ["a text behind it", (text: string) => `${text}{}`],
    ["a key __proto__", (text: string) => text.replace("{", '{"__proto__":{"b64":true},')],
    ["an array", (text: string) => `[${text}]`],
    ["null", () => "null"],
    ["nothing", () => ""],
    ["nine levels", (text: string) => text.replace("{", '{"x":[[[[[[[[1]]]]]]]],')],
    ["a lone surrogate", (text: string) => text.replace("{", '{"x":"\\ud800",')],
  ])("F3 · refuses a header with %s", async (_, change) => {
    await expectMalformed(await forge(issuer.signers.feed, change(JSON.stringify(header)), payload), /^header/);
  });

  it("F3 · refuses a header that is not UTF-8", async () => {
    const bytes = Buffer.concat([Buffer.from(JSON.stringify(header)).subarray(0, -1), Buffer.from([0xff, 0x7d])]);
    const rest = (await forgeHead({})).split(".").slice(1).join(".");
    await expectMalformed(`${encode(bytes)}.${rest}`, /^header: is not UTF-8/);
  });

  it("F3 · refuses a header of more than 2048 characters", async () => {
    await expectMalformed(await forgeHead({ x5c: ["A".repeat(1500)] }), /^header: must be at most 2048/);
  });

  it("ignores a key in the header, and pointers to keys", async () => {
    const { publicKey } = issuer.signers.root;
    const pointers = { jwk: publicKey, jku: "https://evil.example/jwks", x5u: "https://evil.example/x5u", x5c: ["AA"] };
    expect((await verifyStatement(TYP, await forgeHead(pointers), issuer.keys)).kid).toBe(header.kid);
  });

  it.each(["", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c", " ", "{}", "é.é.é"])(
    "F3 · refuses the text %j",
    async (token) => {
      expect((await refusalOf(token)).code).toBe("statement_malformed");
    },
  );

  it("F3 · refuses what is no text", async () => {
    for (const token of [undefined, null, 1, {}, [], new Uint8Array(10)]) {
      await expectMalformed(token as unknown as string, /^token: must be a string/);
    }
  });

  it.each([
    ["padding", (part: string) => `${part}=`],
    ["white space", (part: string) => `${part}\n`],
    ["the other alphabet", (part: string) => `+${part.slice(1)}`],
    ["a character too many", (part: string) => `${part.slice(0, part.length - (part.length % 4))}A`],
    ["an unused bit that is set", (part: string) => withUnusedBit(part)],
    ["nothing in it", () => ""],
  ])("F3 · refuses %s in any of the three parts", async (_, change) => {
    // Lengths that leave unused bits in each part.
    const token = await forge(issuer.signers.feed, { ...header, x: "y" }, { ...payload, x: "yy" });
    const parts = token.split(".");
    for (const i of [0, 1, 2]) {
      const changed = parts.map((part, at) => (at === i ? change(part) : part)).join(".");
      if (changed !== token) expect((await refusalOf(changed)).code).toBe("statement_malformed");
    }
    expect((await verifyStatement(TYP, token, issuer.keys)).payload.epoch).toBe(3);
  });

  it("F3 · refuses a signature that is not 64 bytes", async () => {
    const token = await forgeHead({});
    const [head, body, signature] = token.split(".") as [string, string, string];
    const bytes = Buffer.from(signature, "base64url");
    for (const other of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0)]) {
      await expectMalformed(`${head}.${body}.${encode(other)}`, /^signature: must be 64 bytes/);
    }
  });

  it("F3 · refuses a token above the bytes of its kind before it decodes any of it", async () => {
    for (const typ of STATEMENT_TYPES) await expectTooLarge(typ);
    const token = await forgeHead({});
    await expect(verifyStatement(TYP, token, issuer.keys, { maxBytes: token.length - 1 })).rejects.toMatchObject({
      code: "statement_malformed",
      message: expect.stringMatching(/^token: has \d+ bytes/),
    });
    await expect(verifyStatement(TYP, token, issuer.keys, { maxBytes: token.length })).resolves.toBeDefined();
  });
});

/** Sets a bit that no byte owns: another spelling of the same bytes, where the length leaves such bits. */
function withUnusedBit(part: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (part.length % 4 === 0) return part;
  const last = alphabet.indexOf(part.slice(-1));
  const other = `${part.slice(0, -1)}${alphabet[last | 1]}`;
  expect(Buffer.from(other, "base64url")).toEqual(Buffer.from(part, "base64url"));
  return other;
}

async function expectTooLarge(typ: StatementType): Promise<void> {
  const signer = issuer.signers[ROLE_OF[typ]];
  const token = await forge(signer, { ...header, kid: signer.kid, typ }, { x: "y".repeat(MAX_TOKEN_BYTES[typ]) });
  await expect(verifyStatement(typ, token, issuer.keys, { maxBytes: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
    code: "statement_malformed",
    message: expect.stringMatching(/^token: has \d+ bytes, at most/),
  });
}
