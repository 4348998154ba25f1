import { type StatementType, type TrustedKeys, verifyStatement } from "@dimmer/statement";
import { generateSigner } from "@dimmer/statement/keys";
import { beforeAll, describe, expect, it } from "vitest";
import {
  createIssuer,
  encode,
  forge,
  type Issuer,
  keysetOf,
  ROLE_OF,
  STATEMENT_TYPES,
  samplePayloads,
  sampleTokens,
} from "./issuer.ts";

const TYP = "dimmer-head+jwt";
let issuer: Issuer;
let tokens: Record<StatementType, string>;

beforeAll(async () => {
  issuer = await createIssuer();
  tokens = await sampleTokens(issuer.signers);
});

async function errorOf(typ: StatementType, token: string, keys: TrustedKeys = issuer.keys): Promise<unknown> {
  return await verifyStatement(typ, token, keys).then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

describe("trust in a statement", () => {
  it.each(STATEMENT_TYPES)("accepts a good %s, with its payload, its kid and the digest of its bytes", async (typ) => {
    const verified = await verifyStatement(typ, tokens[typ], issuer.keys);
    const hash = await crypto.subtle.digest("SHA-256", Buffer.from(tokens[typ]));
    expect(verified).toEqual({
      payload: samplePayloads(issuer.signers)[typ],
      kid: issuer.signers[ROLE_OF[typ]].kid,
      digest: encode(new Uint8Array(hash)),
    });
  });

  it.each(STATEMENT_TYPES)("F3 · refuses %s where another kind is expected", async (typ) => {
    for (const expected of STATEMENT_TYPES.filter((other) => other !== typ)) {
      expect(await errorOf(expected, tokens[typ])).toMatchObject({ code: "statement_malformed" });
    }
  });

  it.each(STATEMENT_TYPES)("F3 · refuses %s signed by a key of any other role", async (typ) => {
    for (const [role, signer] of Object.entries(issuer.signers)) {
      if (role === ROLE_OF[typ]) continue;
      const header = { alg: "Ed25519", kid: signer.kid, typ };
      const token = await forge(signer, header, { ...samplePayloads(issuer.signers)[typ] });
      expect(await errorOf(typ, token)).toMatchObject({
        code: "statement_untrusted",
        message: `header.kid: ${signer.kid} has the role ${role} and may not sign ${typ}`,
      });
    }
  });

  it("F3 · refuses a kid that the keyset does not list, as something that a newer keyset may mend", async () => {
    const { signer } = await generateSigner();
    const header = { alg: "Ed25519", kid: signer.kid, typ: TYP };
    const token = await forge(signer, header, { ...samplePayloads(issuer.signers)[TYP] });
    expect(await errorOf(TYP, token)).toMatchObject({ code: "statement_untrusted", retryable: true });
  });

  it("F3 · refuses a signature by another key than the one that kid names", async () => {
    const { signer } = await generateSigner();
    const header = { alg: "Ed25519", kid: issuer.signers.feed.kid, typ: TYP };
    const payload = { ...samplePayloads(issuer.signers)[TYP] };
    for (const other of [signer, issuer.signers.root, issuer.signers.locks]) {
      expect(await errorOf(TYP, await forge(other, header, payload))).toMatchObject({
        code: "statement_untrusted",
        message: "signature: does not fit",
      });
    }
  });

  it("F3 · refuses a signature by the key that the header itself carries", async () => {
    const { signer } = await generateSigner();
    const header = { alg: "Ed25519", kid: issuer.signers.feed.kid, typ: TYP, jwk: signer.publicKey };
    const token = await forge(signer, header, { ...samplePayloads(issuer.signers)[TYP] });
    expect(await errorOf(TYP, token)).toMatchObject({ code: "statement_untrusted" });
  });

  it("F3 · refuses the parts of two good tokens put together", async () => {
    const [header, payload, signature] = tokens[TYP].split(".") as [string, string, string];
    const other = await forge(
      issuer.signers.feed,
      { alg: "Ed25519", kid: issuer.signers.feed.kid, typ: TYP },
      { ...samplePayloads(issuer.signers)[TYP], seq: 1043 },
    );
    const [otherHeader, otherPayload, otherSignature] = other.split(".") as [string, string, string];
    for (const mixed of [
      `${header}.${payload}.${otherSignature}`,
      `${header}.${otherPayload}.${signature}`,
      `${otherHeader}.${otherPayload}.${signature}`,
    ]) {
      expect(await errorOf(TYP, mixed)).toMatchObject({ message: "signature: does not fit" });
    }
  });

  it("F3 · refuses the other signature that the group order gives away (S + L)", async () => {
    const [header, payload, signature] = tokens[TYP].split(".") as [string, string, string];
    const bytes = Buffer.from(signature, "base64url");
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    let scalar = order + BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString("hex")}`);
    for (let i = 32; i < 64; i++, scalar >>= 8n) bytes[i] = Number(scalar & 0xffn);
    expect(await errorOf(TYP, `${header}.${payload}.${encode(bytes)}`)).toMatchObject({
      message: "signature: does not fit",
    });
  });

  it("F3 · refuses another issuer and another audience, or one that is missing", async () => {
    const { feed } = issuer.signers;
    const header = { alg: "Ed25519", kid: feed.kid, typ: TYP };
    const payload = samplePayloads(issuer.signers)[TYP];
    const refusalOf = async (changes: object): Promise<unknown> =>
      await errorOf(TYP, await forge(feed, header, { ...payload, ...changes }));
    expect(await refusalOf({ iss: "https://evil.example" })).toMatchObject({
      code: "statement_untrusted",
      message: 'iss: must be "https://dimmer.example", is "https://evil.example"',
    });
    expect(await refusalOf({ aud: "production" })).toMatchObject({
      code: "statement_untrusted",
      message: 'aud: must be "development", is "production"',
    });
    for (const changes of [
      { iss: undefined },
      { aud: undefined },
      { aud: ["development"] },
      { iss: null },
      { aud: "" },
    ]) {
      expect(await refusalOf(changes)).toMatchObject({ code: "statement_malformed" });
    }
  });
});

describe("revocation", () => {
  const lastGood = { epoch: 3, seq: 1042 };

  it.each([
    [{ epoch: 3, seq: 1042 }, true],
    [{ epoch: 2, seq: 9999 }, true],
    [{ epoch: 0, seq: 1 }, true],
    [{ epoch: 3, seq: 1043 }, false],
    [{ epoch: 4, seq: 0 }, false],
  ])("F3 · of a key at 3.1042 decides about version %o: %s", async (version, isAccepted) => {
    const revoking = await createIssuer((signers) => [
      { kid: signers.feed.kid, lastGood },
      { kid: signers.locks.kid, lastGood },
    ]);
    for (const typ of ["dimmer-head+jwt", "dimmer-index+jwt", "dimmer-entitlement+jwt", "dimmer-locks+jwt"] as const) {
      const signer = revoking.signers[ROLE_OF[typ]];
      const header = { alg: "Ed25519", kid: signer.kid, typ };
      const token = await forge(signer, header, { ...samplePayloads(revoking.signers)[typ], ...version });
      const error = await errorOf(typ, token, revoking.keys);
      if (isAccepted) expect(error).toBeUndefined();
      else expect(error).toMatchObject({ code: "statement_outdated", message: expect.stringContaining("3.1042") });
    }
  });

  it("F3 · of the policy key refuses a policy unless a version named it that is not above the last good one", async () => {
    const revoking = await createIssuer((signers) => [{ kid: signers.policy.kid, lastGood }]);
    const token = (await sampleTokens(revoking.signers))["dimmer-policy+jwt"];
    const verify = async (namedAt?: { epoch: number; seq: number }): Promise<unknown> =>
      await verifyStatement("dimmer-policy+jwt", token, revoking.keys, namedAt === undefined ? {} : { namedAt });
    await expect(verify()).rejects.toMatchObject({ code: "statement_outdated" });
    await expect(verify({ epoch: 3, seq: 1043 })).rejects.toMatchObject({ code: "statement_outdated" });
    await expect(verify({ epoch: 3, seq: 1042 })).resolves.toBeDefined();
  });

  it("of one key leaves the others as they are", async () => {
    const revoking = await createIssuer((signers) => [{ kid: signers.policy.kid, lastGood: { epoch: 0, seq: 0 } }]);
    const good = await sampleTokens(revoking.signers);
    expect(await errorOf(TYP, good[TYP], revoking.keys)).toBeUndefined();
  });

  it("of a version named by somebody else does not outrank the version in the statement", async () => {
    const revoking = await createIssuer((signers) => [{ kid: signers.feed.kid, lastGood: { epoch: 1, seq: 1 } }]);
    const token = (await sampleTokens(revoking.signers))[TYP];
    const promise = verifyStatement(TYP, token, revoking.keys, { namedAt: { epoch: 0, seq: 0 } });
    await expect(promise).rejects.toMatchObject({ code: "statement_outdated" });
  });
});

describe("a later keyset", () => {
  it("verifies like any statement, signed by the root", async () => {
    const next = keysetOf(issuer.signers, 2);
    const header = { alg: "Ed25519", kid: issuer.signers.root.kid, typ: "dimmer-keyset+jwt" };
    const token = await forge(issuer.signers.root, header, { ...next });
    expect((await verifyStatement("dimmer-keyset+jwt", token, issuer.keys)).payload.version).toBe(2);
  });
});

describe("the digest", () => {
  it("is what the given port says of the whole token, worked out only behind a good form", async () => {
    const asked: string[] = [];
    const digest = (token: string): string => {
      asked.push(token);
      return "the digest";
    };
    expect((await verifyStatement(TYP, tokens[TYP], issuer.keys, { digest })).digest).toBe("the digest");
    await expect(verifyStatement(TYP, `${tokens[TYP]}=`, issuer.keys, { digest })).rejects.toBeDefined();
    expect(asked).toEqual([tokens[TYP]]);
  });

  it("that fails while the signature does not fit leaves no rejection behind", async () => {
    const [header, payload] = tokens[TYP].split(".");
    const forged = `${header}.${payload}.${"A".repeat(86)}`;
    const digest = async (): Promise<string> => await Promise.reject(new Error("no hash"));
    await expect(verifyStatement(TYP, forged, issuer.keys, { digest })).rejects.toThrow();
    // An unhandled rejection fails the run; it is told after this turn.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
