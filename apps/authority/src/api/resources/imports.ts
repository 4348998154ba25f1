import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import type { ApiKey } from "../../credentials/api-keys.ts";
import { beginImport, importTenants } from "../../imports/import-tenants.ts";
import { readLines } from "../../imports/read-lines.ts";
import { readCsvRows, readNdjsonRows } from "../../imports/read-rows.ts";
import type { TenantImportTable } from "../../store/schema.ts";
import { findAnswer, hashOfRequest, keepAnswer, type RepeatableRequest, readIdempotencyKey } from "../idempotency.ts";
import { answers, type Operation, reads } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { malformed, problemOf, Refusal } from "../problem.ts";
import { actorOf, readCorrelation, readReason } from "../serve-write.ts";
import type { Service } from "../service.ts";
import { flag, isoOf, madeId, page } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });
const shown = z
  .looseObject({
    id: z.string(),
    state: z.enum(["running", "done", "failed"]),
    format: z.enum(["ndjson", "csv"]),
    isDryRun: z.boolean(),
    read: z.number().meta({ description: "Rows read so far." }),
    created: z.number(),
    changed: z.number(),
    unchanged: z.number(),
    invalid: z.number(),
    faults: z.array(z.looseObject({ line: z.number(), field: z.string().optional(), message: z.string() })),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: "TenantImport" });

function show(row: TenantImportTable): Record<string, unknown> {
  const { is_dry_run, faults, created_ms, updated_ms, holder: _, ...rest } = row;
  return {
    ...rest,
    isDryRun: is_dry_run === 1,
    faults: JSON.parse(faults) as unknown,
    createdAt: isoOf(created_ms),
    updatedAt: isoOf(updated_ms),
  };
}

const FORMATS = { "application/x-ndjson": "ndjson", "text/csv": "csv" } as const;

/** Bulk imports: many tenants in one request, of any length. */
export const importOperations: readonly Operation[] = [
  answers({
    name: "importTenants",
    tag: "Imports",
    method: "POST",
    path: "/v1/imports/tenants",
    summary: "Put many tenants: NDJSON or CSV, read as it comes",
    description:
      "One tenant a line, with the fields of PUT /v1/tenants/{id} and its `id`; CSV has a header, and JSON in the cells " +
      "of features, contacts and contract. Rows at fault are counted and reported, the others put, behind everything " +
      "else that waits for a signature. The same import again changes nothing. While it runs, /v1/imports shows how " +
      "far it has come. Header Dimmer-Reason is required.",
    access: ["admin"],
    query: z.strictObject({ dryRun: flag.meta({ description: "true: counts, and writes no tenant." }) }),
    bodies: { "application/x-ndjson": z.string(), "text/csv": z.string() },
    answers: { 200: { description: "Read to its end.", schema: shown }, 415: { description: "Of another type." } },
    answer: async ({ service, key, query, request }) => {
      const isDryRun = (query as { dryRun?: string }).dryRun === "true";
      const type = /^[^;\s]*/.exec(request.headers["content-type"] ?? "")?.[0].toLowerCase() ?? "";
      const format = Object.hasOwn(FORMATS, type) ? FORMATS[type as keyof typeof FORMATS] : undefined;
      if (format === undefined) {
        const detail = "send NDJSON as content-type: application/x-ndjson, or CSV as text/csv";
        throw new Refusal(problemOf("media_type", detail, { field: "content-type" }), { connection: "close" });
      }
      const id = await begun(service, key as ApiKey, { request, format, isDryRun });
      // What comes again need not be read.
      if (typeof id !== "string") return answer(id.repeated, { connection: "close", "idempotency-replayed": "true" });
      const lines = readLines(request as AsyncIterable<Uint8Array>);
      const rows = format === "csv" ? readCsvRows(lines) : readNdjsonRows(lines);
      try {
        return answer(
          await importTenants({ id: id, service, actor: actorFor(key as ApiKey, request), isDryRun, rows }),
        );
      } catch (error) {
        if (error instanceof Refusal) {
          throw new Refusal({ ...error.problem, import: id }, { ...error.headers, connection: "close" });
        }
        throw error;
      }
    },
  }),
  reads({
    name: "listImports",
    tag: "Imports",
    path: "/v1/imports",
    summary: "Imports, and how far they have come",
    access: "any key",
    query: page.extend({ state: z.enum(["running", "done", "failed"]).optional() }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("tenant_import")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.state !== undefined) select = select.where("state", "=", query.state);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show }) };
    },
  }),
  reads({
    name: "getImport",
    tag: "Imports",
    path: "/v1/imports/{id}",
    summary: "An import, and how far it has come",
    access: "any key",
    params: z.strictObject({ id: madeId }),
    answers: { 200: { description: "The import.", schema: shown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const row = await service.store.db
        .selectFrom("tenant_import")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no import ${id}`);
      return { body: show(row) };
    },
  }),
];

function answer(row: TenantImportTable, more: Record<string, string> = {}): Response {
  const location = `/v1/imports/${row.id}`;
  const headers = { "content-type": "application/json", "cache-control": "no-store", location, ...more };
  return new Response(JSON.stringify(show(row)), { headers });
}

function actorFor(key: ApiKey, { headers }: IncomingMessage): ReturnType<typeof actorOf> {
  const reason = readReason(headers["dimmer-reason"] as string | undefined);
  if (reason === undefined) throw malformed("Dimmer-Reason", "say why, in this header");
  const correlationId = readCorrelation(headers["dimmer-correlation"]);
  return actorOf(key, { roles: ["admin"], what: "importing tenants", reason, correlationId });
}

/** Begins an import; one that was sent before under the same idempotency key is not begun again. */
async function begun(
  service: Service,
  key: ApiKey,
  { request, format, isDryRun }: { request: IncomingMessage; format: "ndjson" | "csv"; isDryRun: boolean },
): Promise<string | { repeated: TenantImportTable }> {
  const actor = actorFor(key, request);
  const named = readIdempotencyKey(request.headers["idempotency-key"] as string | undefined);
  const target = `${request.url} ${format} ${request.headers["content-length"] ?? ""}`;
  const repeatable: RepeatableRequest | undefined =
    named === undefined
      ? undefined
      : { actor: key.id, key: named, hash: hashOfRequest("POST", target, new Uint8Array()) };
  const before = repeatable === undefined ? undefined : await findAnswer(service.store.db, repeatable);
  if (before !== undefined) {
    const row = await service.store.db
      .selectFrom("tenant_import")
      .selectAll()
      .where("id", "=", String(before.body["id"]))
      .executeTakeFirstOrThrow();
    // What broke off may be sent again: it goes on where it was.
    if (row.state !== "failed") return { repeated: row };
    return await beginImport(service, { actor, format, isDryRun });
  }
  const id = await beginImport(service, { actor, format, isDryRun });
  if (repeatable !== undefined) {
    const kept = { status: 200, body: { id } } as const;
    await service.store.transact((queries) => keepAnswer(queries, repeatable, kept, service.now()));
  }
  return id;
}
