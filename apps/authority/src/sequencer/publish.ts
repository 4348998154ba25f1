import type { CompiledPolicy, PolicyDocument } from "@dimmer/core";
import type { FeedSigners } from "@dimmer/feed/build";
import {
  digestOf,
  type HeadPayload,
  secondsToWire,
  signStatement,
  type WireEntitlement,
  type WireLock,
  type WireTombstone,
} from "@dimmer/statement";
import type { Transaction } from "kysely";
import { PRIORITY } from "../changes/record-change.ts";
import type { SigningRing } from "../keys/signing-ring.ts";
import type { PendingTable, Tables } from "../store/schema.ts";
import { type BreakerLimits, holdBack, narrowingLeft } from "./breaker.ts";
import type { FeedPosition, Publication } from "./feed-position.ts";
import { isNarrowed, withoutCleared } from "./narrowing.ts";
import type { PublishedLines } from "./published-lines.ts";
import { wantedLines } from "./wanted-lines.ts";

/** What signs, and for whom. */
export interface Issuing {
  /** The root key is not among them: it stays offline. */
  readonly signers: Pick<FeedSigners, "policy" | "locks" | "feed">;
  readonly iss: string;
  readonly aud: string;
  /** Milliseconds that a head is fresh. */
  readonly freshForMs: number;
  /** Where keys are changed without a restart: then `signers` are those of now. */
  readonly keys?: {
    readonly ring: SigningRing;
    /** Milliseconds from the keyset that announces a key until it signs. */
    readonly overlapMs: number;
  };
}

/** What one publication takes from and gives to. */
export interface PublishContext {
  readonly queries: Transaction<Tables>;
  readonly issuing: Issuing;
  readonly position: FeedPosition;
  readonly policy: CompiledPolicy;
  readonly published: PublishedLines;
  readonly limits: BreakerLimits;
  readonly nowMs: number;
  /** Publishes what is pending of this kind alone. Default: of every kind. */
  readonly only?: PendingTable["kind"] | undefined;
  /** Is told of a tenant that stays as it was published, because its rows make no entitlement. */
  readonly onUnsignable: (tenant: string, why: Error) => void;
}

/** What was published, to be taken over once the transaction has committed. */
export interface Published {
  readonly publication: Publication;
  readonly position: FeedPosition;
  readonly lines: ReadonlyMap<string, string>;
  /** A policy document that comes into force with it. */
  readonly policyDocument?: string;
}

type Pending = {
  readonly [K in keyof PendingTable]: PendingTable[K] extends infer T ? (K extends "id" ? number : T) : never;
};

/** Tenants in one delta: a bulk change is cut, so that a payment behind it waits for one delta and not for all. */
const MAX_TENANTS = 1_000;
/** Characters of their entitlements: a delta that is larger than replicas take would hold up everything behind it. */
const MAX_DELTA_CHARS = 1 << 20;

/**
 * Signs what is pending as the next version, within the caller's transaction: a delta of at most 1,000 tenants or 1 MiB
 * and, where they changed, the lock list or the policy. Locks and restorations go first. What narrows too many tenants at
 * once is put aside for a second person.
 *
 * @returns `"nothing left"` where there is nothing to publish; `"nothing new"` where what was pending needed no version,
 *   and there may be more
 */
export async function publishNext(context: PublishContext): Promise<Published | "nothing left" | "nothing new"> {
  const { queries, published, policy, nowMs } = context;
  const { open, wanted } = await signableChanges(context);
  if (open.length === 0) return "nothing left";
  const isChanged = (tenant: string): boolean => wanted.has(tenant) && published.get(tenant) !== wanted.get(tenant);
  const pending = open.slice(
    0,
    countOfFitting(open, (tenant) => (isChanged(tenant) ? wanted.get(tenant) : undefined)),
  );
  const changed = new Map(
    tenantsOf(pending)
      .filter(isChanged)
      .map((tenant) => [tenant, wanted.get(tenant) as string]),
  );
  const narrowed = [...changed].filter(([tenant, line]) => isNarrowed(policy, published.get(tenant), line, nowMs));
  const held = await holdExcess(
    context,
    pending,
    narrowed.map(([tenant]) => tenant),
  );
  for (const tenant of held) changed.delete(tenant);
  for (const [tenant, line] of returnsOf(pending, held, { published, wanted })) changed.set(tenant, line);
  const signed = pending.filter((row) => row.tenant_id === null || !held.has(row.tenant_id) || isReturn(row));
  if (signed.length === 0) return "nothing new";
  const approved = new Set(signed.flatMap((row) => (row.change_set_id === null ? [] : (row.tenant_id ?? []))));
  const counted = narrowed.filter(([tenant]) => !held.has(tenant) && !approved.has(tenant)).length;
  const kinds = new Set(signed.map(({ kind }) => kind));
  const isEmpty = changed.size === 0 && !kinds.has("locks") && !kinds.has("policy");
  if (isEmpty) {
    // The state is what was published already: the changes cancelled out.
    await markPublished(queries, { signed, held }, context.position);
    return "nothing new";
  }
  return sign(context, { signed, held, changed, narrowed: counted, kinds });
}

/**
 * What is pending and can be signed, at most 1,000 changes. A tenant whose rows make no entitlement waits by itself, as it
 * was published last, and holds up nobody behind it.
 */
async function signableChanges({ queries, only, onUnsignable }: PublishContext): Promise<{
  readonly open: readonly Pending[];
  readonly wanted: ReadonlyMap<string, string>;
}> {
  for (let passed = 0; ; passed += MAX_TENANTS) {
    const rows = await openChanges(queries, only, passed);
    const { lines: wanted, faults } = await wantedLines(queries, tenantsOf(rows));
    for (const [tenant, why] of faults) onUnsignable(tenant, why);
    const open = rows.filter(({ kind, tenant_id }) => kind !== "entitlement" || !faults.has(tenant_id as string));
    if (open.length > 0 || rows.length < MAX_TENANTS) return { open, wanted };
  }
}

async function openChanges(
  queries: Transaction<Tables>,
  only: PendingTable["kind"] | undefined,
  passed: number,
): Promise<Pending[]> {
  const open = queries
    .selectFrom("pending")
    .leftJoin("change_set", "change_set.id", "pending.change_set_id")
    .selectAll("pending")
    .where("pending.published_seq", "is", null)
    // Keysets come into force in publications of their own.
    .where("pending.kind", "<>", "keyset")
    .$if(only !== undefined, (rows) => rows.where("pending.kind", "=", only as PendingTable["kind"]))
    .where((where) =>
      where.or([where("pending.change_set_id", "is", null), where("change_set.state", "=", "approved")]),
    )
    .orderBy("pending.priority")
    .orderBy("pending.id")
    .limit(MAX_TENANTS)
    .offset(passed);
  return (await open.execute()) as Pending[];
}

function tenantsOf(pending: readonly Pending[]): string[] {
  return [...new Set(pending.flatMap(({ tenant_id }) => tenant_id ?? []))];
}

/** How many of what is pending make one delta: at least one. */
function countOfFitting(pending: readonly Pending[], changedLine: (tenant: string) => string | undefined): number {
  const counted = new Set<string>();
  let chars = 0;
  for (const [i, { tenant_id: tenant }] of pending.entries()) {
    if (tenant === null || counted.has(tenant)) continue;
    counted.add(tenant);
    chars += changedLine(tenant)?.length ?? 0;
    if (chars > MAX_DELTA_CHARS && i > 0) return i;
  }
  return pending.length;
}

const isReturn = ({ priority }: Pending): boolean => priority === PRIORITY.restore;

/**
 * What a return brings to tenants that are held: the line that is published, less what was cleared. A payment waits for no
 * second person, whatever else of its tenant does (L3).
 */
function returnsOf(
  pending: readonly Pending[],
  held: ReadonlySet<string>,
  { published, wanted }: { readonly published: PublishedLines; readonly wanted: ReadonlyMap<string, string> },
): Map<string, string> {
  const lines = new Map<string, string>();
  for (const tenant of tenantsOf(pending.filter(isReturn))) {
    const before = published.get(tenant);
    if (!held.has(tenant) || before === undefined) continue;
    const line = withoutCleared(before, wanted.get(tenant) as string);
    if (line !== before) lines.set(tenant, line);
  }
  return lines;
}

/** Puts aside the tenants that the breaker does not let pass; an approved change is not counted again. */
async function holdExcess(
  { queries, limits, published, nowMs }: PublishContext,
  pending: readonly Pending[],
  narrowed: readonly string[],
): Promise<ReadonlySet<string>> {
  const isApproved = new Set(pending.flatMap((row) => (row.change_set_id === null ? [] : (row.tenant_id ?? []))));
  const unapproved = narrowed.filter((tenant) => !isApproved.has(tenant));
  if (unapproved.length === 0) return new Set();
  const left = await narrowingLeft(queries, limits, published.count, nowMs);
  if (unapproved.length <= left) return new Set();
  const held = new Set(unapproved.slice(left));
  const putAside = pending.filter((row) => row.tenant_id !== null && held.has(row.tenant_id) && !isReturn(row));
  if (putAside.length > 0) await holdBack(queries, { pending: putAside, nowMs });
  return held;
}

interface Content {
  readonly signed: readonly Pending[];
  /** Tenants of which a part is put aside. */
  readonly held: ReadonlySet<string>;
  readonly changed: ReadonlyMap<string, string>;
  readonly narrowed: number;
  readonly kinds: ReadonlySet<Pending["kind"]>;
}

async function sign(context: PublishContext, { signed, held, changed, narrowed, kinds }: Content): Promise<Published> {
  const { queries, issuing, nowMs } = context;
  const { signers, iss, aud } = issuing;
  const { epoch, seq: base } = context.position;
  const seq = base + 1;
  const named = { iss, aud, epoch };
  let position: FeedPosition = { ...context.position, seq };
  let policyToken: string | undefined;
  let policyDocument: string | undefined;
  if (kinds.has("policy")) {
    const active = await queries
      .selectFrom("policy")
      .select("document")
      .where("state", "=", "active")
      .executeTakeFirstOrThrow();
    policyDocument = active.document;
    const document = JSON.parse(active.document) as PolicyDocument;
    policyToken = await signStatement("dimmer-policy+jwt", { iss, aud, policy: document }, signers.policy);
    await touchPart(queries, position.policy_digest, nowMs);
    position = { ...position, policy_digest: await keepPart(queries, "policy", policyToken, nowMs) };
  }
  let locksToken: string | undefined;
  if (kinds.has("locks")) {
    const payload = { ...named, seq, iat: secondsToWire(nowMs), locks: await publishedLocks(queries) };
    locksToken = await signStatement("dimmer-locks+jwt", payload, signers.locks);
    await touchPart(queries, position.locks_digest, nowMs);
    const digest = await keepPart(queries, "locks", locksToken, nowMs);
    position = { ...position, locks_epoch: epoch, locks_seq: seq, locks_digest: digest };
  }
  const entitlements = [...changed.values()].map((line) => JSON.parse(line) as WireEntitlement | WireTombstone);
  const payload = { ...named, base, seq, policy: position.policy_digest, entitlements };
  const delta = await signStatement("dimmer-delta+jwt", payload, signers.feed);
  const head = await signHead(issuing, position, nowMs);
  position = { ...position, head, head_ms: nowMs };
  const row = { epoch, seq, base, delta, locks: locksToken ?? null, policy: policyToken ?? null };
  await queries
    .insertInto("publication")
    .values({ ...row, tenants: changed.size, narrowed, created_ms: nowMs, enforced_ms: null })
    .execute();
  await savePosition(queries, position);
  await keepLines(queries, changed);
  await markPublished(queries, { signed, held }, position);
  const publication = {
    epoch,
    seq,
    base,
    delta,
    head,
    ...(locksToken === undefined ? {} : { locks: locksToken }),
    ...(policyToken === undefined ? {} : { policy: policyToken }),
  };
  return { publication, position, lines: changed, ...(policyDocument === undefined ? {} : { policyDocument }) };
}

/** Writes down where the feed stands. */
export async function savePosition(queries: Transaction<Tables>, position: FeedPosition): Promise<void> {
  await queries.updateTable("feed_state").set(position).where("id", "=", 1).execute();
}

/** Signs where the feed stands. */
export function signHead(
  { signers, iss, aud, freshForMs }: Issuing,
  position: FeedPosition,
  nowMs: number,
): Promise<string> {
  const iat = secondsToWire(nowMs);
  const payload: HeadPayload = {
    iss,
    aud,
    epoch: position.epoch,
    seq: position.seq,
    index: position.index_digest,
    policy: position.policy_digest,
    locks: { epoch: position.locks_epoch, seq: position.locks_seq, digest: position.locks_digest },
    iat,
    fresh_until: iat + secondsToWire(freshForMs),
  };
  return signStatement("dimmer-head+jwt", payload, signers.feed);
}

/** Keeps a token as a part of the feed; its digest. */
export async function keepPart(
  queries: Transaction<Tables>,
  kind: "index" | "policy" | "locks",
  token: string,
  nowMs: number,
): Promise<string> {
  const digest = await digestOf(token);
  await queries
    .insertInto("part")
    .values({ kind, digest, bytes: Buffer.from(token), created_ms: nowMs })
    .onConflict((conflict) => conflict.columns(["kind", "digest"]).doUpdateSet({ created_ms: nowMs }))
    .execute();
  return digest;
}

/** Marks a part that goes out of use: readers may be half-way through what names it. */
export async function touchPart(queries: Transaction<Tables>, digest: string, nowMs: number): Promise<void> {
  await queries.updateTable("part").set({ created_ms: nowMs }).where("digest", "=", digest).execute();
}

const LOCK_GRAVITY = ["security", "legal", "breach"];

/** The locks in force that nobody has yet to approve, one a tenant: the gravest, allowing what all of them allow. */
export async function publishedLocks(queries: Transaction<Tables>): Promise<WireLock[]> {
  const rows = await queries
    .selectFrom("lock")
    .leftJoin("change_set", "change_set.id", "lock.change_set_id")
    .selectAll("lock")
    .where("lock.lifted_ms", "is", null)
    .where((where) => where.or([where("lock.change_set_id", "is", null), where("change_set.state", "=", "approved")]))
    .orderBy("lock.tenant_id")
    .orderBy("lock.id")
    .execute();
  return [...Map.groupBy(rows, (row) => row.tenant_id)].map(([tenant, locks]) => {
    const gravest = locks.toSorted((a, b) => LOCK_GRAVITY.indexOf(a.cause) - LOCK_GRAVITY.indexOf(b.cause))[0];
    const allowed = locks.map((row) => JSON.parse(row.allow) as string[]);
    const allow = (allowed[0] ?? []).filter((capability) => allowed.every((list) => list.includes(capability)));
    const { cause, case_id, since_s } = gravest as (typeof locks)[number];
    return { tenant, cause: cause as WireLock["cause"], case: case_id, since: since_s, allow };
  });
}

async function keepLines(queries: Transaction<Tables>, lines: ReadonlyMap<string, string>): Promise<void> {
  const rows = [...lines].map(([tenant_id, line]) => ({ tenant_id, line }));
  for (let start = 0; start < rows.length; start += 200) {
    await queries
      .insertInto("entitlement")
      .values(rows.slice(start, start + 200))
      .onConflict((conflict) =>
        conflict.column("tenant_id").doUpdateSet((update) => ({ line: update.ref("excluded.line") })),
      )
      .execute();
  }
}

async function markPublished(
  queries: Transaction<Tables>,
  { signed, held }: Pick<Content, "signed" | "held">,
  { epoch, seq }: FeedPosition,
): Promise<void> {
  const ids = signed.map(({ id }) => id);
  await queries
    .updateTable("pending")
    .set({ published_epoch: epoch, published_seq: seq })
    .where("id", "in", ids)
    .execute();
  // What is published of a tenant is its whole state, unless it is held: whatever else was put aside for it is overtaken.
  const tenants = tenantsOf(signed.filter(({ kind }) => kind === "entitlement")).filter((tenant) => !held.has(tenant));
  if (tenants.length === 0) return;
  await queries
    .updateTable("pending")
    .set({ published_epoch: epoch, published_seq: seq })
    .where("published_seq", "is", null)
    .where("tenant_id", "in", tenants)
    .where("kind", "=", "entitlement")
    .execute();
}
