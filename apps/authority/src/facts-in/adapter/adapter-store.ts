import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Transaction } from "kysely";
import type { Actor } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import { writeLedger } from "../../changes/record-change.ts";
import { checkRevision } from "../../changes/tenants.ts";
import { bearerOf } from "../../credentials/secret.ts";
import type { Queries } from "../../store/open-store.ts";
import type { FactAdapterTable, Tables } from "../../store/schema.ts";
import type { ItemWrite, ReadItem } from "../inbox.ts";
import { recordEntry } from "../record-entry.ts";
import { type AdapterDocument, lintAdapter } from "./adapter-document.ts";
import { entryOf, messageIdOf, ruleFor, tenantOfMessage } from "./apply-adapter.ts";

/** A write of an adapter. */
export interface AdapterWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
  readonly ifRevision?: number | undefined;
}

/** Sources that are no adapters. */
const RESERVED: ReadonlySet<string> = new Set(["api", "bank", "import", "runner", "sender", "stripe"]);
/** One that is rotated out is taken until the next rotation. */
const MAX_SECRETS = 2;

/** An adapter by its name. @throws {Fault} `missing` */
export async function adapterRow(queries: Queries, name: string): Promise<FactAdapterTable> {
  const row = await queries.selectFrom("fact_adapter").selectAll().where("name", "=", name).executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no adapter ${name}`);
  return row;
}

/**
 * Puts an adapter, linted; a new one is given a secret, which is in the answer and shown nowhere else.
 *
 * @throws {Fault} `invalid` naming the rule at fault; `outdated`
 */
export async function putAdapter(
  { queries, actor, nowMs, ifRevision }: AdapterWrite,
  name: string,
  document: AdapterDocument,
): Promise<{ row: FactAdapterTable; secret?: string; isNew: boolean }> {
  if (RESERVED.has(name)) throw new Fault("invalid", `name: ${name} is a source of its own; choose another`, "name");
  lintAdapter(document);
  const before = await queries.selectFrom("fact_adapter").selectAll().where("name", "=", name).executeTakeFirst();
  checkRevision({ ifRevision }, before?.revision ?? 0, `adapter ${name}`);
  const text = JSON.stringify(document);
  if (before !== undefined && before.document === text) return { row: before, isNew: false };
  const secret = before === undefined ? newSecret() : undefined;
  const row: FactAdapterTable = {
    name,
    document: text,
    secrets: before?.secrets ?? JSON.stringify([secret]),
    revision: (before?.revision ?? 0) + 1,
    created_ms: before?.created_ms ?? nowMs,
    updated_ms: nowMs,
  };
  if (before === undefined) await queries.insertInto("fact_adapter").values(row).execute();
  else await queries.updateTable("fact_adapter").set(row).where("name", "=", name).execute();
  const said = { before: before && (JSON.parse(before.document) as unknown), after: document };
  await writeLedger(queries, actor, { action: "adapter.put", subject: `adapter:${name}`, ...said }, nowMs);
  return { row, ...(secret === undefined ? {} : { secret }), isNew: before === undefined };
}

/** Gives an adapter another secret; the one before is taken until the next rotation. @throws {Fault} `missing` */
export async function rotateAdapter({ queries, actor, nowMs }: AdapterWrite, name: string): Promise<string> {
  const row = await adapterRow(queries, name);
  const secret = newSecret();
  const secrets = JSON.stringify([secret, ...(JSON.parse(row.secrets) as string[])].slice(0, MAX_SECRETS));
  await queries.updateTable("fact_adapter").set({ secrets, updated_ms: nowMs }).where("name", "=", name).execute();
  await writeLedger(queries, actor, { action: "adapter.rotate", subject: `adapter:${name}` }, nowMs);
  return secret;
}

/** Removes an adapter: what it brought stays. @throws {Fault} `missing` */
export async function removeAdapter({ queries, actor, nowMs }: AdapterWrite, name: string): Promise<void> {
  const { document } = await adapterRow(queries, name);
  await queries.deleteFrom("fact_adapter").where("name", "=", name).execute();
  const before = JSON.parse(document) as unknown;
  await writeLedger(queries, actor, { action: "adapter.remove", subject: `adapter:${name}`, before }, nowMs);
}

function newSecret(): string {
  return `dma_${randomBytes(32).toString("base64url")}`;
}

/** Whether a message comes from whom it should. Takes the same time for every wrong signature of one length. */
export function isAuthentic(
  row: FactAdapterTable,
  { body, header }: { body: Buffer; header: (name: string) => string | undefined },
): boolean {
  const { auth } = JSON.parse(row.document) as AdapterDocument;
  const secrets = JSON.parse(row.secrets) as string[];
  if (auth.type === "bearer") {
    const given = bearerOf(header("authorization")) ?? "";
    return secrets.some((secret) => isSame(given, secret));
  }
  const { header: name, algorithm, encoding, prefix = "" } = auth;
  const given = header(name) ?? "";
  if (!given.startsWith(prefix)) return false;
  return secrets.some((secret) =>
    isSame(given.slice(prefix.length), createHmac(algorithm, secret).update(body).digest(encoding)),
  );
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Reads messages as an adapter says. Fits `receiveItem`. */
export function readerOf(document: AdapterDocument): ReadItem {
  return async (write: ItemWrite, message: unknown): Promise<"done" | "ignored"> => {
    write.said.isMoney = true;
    const rule = ruleFor(document, message);
    if (rule === undefined) return "ignored";
    const tenant = tenantOfMessage(document, message);
    write.said.tenant = tenant;
    const id = `${write.source ?? "adapter"}:${messageIdOf(document, message) ?? ""}`;
    const { isNew } = await recordEntry(write, tenant, entryOf(rule, message, id));
    write.said.hasNewFacts = isNew;
    return "done";
  };
}
