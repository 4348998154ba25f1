import { formatVersion } from "@dimmer/statement";
import { z } from "zod";
import { readKeys } from "../../keys/key-states.ts";
import { keysetOf } from "../../keys/key-turn.ts";
import { isKeyset, offerKeysets } from "../../keys/offer-keysets.ts";
import { rootTrust } from "../../keyset.ts";
import { answers, type Operation, reads, writes } from "../operation.ts";
import type { Service } from "../service.ts";
import { isoOf } from "../values.ts";
import { carried } from "./shown.ts";

const instant = z.string().meta({ format: "date-time" });
const keyShown = z
  .looseObject({
    kid: z.string(),
    role: z.enum(["root", "policy", "locks", "feed"]),
    state: z.enum(["announced", "signing", "retiring", "retired", "revoked"]),
    since: instant,
    signsFrom: instant.nullable().meta({ description: "When an announced key is to sign." }),
    lastSigned: z.string().nullable().meta({ description: "The last version that it signed, once another signs." }),
    lastGood: z.string().nullable().meta({ description: "The last version up to which it is believed." }),
    isHere: z.boolean().nullable().meta({ description: "Whether this process has its private half." }),
  })
  .meta({ id: "SigningKey" });
const MAX_AT_ONCE = 8;
const MAX_TOKEN_CHARS = 65_536;

/** The keys that sign the feed, and the keysets that say so. */
export const signingKeyOperations: readonly Operation[] = [
  reads({
    name: "listSigningKeys",
    tag: "Signing keys",
    path: "/v1/keys",
    summary: "The keys that sign the feed, and where each of them stands",
    access: "any key",
    answers: {
      200: {
        description: "All of them, oldest first.",
        schema: z.looseObject({
          trust: z.string().meta({ description: "What new replicas pin." }),
          keyset: z.number().meta({ description: "Version of the newest keyset in force." }),
          waiting: z.array(z.number()).meta({ description: "Keysets that come into force with the next version." }),
          items: z.array(keyShown),
        }),
      },
    },
    handle: async ({ service }) => {
      const tokens = await keysetTokens(service);
      const newest = keysetOf(tokens.at(-1) as string);
      const waiting = await service.store.db.selectFrom("keyset_offer").select("version").orderBy("version").execute();
      const items = (await readKeys(service.store.db)).map(({ kid, role, state, sinceMs, signsFromMs, lastSigned }) => {
        const lastGood = newest.revocations.find((revocation) => revocation.kid === kid)?.lastGood;
        return {
          kid,
          role,
          state,
          since: isoOf(sinceMs),
          signsFrom: isoOf(signsFromMs ?? null),
          lastSigned: lastSigned === undefined ? null : formatVersion(lastSigned),
          lastGood: lastGood === undefined ? null : formatVersion(lastGood),
          isHere: role === "root" ? null : (service.issuing.keys?.ring.has(kid) ?? null),
        };
      });
      return {
        body: {
          trust: await rootTrust(newest),
          keyset: newest.version,
          waiting: waiting.map(({ version }) => version),
          items,
        },
      };
    },
  }),
  reads({
    name: "listKeysets",
    tag: "Signing keys",
    path: "/v1/keysets",
    summary: "All keysets in force, oldest first: what the next one is signed after",
    access: "any key",
    answers: {
      200: { description: "Signed statements.", schema: z.looseObject({ keysets: z.array(z.string()) }) },
    },
    handle: async ({ service }) => ({ body: { keysets: await keysetTokens(service) } }),
  }),
  writes({
    name: "offerKeysets",
    tag: "Signing keys",
    method: "POST",
    path: "/v1/keysets",
    summary: "Put keysets in force that were signed with the root key, wherever that is kept",
    description:
      "They must follow those in force, and nothing that is in force may be refused under them. What a revoked key signed " +
      "is signed anew in the same version. A key that they announce signs after the overlap.",
    access: ["admin"],
    isolation: "serializable",
    body: z.strictObject({
      keysets: z
        .array(z.string().min(1).max(MAX_TOKEN_CHARS).refine(isKeyset, "must be a signed keyset"))
        .min(1)
        .max(MAX_AT_ONCE)
        .meta({ description: "Oldest first. Those that are in force already are passed over." }),
    }),
    answers: {
      200: {
        description: "In force with `version`.",
        schema: z.looseObject({ ...carried.shape, keysets: z.array(z.number()) }),
      },
      202: { description: "Taken, and not in force yet: nobody signs now, or who signs has not the key." },
      409: { description: "Under them the feed would be refused, and by what." },
    },
    handle: async ({ service, queries, body: { keysets }, nowMs, as }) => {
      const actor = as(["admin"], "a keyset");
      const ring = ringOf(service);
      const { versions, pending } = await offerKeysets({ queries, actor, nowMs, ring }, keysets);
      return { status: 200, body: { keysets: versions }, published: { pending } };
    },
  }),
  answers({
    name: "jwks",
    tag: "Signing keys",
    method: "GET",
    path: "/.well-known/jwks.json",
    summary: "The keys that sign, as a JWK set: a view for third parties",
    description:
      "Never a trust root: replicas pin a root key and walk the keysets. Retired and revoked keys are left out.",
    access: "public",
    answers: { 200: { description: "RFC 7517, without `alg`.", type: "application/jwk-set+json" } },
    answer: async ({ service }) => {
      const newest = keysetOf((await keysetTokens(service)).at(-1) as string);
      const keys = newest.keys
        .filter(({ kid, role }) => role !== "root" && !newest.revocations.some((revoked) => revoked.kid === kid))
        .map(({ kid, jwk }) => ({ ...jwk, kid, use: "sig" }));
      const headers = { "content-type": "application/jwk-set+json", "cache-control": "public, max-age=300" };
      return new Response(JSON.stringify({ keys }), { headers });
    },
  }),
];

async function keysetTokens({ store }: Service): Promise<string[]> {
  const rows = await store.db.selectFrom("keyset").select("token").orderBy("version").execute();
  return rows.map(({ token }) => token);
}

function ringOf({ issuing }: Service): NonNullable<Service["issuing"]["keys"]>["ring"] {
  if (issuing.keys === undefined) throw new Error("the keys of this process are fixed");
  return issuing.keys.ring;
}
