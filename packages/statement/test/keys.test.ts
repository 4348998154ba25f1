import {
  decryptJwk,
  encryptJwk,
  generateSigner,
  isEncryptedJwk,
  type PrivateJwk,
  signerFromJwk,
} from "@dimmer/statement/keys";
import { CompactEncrypt } from "jose";
import { describe, expect, it } from "vitest";

describe("signers", () => {
  it("makes no key whose id would read as an option in a command line", async () => {
    const made = await Promise.all(Array.from({ length: 400 }, () => generateSigner()));
    expect(made.filter(({ signer }) => signer.kid.startsWith("-"))).toEqual([]);
  });

  it("sign what their public key verifies", async () => {
    const { signer, privateJwk } = await generateSigner();
    const again = await signerFromJwk(privateJwk);
    const message = Buffer.from("a statement");
    const signature = Buffer.from(await again.sign(message));
    const key = await crypto.subtle.importKey("jwk", { ...signer.publicKey }, { name: "Ed25519" }, true, ["verify"]);
    expect(await crypto.subtle.verify({ name: "Ed25519" }, key, signature, message)).toBe(true);
    expect(again.kid).toBe(signer.kid);
    expect(again.publicKey).toEqual({ kty: "OKP", crv: "Ed25519", x: privateJwk.x });
  });

  it("do not show the private half", async () => {
    const { signer, privateJwk } = await generateSigner();
    expect(JSON.stringify(signer)).not.toContain(privateJwk.d);
  });

  it("are refused where the halves do not belong together", async () => {
    const [a, b] = [await generateSigner(), await generateSigner()];
    await expect(signerFromJwk({ ...a.privateJwk, x: b.privateJwk.x })).rejects.toMatchObject({
      code: "keys_unreadable",
      message: "private key: x and d do not belong together",
    });
  });

  it.each<[string, object | null]>([
    ["nothing", null],
    ["a public key", { d: undefined }],
    ["another curve", { crv: "Ed448" }],
    ["another type", { kty: "oct" }],
    ["a short secret", { d: "AAAA" }],
    ["a secret with an unused bit", { d: `${"A".repeat(42)}B` }],
    ["a point of small order", { x: "A".repeat(43) }],
  ])("are refused for %s", async (_, changes) => {
    const { privateJwk } = await generateSigner();
    const jwk = (changes === null ? null : { ...privateJwk, ...changes }) as PrivateJwk;
    await expect(signerFromJwk(jwk)).rejects.toMatchObject({ name: "DimmerError", code: "keys_unreadable" });
  });
});

describe("a key under a passphrase", () => {
  it("is read back with the passphrase, and only with it", async () => {
    const { privateJwk } = await generateSigner();
    const jwe = await encryptJwk({ ...privateJwk, alg: "Ed25519" } as PrivateJwk, "correct horse 電池");
    expect(jwe).not.toContain(privateJwk.d);
    expect(isEncryptedJwk(jwe)).toBe(true);
    expect(isEncryptedJwk(JSON.stringify(privateJwk))).toBe(false);
    expect(await decryptJwk(jwe, "correct horse 電池")).toEqual(privateJwk);
    await expect(decryptJwk(jwe, "correct horse 電気")).rejects.toMatchObject({
      code: "keys_unreadable",
      message: "private key: the passphrase is wrong or the file is damaged",
    });
  });

  it("needs a passphrase of eight characters", async () => {
    const { privateJwk } = await generateSigner();
    await expect(encryptJwk(privateJwk, "short")).rejects.toThrow(TypeError);
  });

  it("is refused where the text is something else, without a stall", async () => {
    const other = await new CompactEncrypt(Buffer.from("{}"))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .encrypt(Buffer.alloc(32));
    const header = { alg: "PBES2-HS512+A256KW", enc: "A256GCM", p2c: 2_000_000_000, p2s: "AAAAAAAAAAA" };
    const slow = `${Buffer.from(JSON.stringify(header)).toString("base64url")}.AAAA.AAAA.AAAA.AAAA`;
    for (const text of ["", "{}", "a.b.c.d.e", other, slow]) {
      await expect(decryptJwk(text, "passphrase")).rejects.toMatchObject({ code: "keys_unreadable" });
    }
  });
});
