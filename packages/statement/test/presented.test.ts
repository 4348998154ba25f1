import { createHash } from "node:crypto";
import { type CompiledPolicy, compilePolicy, standardPolicy } from "@dimmer/core";
import {
  createTokenVerifier,
  type EntitlementTokenPayload,
  signStatement,
  type TokenVerifier,
  type TokenVerifierOptions,
  type TrustedKeys,
} from "@dimmer/statement";
import { createTokenVerifierLean } from "@dimmer/statement/lean";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createIssuer, forge, IAT, type Issuer, samplePayloads } from "./issuer.ts";

const TYP = "dimmer-entitlement+jwt";
let issuer: Issuer;
let policy: CompiledPolicy;
let nowMs: number;
let create: typeof createTokenVerifier;

beforeAll(async () => {
  issuer = await createIssuer();
  policy = compilePolicy(standardPolicy);
});

beforeEach(() => {
  nowMs = IAT * 1000;
  create = createTokenVerifier;
});

function verifierWith(changes: Partial<TokenVerifierOptions> = {}): TokenVerifier {
  return create({ keys: () => issuer.keys, policy: () => policy, nowMs: () => nowMs, ...changes });
}

/** A token of a paying tenant, unless changed. */
async function tokenWith(changes: Partial<EntitlementTokenPayload> = {}): Promise<string> {
  const entitlement = { tenant: changes.sub ?? "acme", plan: "pro" };
  const payload = { ...samplePayloads(issuer.signers)[TYP], entitlement, ...changes };
  return await signStatement(TYP, payload, issuer.signers.feed);
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "accepted",
    (error: unknown) => (error as { code: unknown }).code,
  );
}

const lock = { tenant: "acme", cause: "security", case: "case_9", since: IAT, allow: ["export"] } as const;

describe.each([
  ["the whole", createTokenVerifier],
  ["the lean", createTokenVerifierLean],
])("a presented token, before %s verifier", (_name, maker) => {
  beforeEach(() => {
    create = maker;
  });

  it("says what it says about its sub", async () => {
    const payload = samplePayloads(issuer.signers)[TYP];
    const token = await tokenWith({ entitlement: payload.entitlement, lock });
    const presented = await verifierWith().verify(token);
    expect(presented).toMatchObject({
      tenant: "acme",
      version: { epoch: 3, seq: 1042 },
      policyDigest: payload.policy,
      issuedMs: IAT * 1000,
      expiresMs: (IAT + 300) * 1000,
      digest: createHash("sha256").update(token).digest("base64url"),
      lock: { tenant: "acme", cause: "security", case: "case_9", sinceMs: IAT * 1000, allow: ["export"] },
    });
    expect(presented.entitlement.restrictions?.[0]?.steps[0]?.atMs).toBe((IAT - 1000) * 1000);
  });

  it("is answered by the definition of the decision", async () => {
    const entitlement: EntitlementTokenPayload["entitlement"] = {
      tenant: "acme",
      plan: "pro",
      features: { seats: 40 },
      restrictions: [{ cause: "nonpayment", case: "c", steps: [{ at: IAT - 10, mode: "limited" }] }],
    };
    const presented = await verifierWith().verify(await tokenWith({ entitlement }));
    expect(presented.ask({ capability: "create" })).toEqual({
      allowed: false,
      capability: "create",
      mode: "limited",
      reason: "restricted",
      cause: "nonpayment",
      freshness: "fresh",
    });
    expect(presented.ask({ capability: "view" })).toMatchObject({ allowed: true, reason: "granted" });
    expect(presented.ask({ feature: "seats", usage: { current: 39 } })).toMatchObject({ allowed: false });
    expect(presented.ask({ capability: "viwe" })).toMatchObject({ allowed: false, reason: "unknown_capability" });
  });

  it("follows the steps that it carries", async () => {
    const steps = [{ at: IAT + 100, mode: "closed" }];
    const restrictions = [{ cause: "offboarding", case: "c", steps }] as const;
    const presented = await verifierWith().verify(
      await tokenWith({ entitlement: { tenant: "acme", plan: "pro", restrictions } }),
    );
    expect(presented.ask({ capability: "view" }).allowed).toBe(true);
    nowMs = (IAT + 100) * 1000;
    expect(presented.ask({ capability: "view" }).allowed).toBe(false);
  });

  it("D2 · denies outside the lock that it carries, also after it has expired", async () => {
    const presented = await verifierWith().verify(await tokenWith({ lock }));
    for (const at of [IAT, IAT + 10_000]) {
      nowMs = at * 1000;
      expect(presented.ask({ capability: "view" })).toMatchObject({
        allowed: false,
        reason: "locked",
        cause: "security",
      });
      expect(presented.ask({ capability: "export" }).allowed).toBe(true);
    }
  });

  it("is answered by the no_data fallback after its end", async () => {
    const deny = { ...standardPolicy, fallback: { ...standardPolicy.fallback, no_data: { "*": "deny" } } } as const;
    const denying = compilePolicy(deny);
    const presented = await verifierWith({ policy: () => denying }).verify(await tokenWith());
    nowMs = (IAT + 300 + 60) * 1000 - 1;
    expect(presented.ask({ capability: "view" })).toMatchObject({ allowed: true, freshness: "fresh" });
    nowMs += 1;
    expect(presented.ask({ capability: "view" })).toMatchObject({
      allowed: false,
      reason: "no_data",
      freshness: "fallback",
    });
  });
});

describe("time", () => {
  it.each([false, true])("ends a token 60 s after exp, presented before: %s", async (isCached) => {
    const verifier = verifierWith();
    const token = await tokenWith();
    if (isCached) await verifier.verify(token);
    nowMs = (IAT + 300 + 60) * 1000 - 1;
    await expect(verifier.verify(token)).resolves.toBeDefined();
    nowMs += 1;
    expect(await codeOf(verifier.verify(token))).toBe("statement_expired");
  });

  it.each([false, true])("starts a token 60 s before iat, presented before: %s", async (isCached) => {
    const verifier = verifierWith();
    const token = await tokenWith();
    if (isCached) await verifier.verify(token);
    nowMs = (IAT - 60) * 1000;
    await expect(verifier.verify(token)).resolves.toBeDefined();
    nowMs -= 1;
    await expect(verifier.verify(token)).rejects.toMatchObject({
      code: "statement_untrusted",
      message: expect.stringMatching(/^iat: lies 61 s ahead/),
    });
  });

  it("bounds a life by an hour", async () => {
    await expect(verifierWith().verify(await tokenWith({ exp: IAT + 3600 }))).resolves.toBeDefined();
    expect(await codeOf(verifierWith().verify(await tokenWith({ exp: IAT + 3601 })))).toBe("statement_malformed");
  });
});

describe("versions", () => {
  it("F1 · are never older than one seen for the tenant", async () => {
    const verifier = verifierWith();
    const [old, newer, nextEpoch, other] = await Promise.all([
      tokenWith({ seq: 1041 }),
      tokenWith({ seq: 1042 }),
      tokenWith({ epoch: 4, seq: 1 }),
      tokenWith({ sub: "initech", seq: 1 }),
    ]);
    await verifier.verify(old);
    await verifier.verify(newer);
    expect(await codeOf(verifier.verify(old))).toBe("statement_outdated");
    await expect(verifier.verify(newer)).resolves.toBeDefined();
    await expect(verifier.verify(other)).resolves.toBeDefined();
    await verifier.verify(nextEpoch);
    expect(await codeOf(verifier.verify(newer))).toBe("statement_outdated");
  });

  it("F1 · are never older either when the tokens are presented at once", async () => {
    const verifier = verifierWith();
    const tokens = await Promise.all(
      [1042, 1043, 1042, 1043].map(async (seq) => await tokenWith({ seq, exp: IAT + (seq % 7) + 9 })),
    );
    await Promise.allSettled(tokens.map(async (token) => await verifier.verify(token)));
    expect(await codeOf(verifier.verify(tokens[0] ?? ""))).toBe("statement_outdated");
  });

  it("are not learnt from a token that is refused", async () => {
    const verifier = verifierWith();
    const far = await tokenWith({ seq: 9999, iat: IAT + 1000, exp: IAT + 1300 });
    expect(await codeOf(verifier.verify(far))).toBe("statement_untrusted");
    const unknown = await tokenWith({ seq: 9999, entitlement: { tenant: "acme", plan: "platinum" } });
    expect(await codeOf(verifier.verify(unknown))).toBe("entitlement_invalid");
    await expect(verifier.verify(await tokenWith())).resolves.toBeDefined();
  });
});

describe("what is refused", () => {
  it("is a name that the policy does not know", async () => {
    const restricted = (step: object, cause = "manual"): object => ({
      restrictions: [{ cause, case: "c", steps: [step] }],
    });
    for (const changes of [
      { plan: "platinum" },
      { features: { rockets: 1 } },
      restricted({ at: 1, mode: "frozen" }),
      restricted({ at: 1, mode: "limited", deny: ["fly"] }),
      {
        restrictions: [
          {
            cause: "manual",
            case: "c",
            steps: [{ at: 1, mode: "grace" }],
            exception: { floor: "vip", from: 1, until: 2 },
          },
        ],
      },
    ]) {
      const entitlement = { tenant: "acme", plan: "pro", ...changes };
      await expect(verifierWith().verify(await tokenWith({ entitlement }))).rejects.toMatchObject({
        code: "entitlement_invalid",
        message: expect.stringMatching(/^entitlement: names .+, unknown to the policy$/),
      });
    }
  });

  it("is an unknown cause and a malformed step, whoever signed it", async () => {
    const header = { alg: "Ed25519", kid: issuer.signers.feed.kid, typ: TYP };
    for (const restrictions of [
      [{ cause: "whim", case: "c", steps: [{ at: 1, mode: "grace" }] }],
      [
        {
          cause: "manual",
          case: "c",
          steps: [
            { at: 2, mode: "grace" },
            { at: 1, mode: "limited" },
          ],
        },
      ],
      [{ cause: "manual", case: "c", steps: [{ at: 1.5, mode: "grace" }] }],
    ]) {
      const payload = {
        ...samplePayloads(issuer.signers)[TYP],
        entitlement: { tenant: "acme", plan: "pro", restrictions },
      };
      const token = await forge(issuer.signers.feed, header, payload);
      expect(await codeOf(verifierWith().verify(token))).toBe("statement_malformed");
    }
  });

  it("is a token of more than 16 KB, before it is hashed", async () => {
    const digest = vi.fn<(token: string) => string>();
    expect(await codeOf(verifierWith({ digest }).verify("A".repeat(16 * 1024 + 1)))).toBe("statement_malformed");
    expect(await codeOf(verifierWith({ digest }).verify(undefined as unknown as string))).toBe("statement_malformed");
    expect(digest).not.toHaveBeenCalled();
  });

  it("is every token while no keyset is held, and may be presented again", async () => {
    await expect(verifierWith({ keys: () => undefined }).verify(await tokenWith())).rejects.toMatchObject({
      code: "statement_untrusted",
      retryable: true,
    });
  });

  it("is every other kind of statement", async () => {
    const head = await signStatement(
      "dimmer-head+jwt",
      samplePayloads(issuer.signers)["dimmer-head+jwt"],
      issuer.signers.feed,
    );
    expect(await codeOf(verifierWith().verify(head))).toBe("statement_malformed");
  });

  it.each([0, -1, 1.5, Number.NaN])("is a bound of %s tokens, by a TypeError", (maxCached) => {
    expect(() => verifierWith({ maxCached })).toThrow(TypeError);
  });
});

describe("the cache", () => {
  /** The keys of the issuer, counting how often one is looked up: once per signature check. */
  function countingKeys(): { keys: TrustedKeys; lookups: () => number } {
    let lookups = 0;
    const find = (kid: string): ReturnType<TrustedKeys["find"]> => {
      lookups += 1;
      return issuer.keys.find(kid);
    };
    return { keys: { ...issuer.keys, find }, lookups: () => lookups };
  }

  it("verifies a token once, and by the whole of it", async () => {
    const { keys, lookups } = countingKeys();
    const verifier = verifierWith({ keys: () => keys });
    const token = await tokenWith();
    const first = await verifier.verify(token);
    expect(await verifier.verify(token)).toBe(first);
    expect(lookups()).toBe(1);
    // The same header and payload with another signature, and the same signature under another payload.
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const otherPayload = (await tokenWith({ exp: IAT + 200 })).split(".")[1] ?? "";
    for (const other of [`${header}.${payload}.${"A".repeat(86)}`, `${header}.${otherPayload}.${signature}`]) {
      expect(await codeOf(verifier.verify(other))).toBe("statement_untrusted");
    }
    expect(lookups()).toBe(3);
  });

  it("does not keep what was refused", async () => {
    const { keys, lookups } = countingKeys();
    const verifier = verifierWith({ keys: () => keys });
    const token = `${(await tokenWith()).split(".").slice(0, 2).join(".")}.${"A".repeat(86)}`;
    for (const _ of [1, 2]) expect(await codeOf(verifier.verify(token))).toBe("statement_untrusted");
    expect(lookups()).toBe(2);
  });

  it("forgets what was verified when the keys change: a revoked key does not live on in it", async () => {
    const revoking = { ...issuer.keys, find: () => undefined };
    let keys: TrustedKeys = issuer.keys;
    const verifier = verifierWith({ keys: () => keys });
    const token = await tokenWith();
    await verifier.verify(token);
    keys = revoking;
    expect(await codeOf(verifier.verify(token))).toBe("statement_untrusted");
  });

  it("forgets what was verified when the policy changes: a mode that is gone is refused", async () => {
    const without = compilePolicy({ ...standardPolicy, plans: { starter: standardPolicy.plans.starter } });
    let inForce = policy;
    const verifier = verifierWith({ policy: () => inForce });
    const token = await tokenWith();
    await verifier.verify(token);
    inForce = without;
    expect(await codeOf(verifier.verify(token))).toBe("entitlement_invalid");
  });

  it("does not keep under new keys what was verified under the old ones meanwhile", async () => {
    const { keys: oldKeys } = countingKeys();
    const revoking = { ...issuer.keys, find: () => undefined };
    let keys: TrustedKeys = oldKeys;
    const verifier = verifierWith({ keys: () => keys });
    const token = await tokenWith();
    const pending = verifier.verify(token);
    keys = revoking;
    expect(await codeOf(verifier.verify("x.y.z"))).toBe("statement_malformed");
    await pending;
    expect(await codeOf(verifier.verify(token))).toBe("statement_untrusted");
  });

  it("F7 · is bounded, and drops what was not used for longest", async () => {
    const { keys, lookups } = countingKeys();
    const verifier = verifierWith({ keys: () => keys, maxCached: 2 });
    const [a, b, c] = (await Promise.all(["a", "b", "c"].map(async (sub) => await tokenWith({ sub })))) as [
      string,
      string,
      string,
    ];
    for (const token of [a, b, a, c]) await verifier.verify(token);
    expect(lookups()).toBe(3);
    await verifier.verify(a);
    expect(lookups()).toBe(3);
    await verifier.verify(b);
    expect(lookups()).toBe(4);
  });

  it("names tokens by the digest that it is given", async () => {
    const digest = (token: string): string => createHash("sha256").update(token).digest("base64url");
    const verifier = verifierWith({ digest });
    const token = await tokenWith();
    const first = await verifier.verify(token);
    expect(first.digest).toBe(digest(token));
    expect(await verifier.verify(token)).toBe(first);
  });
});
