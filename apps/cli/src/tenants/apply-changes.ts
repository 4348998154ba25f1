import { secondsToWire, type WireLock, type WireRestriction } from "@dimmer/statement";
import type { AuthorityClient, Written } from "../authority/authority-client.ts";
import {
  allRestrictions,
  findTenant,
  lockOf,
  type RestrictionFacts,
  type TenantFacts,
  tenantBody,
} from "../authority/facts.ts";
import { toFailure } from "../failure.ts";
import type { TenantChange } from "./file-changes.ts";

/** How changes of a tenants file are brought to an authority. */
export interface ApplyOptions {
  readonly client: AuthorityClient;
  readonly changes: readonly TenantChange[];
  readonly reason: string;
  /** Reads what is there and counts; writes nothing. */
  readonly isDryRun?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What became of them. */
export interface Applied {
  readonly counts: ApplyCounts;
  readonly writes: readonly Written[];
  /** One line for each tenant of which something was refused. The others are as the file says. */
  readonly faults: readonly string[];
}

/** How many of what were written, or would be. */
export type ApplyCounts = Readonly<Record<CountName, number>>;
type CountName = "created" | "changed" | "removed" | "restricted" | "cleared" | "locked" | "lifted";

interface Run extends ApplyOptions {
  readonly counts: Record<CountName, number>;
  readonly writes: Written[];
  readonly faults: string[];
}

const AT_ONCE = 8;
const MOST_ONE_BY_ONE = 8;

/**
 * Brings the changes of a tenants file to an authority, as writes like anybody's: one by one, and new tenants in one
 * import where they are many. Applying what is there already changes nothing. What it puts, it puts before it takes anything away, so that
 * no tenant is open in between. A tenant at fault stops no other.
 *
 * @throws {CommandFailure} where the authority does not answer, or takes no import
 */
export async function applyChanges(options: ApplyOptions): Promise<Applied> {
  const counts = { created: 0, changed: 0, removed: 0, restricted: 0, cleared: 0, locked: 0, lifted: 0 };
  const run: Run = { ...options, counts, writes: [], faults: [] };
  const { client, changes, onProgress } = run;
  const found = new Map<string, TenantFacts | undefined>();
  await inTurns(changes, async ({ tenant }) => void found.set(tenant, await findTenant(client, tenant)));
  const created = changes.filter(({ tenant, terms }) => terms !== undefined && found.get(tenant) === undefined);
  counts.created = created.length;
  // An import is three transactions more than a write: for a few it would take longer.
  const imported = created.length > MOST_ONE_BY_ONE ? created : [];
  await importNew(run, imported);
  const isImported = new Set(imported.map(({ tenant }) => tenant));
  let done = 0;
  await inTurns(changes, async (change) => {
    try {
      const facts = found.get(change.tenant);
      if (facts === undefined && change.terms !== undefined && !isImported.has(change.tenant))
        await create(run, change);
      await applyOne(run, change, facts);
    } catch (cause) {
      const failure = toFailure(cause);
      if (failure.exitCode === 3) throw failure;
      run.faults.push(`tenant ${JSON.stringify(change.tenant)}: ${failure.message}`);
    }
    onProgress?.(++done, changes.length);
  });
  // An import goes behind everything else and is not waited for: the last of it, put again, is.
  const last = imported.at(-1);
  if (last !== undefined && run.faults.length === 0) await create(run, last);
  return { counts, writes: run.writes, faults: run.faults };
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

async function create(run: Run, { tenant, terms }: TenantChange): Promise<void> {
  await write(run, "PUT", pathOf(tenant), { name: tenant, ...terms });
}

async function importNew(run: Run, changes: readonly TenantChange[]): Promise<void> {
  const { client, reason } = run;
  if (changes.length === 0 || run.isDryRun === true) return;
  const rows = changes.map(({ tenant, terms }) => ({ id: tenant, name: tenant, ...terms }));
  const bytes = new Blob(rows.map((row) => `${JSON.stringify(row)}\n`)).stream();
  const { faults } = await client.upload("/v1/imports/tenants", { type: "application/x-ndjson", bytes, reason });
  for (const { line, message } of faults as readonly { readonly line: number; readonly message: string }[]) {
    run.faults.push(`tenant ${JSON.stringify(changes[line - 1]?.tenant)}: ${message}`);
  }
}

async function applyOne(run: Run, change: TenantChange, facts: TenantFacts | undefined): Promise<void> {
  const { tenant, isRemoved, terms, restrictions, ended, lock, lifted } = change;
  if (facts !== undefined && terms !== undefined && !isRemoved) await putTerms(run, facts, terms);
  // Locks first: whatever else is refused, they hold.
  if (lock !== undefined) await putLock(run, lock, facts);
  if (restrictions.length > 0 || ended.length > 0) {
    // A tenant that was removed and is back has closed cases of its own.
    const known = await allRestrictions(run.client, tenant);
    const own = new Set(restrictions.map((restriction) => restriction.case));
    for (const restriction of restrictions) await putRestriction(run, tenant, { restriction, known, own });
    for (const caseId of ended) {
      for (const open of openUnder(known, caseId, own)) {
        run.counts.cleared++;
        await write(run, "DELETE", `${pathOf(tenant)}/restrictions/${open.case}`);
      }
    }
  }
  if (isRemoved && facts !== undefined) {
    run.counts.removed++;
    await write(run, "DELETE", pathOf(tenant));
  }
  if (lifted !== undefined) await liftLock(run, facts, tenant, lifted);
}

async function putTerms(run: Run, facts: TenantFacts, terms: NonNullable<TenantChange["terms"]>): Promise<void> {
  const isSame = facts.plan === terms.plan && JSON.stringify(facts.features) === JSON.stringify(terms.features);
  if (isSame) return;
  run.counts.changed++;
  await write(run, "PUT", pathOf(facts.id), { ...tenantBody(facts, terms) }, facts.revision);
}

interface ToPut {
  readonly restriction: WireRestriction;
  readonly known: readonly RestrictionFacts[];
  readonly own: ReadonlySet<string>;
}

/**
 * A case that is closed is never opened again, and its name is nobody else's: where a file says it once more, the case
 * gets the next free name, `case_acme_42.2`.
 */
async function putRestriction(run: Run, tenant: string, { restriction, known, own }: ToPut): Promise<void> {
  const { cause, case: caseId, steps, exception } = restriction;
  const body = { cause, steps, ...(exception === undefined ? {} : { exception }) };
  const [open] = openUnder(known, caseId, own);
  if (open !== undefined && open.cause === cause && isAlike(open, restriction)) return;
  run.counts.restricted++;
  // A cause never changes under its case: the new one is in force before the old one ends.
  const replaced = open !== undefined && open.cause !== cause ? open : undefined;
  const taken = new Set(known.map((fact) => fact.case));
  let name = open === undefined || replaced !== undefined ? freeName(caseId, taken) : open.case;
  for (;;) {
    try {
      await write(run, "PUT", `${pathOf(tenant)}/restrictions/${name}`, body);
      break;
    } catch (error) {
      // The case of that name is another tenant's.
      if (toFailure(error).code !== "conflict" || taken.size > known.length + MOST_OTHERS) throw error;
      taken.add(name);
      name = freeName(caseId, taken);
    }
  }
  if (replaced !== undefined) await write(run, "DELETE", `${pathOf(tenant)}/restrictions/${replaced.case}`);
}

const MOST_OTHERS = 20;

/** The open cases that a case of the file stands for: of its name, or of one that `freeName` made of it. */
function openUnder(known: readonly RestrictionFacts[], caseId: string, own: ReadonlySet<string>): RestrictionFacts[] {
  return known.filter((fact) => fact.clearedAt === null && standsFor(fact.case, caseId, own));
}

function standsFor(name: string, caseId: string, own: ReadonlySet<string>): boolean {
  if (name === caseId) return true;
  return name.startsWith(`${caseId}.`) && /^\d+$/.test(name.slice(caseId.length + 1)) && !own.has(name);
}

function freeName(caseId: string, taken: ReadonlySet<string>): string {
  if (!taken.has(caseId)) return caseId;
  let n = 2;
  while (taken.has(`${caseId}.${n}`)) n++;
  return `${caseId}.${n}`;
}

function isAlike(fact: RestrictionFacts, { steps, exception }: WireRestriction): boolean {
  const factSteps = fact.steps.map(({ at, mode, deny }) => [secondsOf(at), mode, deny ?? []]);
  const wireSteps = steps.map(({ at, mode, deny }) => [at, mode, deny ?? []]);
  const { exception: granted } = fact;
  const factException = granted && [granted.floor, secondsOf(granted.from), secondsOf(granted.until)];
  const wireException = exception === undefined ? null : [exception.floor, exception.from, exception.until];
  return JSON.stringify([factSteps, factException]) === JSON.stringify([wireSteps, wireException]);
}

function secondsOf(iso: string): number {
  return secondsToWire(Date.parse(iso));
}

/** The terms of a lock never change under its case: the new lock holds before the old one is lifted. */
async function putLock(run: Run, lock: WireLock, facts: TenantFacts | undefined): Promise<void> {
  const { tenant, cause, case: caseId, allow } = lock;
  const open = (facts?.locks ?? (await locksOf(run, tenant))).filter((held) => standsFor(held.case, caseId, new Set()));
  const isSame = open.some((held) => held.cause === cause && JSON.stringify(held.allow) === JSON.stringify(allow));
  if (isSame) return;
  run.counts.locked++;
  const name = freeName(caseId, new Set(open.map((held) => held.case)));
  await write(run, "PUT", `${pathOf(tenant)}/locks/${name}`, { cause, allow });
  for (const held of open) await write(run, "DELETE", `${pathOf(tenant)}/locks/${held.case}`);
}

async function liftLock(run: Run, facts: TenantFacts | undefined, tenant: string, caseId: string): Promise<void> {
  const held = facts?.locks ?? (await locksOf(run, tenant));
  for (const { case: name } of held.filter((lock) => standsFor(lock.case, caseId, new Set()))) {
    run.counts.lifted++;
    await write(run, "DELETE", `${pathOf(tenant)}/locks/${name}`);
  }
}

/** A lock holds for a tenant that the authority does not know, too. */
async function locksOf({ client }: Run, tenant: string): Promise<TenantFacts["locks"]> {
  return (await Array.fromAsync(client.items(`/v1/locks?tenant=${encodeURIComponent(tenant)}`))).map(lockOf);
}

async function write(
  { client, reason, writes, isDryRun }: Run,
  method: "PUT" | "DELETE",
  path: string,
  body?: Readonly<Record<string, unknown>>,
  ifRevision?: number,
): Promise<void> {
  if (isDryRun === true) return;
  const given = { ...(body === undefined ? {} : { body }), ...(ifRevision === undefined ? {} : { ifRevision }) };
  writes.push(await client.write(method, path, { reason, ...given }));
}

function pathOf(tenant: string): string {
  return `/v1/tenants/${encodeURIComponent(tenant)}`;
}
