import { DimmerError } from "@dimmer/core";
import { signStatement, verifyKeysetChain, verifyStatement } from "@dimmer/statement";
import {
  type LeanType,
  readLeanPayload,
  verifyKeysetChainLean,
  verifyLean,
  verifyTenantLean,
} from "@dimmer/statement/lean";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { readTenantPayload } from "../src/lean-tenants.ts";
import { readPayloadBySchema } from "../src/payload.ts";
import { readPayload } from "../src/read-payload.ts";
import { AUD, createIssuer, type Issuer, samplePayloads } from "./issuer.ts";

const TYPES = [
  "dimmer-keyset+jwt",
  "dimmer-policy+jwt",
  "dimmer-locks+jwt",
  "dimmer-head+jwt",
  "dimmer-entitlement+jwt",
  "dimmer-index+jwt",
  "dimmer-delta+jwt",
] as const;
const encoder = new TextEncoder();

let issuer: Issuer;
beforeAll(async () => {
  issuer = await createIssuer();
});

const junk = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, "", "a b", "a".repeat(65), [], {}, "__proto__", [[]], [{}]),
  fc.constantFrom<unknown>("root", "view", "OKP", 1_790_000_000, "development", "A".repeat(43), "A".repeat(16)),
  fc.jsonValue({ maxDepth: 2 }),
);

/** One change somewhere in a JSON value: a part replaced, removed, added or doubled. */
function changed(value: unknown, at: readonly number[], kind: number, by: unknown): unknown {
  const [index, ...rest] = at;
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (index === undefined || keys.length === 0) return kind === 0 && Array.isArray(value) ? [...value, ...value] : by;
  const key = keys[index % keys.length] as string;
  const copy = structuredClone(value) as Record<string, unknown>;
  if (rest.length > 0) copy[key] = changed(copy[key], rest, kind, by);
  else if (kind === 1 && !Array.isArray(copy)) delete copy[key];
  else if (kind === 2 && !Array.isArray(copy)) Object.defineProperty(copy, "more", { value: by, enumerable: true });
  else copy[key] = changed(copy[key], [], kind, by);
  return copy;
}

type Outcome = { readonly payload: unknown } | { readonly code: string };

function outcomeOf(read: () => unknown): Outcome {
  try {
    return { payload: read() };
  } catch (error) {
    if (error instanceof DimmerError) return { code: error.code };
    throw error;
  }
}

function readLean(typ: (typeof TYPES)[number], bytes: Uint8Array): unknown {
  if (typ === "dimmer-delta+jwt") return readPayload(typ, bytes);
  if (typ === "dimmer-entitlement+jwt" || typ === "dimmer-index+jwt") return readTenantPayload(typ, bytes);
  return readLeanPayload(typ satisfies LeanType, bytes);
}

describe("statements read without zod", () => {
  it.each(TYPES)(
    "accept of %s what the schemas accept, field for field, and refuse what they refuse",
    (typ) => {
      const good = samplePayloads(issuer.signers)[typ];
      const path = fc.array(fc.nat(30), { minLength: 1, maxLength: 5 });
      let accepted = 0;
      fc.assert(
        fc.property(path, fc.nat(3), junk, (at, kind, by) => {
          const text = JSON.stringify(JSON.parse(JSON.stringify(changed(good, at, kind, by))));
          const bytes = encoder.encode(text);
          const lean = outcomeOf(() => readLean(typ, bytes));
          expect(lean).toEqual(outcomeOf(() => readPayloadBySchema(typ, bytes)));
          if ("payload" in lean) accepted += 1;
        }),
        { numRuns: 2_000 },
      );
      expect(accepted).toBeGreaterThan(20);
    },
    60_000,
  );

  it("verify as the whole does: good ones, forged ones, others", async () => {
    const tokens = [issuer.keyset];
    const keys = await verifyKeysetChainLean(tokens, { trust: [issuer.trust], audience: AUD });
    const whole = await verifyKeysetChain(tokens, { trust: [issuer.trust], audience: AUD });
    expect({ ...keys, find: undefined }).toEqual({ ...whole, find: undefined });
    const payload = samplePayloads(issuer.signers)["dimmer-locks+jwt"];
    const token = await signStatement("dimmer-locks+jwt", payload, issuer.signers.locks);
    expect(await verifyLean("dimmer-locks+jwt", token, keys)).toEqual(
      await verifyStatement("dimmer-locks+jwt", token, whole),
    );
    const forged = await signStatement("dimmer-locks+jwt", payload, issuer.signers.feed);
    await expect(verifyLean("dimmer-locks+jwt", forged, keys)).rejects.toMatchObject({ code: "statement_untrusted" });
    await expect(verifyLean("dimmer-head+jwt", token, keys)).rejects.toMatchObject({ code: "statement_malformed" });
    const tokenPayload = samplePayloads(issuer.signers)["dimmer-entitlement+jwt"];
    const entitlement = await signStatement("dimmer-entitlement+jwt", tokenPayload, issuer.signers.feed);
    expect(await verifyTenantLean("dimmer-entitlement+jwt", entitlement, keys)).toEqual(
      await verifyStatement("dimmer-entitlement+jwt", entitlement, whole),
    );
    const misused = await signStatement("dimmer-entitlement+jwt", tokenPayload, issuer.signers.policy);
    await expect(verifyTenantLean("dimmer-entitlement+jwt", misused, keys)).rejects.toMatchObject({
      code: "statement_untrusted",
    });
    const stranger = await createIssuer();
    const chain = verifyKeysetChainLean(tokens, { trust: [stranger.trust], audience: AUD });
    await expect(chain).rejects.toMatchObject({ code: "statement_untrusted" });
  });
});
