import type { Fact } from "@dimmer/lifecycle";
import { type FactWrite, type RecordedFact, recordFact } from "../cases/record-fact.ts";
import { Fault } from "../changes/fault.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { TenantTable } from "../store/schema.ts";
import { type FactEntry, factOf, type ReadyFact } from "./fact-entry.ts";
import { judgeFact, knownFacts } from "./judge-fact.ts";

/** What became of an entry. */
export interface RecordedEntry {
  readonly fact: Fact;
  readonly isNew: boolean;
  /** The case that it belongs to; left out where it was known already. */
  readonly case?: RecordedFact["case"];
}

/** A tenant that is there, its row held to the end of the transaction. @throws {Fault} `missing` */
export async function heldTenant({ store, queries }: FactWrite, tenant: string): Promise<TenantTable> {
  const row = await lockRow(store, queries.selectFrom("tenant").selectAll().where("id", "=", tenant));
  if (row === undefined || row.gone_s !== null) throw new Fault("missing", `there is no tenant ${tenant}`, "tenant");
  return row;
}

/**
 * Judges an entry by what is known of the tenant and records its fact. The tenant's row is held, so that no two
 * entries are judged by the same knowledge. Call `service.wakeCases()` after the commit.
 *
 * @throws {Fault} `missing` tenant; `invalid` or `conflict` with the code of what it contradicts
 */
export async function recordEntry(write: FactWrite, tenant: string, entry: FactEntry): Promise<RecordedEntry> {
  await heldTenant(write, tenant);
  const ready = factOf(entry, write.nowMs);
  return await recordReady(write, tenant, { ready, known: await knownFacts(write.queries, tenant, ready.track) });
}

/** The same of a fact that is ready, by facts that are at hand: the tenant's row must be held. @throws {Fault} */
export async function recordReady(
  write: FactWrite,
  tenant: string,
  { ready, known }: { readonly ready: ReadyFact; readonly known: readonly Fact[] },
): Promise<RecordedEntry> {
  const { queries, nowMs } = write;
  const { fact, track } = ready;
  const { isKnown } = await judgeFact(queries, { ready, known, tenant, nowMs });
  if (isKnown) return { fact: known.find(({ id }) => id === fact.id) ?? fact, isNew: false };
  const recorded = await recordFact(write, { tenant, track, fact });
  return { fact, isNew: recorded.isNew, case: recorded.case };
}
