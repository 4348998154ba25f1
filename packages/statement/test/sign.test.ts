import { signStatement, verifyStatement } from "@dimmer/statement";
import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type Issuer, samplePayloads } from "./issuer.ts";

let issuer: Issuer;

beforeAll(async () => {
  issuer = await createIssuer();
});

describe("signStatement", () => {
  it("brings a payload into canonical JSON and keeps fields that it does not know", async () => {
    const payload = {
      ...samplePayloads(issuer.signers)["dimmer-head+jwt"],
      seq: 1e3,
      2: "b",
      1: "a",
      later: undefined,
    };
    const token = await signStatement("dimmer-head+jwt", payload, issuer.signers.feed);
    const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    expect(text).toMatch(/^\{"1":"a","2":"b","iss":/);
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
    expect((await verifyStatement("dimmer-head+jwt", token, issuer.keys)).payload.seq).toBe(1000);
  });

  it("signs no token above the bytes of its kind", async () => {
    const payload = { ...samplePayloads(issuer.signers)["dimmer-head+jwt"], filler: "x".repeat(3000) };
    await expect(signStatement("dimmer-head+jwt", payload, issuer.signers.feed)).rejects.toMatchObject({
      code: "statement_malformed",
      message: expect.stringMatching(/^dimmer-head\+jwt has \d+ bytes, at most 4096 are allowed/),
    });
  });

  it("refuses what is no signature of 64 bytes, such as a KMS's DER", async () => {
    const signer = { ...issuer.signers.feed, sign: async () => await Promise.resolve(new Uint8Array(71)) };
    const payload = samplePayloads(issuer.signers)["dimmer-head+jwt"];
    await expect(signStatement("dimmer-head+jwt", payload, signer)).rejects.toMatchObject({
      code: "keys_unreadable",
      message: `signer ${signer.kid} returned 71 bytes, not 64`,
    });
  });

  it("passes on what the signer throws", async () => {
    const signer = { ...issuer.signers.feed, sign: async () => await Promise.reject(new Error("KMS is down")) };
    const payload = samplePayloads(issuer.signers)["dimmer-head+jwt"];
    await expect(signStatement("dimmer-head+jwt", payload, signer)).rejects.toThrow("KMS is down");
  });
});
