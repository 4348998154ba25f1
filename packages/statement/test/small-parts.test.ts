import {
  compareVersions,
  digestOf,
  formatVersion,
  inspectStatement,
  isSeconds,
  parseVersion,
  sha256,
} from "@dimmer/statement";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIssuer, encode, STATEMENT_TYPES, samplePayloads, sampleTokens } from "./issuer.ts";

describe("versions", () => {
  it("order by epoch, then by seq", () => {
    const versions = ["0.0", "0.9", "1.0", "3.1042", "3.1043", "10.2"].map((text) => parseVersion(text) ?? fail(text));
    const shuffled = [3, 0, 5, 1, 4, 2].map((i) => versions[i] ?? fail(i));
    expect(shuffled.sort(compareVersions)).toEqual(versions);
    expect(compareVersions({ epoch: 1, seq: 2 }, { epoch: 1, seq: 2 })).toBe(0);
  });

  it("are written as they are read", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (epoch, seq) => {
        expect(parseVersion(formatVersion({ epoch, seq }))).toEqual({ epoch, seq });
      }),
    );
  });

  it.each([
    "",
    "3",
    "3.",
    ".3",
    "03.1",
    "3.01",
    "-1.2",
    "1.2.3",
    " 1.2",
    "1.2\n",
    "1e3.1",
    "1.9007199254740993",
    "１.２",
  ])("are not read from %j", (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });
});

describe("digests", () => {
  it("are the base64url SHA-256 of exactly the bytes", async () => {
    expect(await sha256(new Uint8Array())).toBe("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    expect(await sha256(Buffer.from("xabcx").subarray(1, 4))).toBe("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    expect(await digestOf("abc")).toBe("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
  });
});

describe("seconds", () => {
  it("are whole, from 1970 to 9999", () => {
    for (const good of [0, 1, 1_796_169_600, 253_402_300_799]) expect(isSeconds(good)).toBe(true);
    for (const bad of [-1, 0.5, 253_402_300_800, Number.NaN, "1", null, undefined, 1n])
      expect(isSeconds(bad)).toBe(false);
  });
});

describe("inspectStatement", () => {
  it("shows what a statement of any kind says, whoever signed it", async () => {
    const { signers } = await createIssuer();
    const tokens = await sampleTokens(signers);
    for (const typ of STATEMENT_TYPES) {
      const [header, payload] = tokens[typ].split(".") as [string, string];
      const forged = `${header}.${payload}.${encode(Buffer.alloc(64))}`;
      expect(inspectStatement(forged)).toMatchObject({ typ, payload: samplePayloads(signers)[typ] });
    }
  });

  it("refuses what is no statement", () => {
    const header = { alg: "Ed25519", kid: "A".repeat(16), typ: "JWT" };
    const token = `${encode(JSON.stringify(header))}.e30.${encode(Buffer.alloc(64))}`;
    for (const text of ["", "a.b.c", token]) {
      expect(() => inspectStatement(text)).toThrow(expect.objectContaining({ code: "statement_malformed" }));
    }
  });
});

function fail(what: unknown): never {
  throw new Error(String(what));
}
