import { DimmerError } from "@dimmer/core";
import {
  compareVersions,
  formatVersion,
  inspectStatement,
  type KeysetPayload,
  type Version,
  verifyKeysetChain,
} from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import { enqueue, PRIORITY, writeLedger } from "../changes/record-change.ts";
import type { Tables } from "../store/schema.ts";
import { followKeyset, SIGNING_ROLES, signingKid } from "./follow-keyset.ts";
import { type KeyStanding, readKeys } from "./key-states.ts";
import { keysetOf } from "./key-turn.ts";
import type { SigningRing } from "./signing-ring.ts";

/** What keysets are offered with. */
export interface OfferContext {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
  readonly ring: SigningRing;
}

/** What became of an offer. */
export interface Offered {
  /** Versions that were new. */
  readonly versions: readonly number[];
  readonly pending: readonly number[];
}

/**
 * Takes keysets that follow those of the store: verified as a chain, and refused where a replica that follows would
 * refuse what is in force under them. They come into force with the next version, which whoever signs publishes.
 *
 * @throws {Fault} `invalid` for what does not verify, `conflict` for what would break the feed, naming what to mend
 */
export async function offerKeysets(context: OfferContext, tokens: readonly string[]): Promise<Offered> {
  const { queries, actor, nowMs, ring } = context;
  const position = await queries
    .selectFrom("feed_state")
    .select(["epoch", "seq"])
    .where("id", "=", 1)
    .executeTakeFirst();
  if (position === undefined) throw new Fault("conflict", "nothing is published yet; try again in a moment");
  const published = await queries.selectFrom("keyset").select("token").orderBy("version").execute();
  const waiting = await queries.selectFrom("keyset_offer").select("token").orderBy("version").execute();
  const known = [...published, ...waiting].map(({ token }) => token);
  const fresh = tokens.filter((token) => !known.includes(token));
  if (fresh.length === 0) return { versions: [], pending: [] };
  await verifyChain([...known, ...fresh], known[0] as string);
  let keys: readonly KeyStanding[] = await readKeys(queries);
  const moment = { nowMs, signed: position, overlapMs: 0 };
  for (const { token } of waiting) keys = followKeyset(keys, keysetOf(token), moment);
  const before = keys;
  let keyset = keysetOf(known.at(-1) as string);
  for (const token of fresh) {
    const next = keysetOf(token);
    checkFollows(next, { keyset, keys, signed: position });
    keys = followKeyset(keys, next, moment);
    keyset = next;
  }
  checkEnd(fresh.at(-1) as string, keyset, keys);
  for (const role of SIGNING_ROLES) {
    const kid = signingKid(keys, role) as string;
    if (kid === signingKid(before, role) || (await ring.find(kid))) continue;
    throw new Fault(
      "conflict",
      `keysets: the ${role} key ${kid} has to sign at once, and ${role}.${kid}.jwk is not in the key directory of the authority; put it there first`,
      "keysets",
    );
  }
  const pending: number[] = [];
  for (const token of fresh) {
    const { version } = keysetOf(token);
    const id = await enqueue(queries, "keyset", { priority: PRIORITY.lock, actor, nowMs });
    await queries.insertInto("keyset_offer").values({ version, token, pending_id: id, created_ms: nowMs }).execute();
    await writeLedger(queries, actor, entryOf(keysetOf(token)), nowMs);
    pending.push(id);
  }
  return { versions: fresh.map((token) => keysetOf(token).version), pending };
}

function entryOf({ version, keys, revocations }: KeysetPayload) {
  const after = { keys: keys.map(({ kid, role }) => ({ kid, role })), revocations };
  return { action: "keyset.offer", subject: `keyset:${version}`, after };
}

async function verifyChain(chain: readonly string[], first: string): Promise<void> {
  const { aud, keys } = keysetOf(first);
  const root = keys.find(({ role }) => role === "root") as (typeof keys)[number];
  try {
    await verifyKeysetChain(chain, { trust: [await trustStringOf(root.jwk)], audience: aud });
  } catch (error) {
    if (!(error instanceof DimmerError)) throw error;
    throw new Fault("invalid", `keysets: ${error.message}`, "keysets");
  }
}

interface Ground {
  /** The keyset before. */
  readonly keyset: KeysetPayload;
  readonly keys: readonly KeyStanding[];
  readonly signed: Version;
}

/** Each rule is what a replica would stumble over, or what could be turned against a revocation. */
function checkFollows(next: KeysetPayload, { keyset, keys, signed }: Ground): void {
  for (const { kid, role } of keyset.keys) {
    const now = next.keys.find((key) => key.kid === kid);
    const isRevoked = keyset.revocations.some((revocation) => revocation.kid === kid);
    if (now === undefined && role !== "root" && !isRevoked) {
      throw broken(next, `leaves out the ${role} key ${kid}; revoke it with its last good version instead`);
    }
    if (now !== undefined && now.role !== role) throw broken(next, `makes the ${role} key ${kid} a ${now.role} key`);
  }
  for (const { kid, lastGood } of keyset.revocations) {
    const now = next.revocations.find((revocation) => revocation.kid === kid);
    const isListed = next.keys.some((key) => key.kid === kid);
    if (isListed && (now === undefined || compareVersions(now.lastGood, lastGood) > 0)) {
      throw broken(
        next,
        `takes back what was revoked of ${kid}; keep its last good version ${formatVersion(lastGood)}`,
      );
    }
  }
  for (const { kid, role } of next.keys) {
    if (keyset.keys.some((key) => key.kid === kid)) continue;
    const known = keys.find((key) => key.kid === kid);
    if (known !== undefined) throw broken(next, `lists the ${role} key ${kid} again, which was ${known.state}`);
  }
  for (const { kid, lastGood } of next.revocations) {
    if (compareVersions(lastGood, signed) <= 0) continue;
    const versions = `${formatVersion(lastGood)} lies ahead of the feed, which is at ${formatVersion(signed)}`;
    throw broken(next, `revokes ${kid} in the future: ${versions}`);
  }
}

function checkEnd(token: string, keyset: KeysetPayload, keys: readonly KeyStanding[]): void {
  const [header = ""] = token.split(".", 1);
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString("utf8")) as { kid: string };
  const root = keyset.keys.find(({ role }) => role === "root")?.kid;
  if (kid !== root) {
    throw broken(keyset, `names a new root key, ${root}; send the next keyset too, the same again signed by that`);
  }
  for (const role of SIGNING_ROLES) {
    if (signingKid(keys, role) === undefined) {
      throw broken(keyset, `revokes the last ${role} key; name a new one in the same keyset`);
    }
    const announced = keys.filter((key) => key.role === role && key.state === "announced");
    if (announced.length > 1) {
      const kids = announced.map((key) => key.kid).join(" and ");
      throw broken(keyset, `announces ${kids}; wait until the first of these ${role} keys signs, or revoke it`);
    }
  }
}

function broken({ version }: KeysetPayload, why: string): Fault {
  return new Fault("conflict", `keysets: keyset ${version} ${why}`, "keysets");
}

/** Whether a text is a keyset by its form, so that what is no statement at all is told as such. Never throws. */
export function isKeyset(token: string): boolean {
  try {
    return inspectStatement(token).typ === "dimmer-keyset+jwt";
  } catch {
    return false;
  }
}
