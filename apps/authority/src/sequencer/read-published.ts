import { type CompiledPolicy, compilePolicy, type PolicyDocument } from "@dimmer/core";
import type { Store } from "../store/open-store.ts";
import type { FeedPosition } from "./feed-position.ts";
import { PublishedLines } from "./published-lines.ts";

/** What signing goes on from. */
export interface Standpoint {
  /** Of the database, which may have been replaced by a copy. */
  readonly identity: string;
  /** Left out where nothing was published yet. */
  readonly position: FeedPosition | undefined;
  readonly policy: CompiledPolicy;
}

/** Reads where the feed of a store stands; why nothing may be signed from there, in words for an operator. */
export async function readStandpoint(store: Store): Promise<Standpoint | string> {
  const identity = await store.identity();
  const position = await store.db.selectFrom("feed_state").selectAll().where("id", "=", 1).executeTakeFirst();
  if (position !== undefined && position.database_identity !== identity) {
    return `the database is not the one that signed last (${position.database_identity}, now ${identity}): it may lack what was published; raise the epoch (dimmer authority raise-epoch)`;
  }
  const active = await store.db
    .selectFrom("policy")
    .select("document")
    .where("state", "=", "active")
    .executeTakeFirst();
  if (active === undefined) return "no policy is active";
  return { identity, position, policy: compilePolicy(JSON.parse(active.document) as PolicyDocument) };
}

/** Reads what is published of every tenant. Linear in their number. */
export async function readPublishedLines(store: Store): Promise<PublishedLines> {
  const rows = await store.db.selectFrom("entitlement").select(["tenant_id", "line"]).execute();
  return new PublishedLines(
    rows.map((row) => [row.tenant_id, row.line] as const),
    rows.length,
  );
}
