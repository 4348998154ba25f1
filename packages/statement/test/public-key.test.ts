import { createHash } from "node:crypto";
import { signStatement, verifyKeysetChain } from "@dimmer/statement";
import { generateSigner, kidOf, type PublicJwk, trustStringOf } from "@dimmer/statement/keys";
import { describe, expect, it } from "vitest";
import { AUD, forge, generateSigners, keysetOf } from "./issuer.ts";

// The curve, from RFC 8032 §5.1 alone, so that the list in the source is not held against itself.
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (n: bigint): bigint => ((n % P) + P) % P;
const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b);
  return result;
};
const invert = (n: bigint): bigint => power(n, P - 2n);
const D = mod(-121665n * invert(121666n));
type Point = readonly [x: bigint, y: bigint];

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = mod(D * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * invert(1n + product)), mod((y1 * y2 + x1 * x2) * invert(1n - product))];
}

function multiply(point: Point, times: bigint): Point {
  let result: Point = [0n, 1n];
  for (let p = point, n = times; n > 0n; n >>= 1n, p = add(p, p)) if (n & 1n) result = add(result, p);
  return result;
}

/** The `x` of a point, where there is one for this `y`. */
function xOf(y: bigint): bigint | undefined {
  const square = mod((y * y - 1n) * invert(mod(D * y * y) + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * power(2n, (P - 1n) / 4n));
  return mod(x * x - square) === 0n ? x : undefined;
}

function textOf(y: bigint, sign: bigint): string {
  const bytes = Buffer.from((y | (sign << 255n)).toString(16).padStart(64, "0"), "hex").reverse();
  return bytes.toString("base64url");
}

/** The eight points that eight times themselves are nothing: the multiples of one of order 8, which L leaves of some. */
function smallOrderPoints(): Point[] {
  for (let y = 2n; ; y += 1n) {
    const x = xOf(y);
    const left = x === undefined ? undefined : multiply([x, y], L);
    if (left === undefined || multiply(left, 4n)[1] === 1n) continue;
    return [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map((times) => multiply(left, times));
  }
}

/** Every way to spell a point in 32 bytes. */
function spellingsOf([x, y]: Point): string[] {
  const ys = y + P < 2n ** 255n ? [y, y + P] : [y];
  const signs = x === 0n ? [0n, 1n] : [x & 1n];
  return ys.flatMap((value) => signs.map((sign) => textOf(value, sign)));
}

/** Verifies a keyset that lists the key as its feed key. */
async function listKey(x: string): Promise<unknown> {
  const signers = await generateSigners();
  const jwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x };
  const kid = await kidOf(jwk).catch(() => "A".repeat(16));
  const payload = keysetOf({ ...signers, feed: { ...signers.feed, publicKey: jwk, kid } });
  const header = { alg: "Ed25519", kid: signers.root.kid, typ: "dimmer-keyset+jwt" };
  const keyset = await forge(signers.root, header, { ...payload });
  const trust = [await trustStringOf(signers.root.publicKey)];
  return await verifyKeysetChain([keyset], { trust, audience: AUD });
}

describe("public keys", () => {
  it("F3 · of small order are refused in every spelling", async () => {
    const points = smallOrderPoints();
    expect(new Set(points.map((point) => point.join())).size).toBe(8);
    for (const point of points) expect(multiply(point, 8n)).toEqual([0n, 1n]);
    const spellings = points.flatMap(spellingsOf);
    expect(new Set(spellings).size).toBe(14);
    for (const x of spellings) {
      await expect(listKey(x)).rejects.toMatchObject({
        code: "keys_unreadable",
        message: expect.stringMatching(/(is of small order|is not canonical)$/),
      });
    }
  });

  it("F3 · in another spelling than the canonical one are refused", async () => {
    for (let y = 2n; y < 19n; y += 1n) {
      for (const sign of [0n, 1n]) {
        await expect(listKey(textOf(y + P, sign))).rejects.toMatchObject({
          code: "keys_unreadable",
          message: expect.stringMatching(/is not canonical$/),
        });
      }
    }
  });

  it("that are good are listed, whatever the sign of x", async () => {
    const signs = new Set<number>();
    while (signs.size < 2) {
      const { signer } = await generateSigner();
      signs.add((Buffer.from(signer.publicKey.x, "base64url")[31] ?? 0) >> 7);
      await expect(listKey(signer.publicKey.x)).resolves.toBeDefined();
    }
  });

  it("F3 · of another type or length are refused", async () => {
    const { signer } = await generateSigner();
    for (const x of ["", "AAAA", `${signer.publicKey.x}A`, signer.publicKey.x.slice(1), `${signer.publicKey.x}=`]) {
      await expect(listKey(x)).rejects.toMatchObject({ code: "statement_malformed" });
    }
  });
});

describe("kidOf and trustStringOf", () => {
  it("are made of the RFC 7638 thumbprint", async () => {
    // The key and thumbprint of RFC 8037 appendix A.3.
    const jwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    expect(await trustStringOf(jwk)).toBe("SHA256:kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    expect(await kidOf(jwk)).toBe("kPrK_qmxVWaYVA9w");
  });

  it("do not depend on the private half or the order of fields", async () => {
    const { signer, privateJwk } = await generateSigner();
    const { x } = signer.publicKey;
    const hash = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
    expect(await trustStringOf(privateJwk)).toBe(`SHA256:${hash}`);
    expect(await kidOf({ x, kty: "OKP", crv: "Ed25519" })).toBe(signer.kid);
  });

  it("refuse what is no key", async () => {
    for (const jwk of [{}, { kty: "OKP", crv: "Ed25519" }, { kty: "oct", k: "AA" }]) {
      await expect(kidOf(jwk as PublicJwk)).rejects.toMatchObject({ code: "keys_unreadable" });
    }
  });

  it("name the signer in what it signs", async () => {
    const signers = await generateSigners();
    const token = await signStatement("dimmer-keyset+jwt", keysetOf(signers), signers.root);
    const header: unknown = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
    expect(header).toEqual({ alg: "Ed25519", kid: signers.root.kid, typ: "dimmer-keyset+jwt" });
  });
});
