import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Actor } from "../../changes/actor.ts";
import type { ApiKey } from "../../credentials/api-keys.ts";
import { FACT_LAYOUT, importFacts } from "../../facts-in/import-facts.ts";
import { BANK_LAYOUT, importStatement } from "../../facts-in/import-statement.ts";
import type { FactImport, FactImportRun } from "../../facts-in/import-tally.ts";
import { readLines } from "../../imports/read-lines.ts";
import { type CsvLayout, readCsvRows, readNdjsonRows } from "../../imports/read-rows.ts";
import { answers, type Operation } from "../operation.ts";
import { malformed, problemOf, Refusal } from "../problem.ts";
import { actorOf, readCorrelation, readReason } from "../serve-write.ts";
import { flag } from "../values.ts";

const shown = z
  .looseObject({
    isDryRun: z.boolean(),
    read: z.number(),
    created: z.number().meta({ description: "Facts that were not known." }),
    unchanged: z.number().meta({ description: "Facts that were known." }),
    unmatched: z.number().meta({ description: "Of a statement: payments that wait for somebody to match them." }),
    invalid: z.number(),
    faults: z.array(
      z.looseObject({
        line: z.number(),
        field: z.string().optional(),
        code: z.string().optional(),
        message: z.string(),
      }),
    ),
  })
  .meta({ id: "FactImport" });

interface ImportDoor {
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly layout: CsvLayout;
  readonly run: (run: FactImportRun) => Promise<FactImport>;
}

function importDoor({ name, path, summary, description, layout, run }: ImportDoor): Operation {
  return answers({
    name,
    tag: "Imports",
    method: "POST",
    path,
    summary,
    description: `${description} Header Dimmer-Reason is required.`,
    access: ["finance"],
    query: z.strictObject({ dryRun: flag.meta({ description: "true: counts, and records nothing." }) }),
    bodies: { "text/csv": z.string(), "application/x-ndjson": z.string() },
    answers: { 200: { description: "Read to its end.", schema: shown }, 415: { description: "Of another type." } },
    answer: async ({ service, key, query, request }) => {
      const isDryRun = (query as { dryRun?: string }).dryRun === "true";
      const type = /^[^;\s]*/.exec(request.headers["content-type"] ?? "")?.[0].toLowerCase() ?? "";
      if (type !== "text/csv" && type !== "application/x-ndjson") {
        const detail = "send CSV as content-type: text/csv, or NDJSON as application/x-ndjson";
        throw new Refusal(problemOf("media_type", detail, { field: "content-type" }), { connection: "close" });
      }
      const actor = actorFor(key as ApiKey, request);
      const lines = readLines(request as AsyncIterable<Uint8Array>);
      const rows = type === "text/csv" ? readCsvRows(lines, layout) : readNdjsonRows(lines);
      try {
        const made = await run({ service, actor, isDryRun, rows });
        return new Response(JSON.stringify(made), {
          headers: { "content-type": "application/json", "cache-control": "no-store" },
        });
      } catch (error) {
        if (error instanceof Refusal) throw new Refusal(error.problem, { ...error.headers, connection: "close" });
        throw error;
      }
    },
  });
}

function actorFor(key: ApiKey, { headers }: IncomingMessage): Actor {
  const reason = readReason(headers["dimmer-reason"] as string | undefined);
  if (reason === undefined) throw malformed("Dimmer-Reason", "say why, in this header");
  const correlationId = readCorrelation(headers["dimmer-correlation"]);
  return actorOf(key, { roles: ["finance"], what: "importing facts", reason, correlationId });
}

/** Bulk imports of facts: a file from the books, a statement of the bank. */
export const factImportOperations: readonly Operation[] = [
  importDoor({
    name: "importFacts",
    path: "/v1/imports/facts",
    summary: "Record many facts: invoices, payments, credit notes, disputes and what else holds the clock",
    description:
      `One fact a line: CSV with a header (${FACT_LAYOUT.columns.join(", ")}), or NDJSON with the same names. Rows at fault ` +
      "are counted and reported, the others recorded. The same file again changes nothing.",
    layout: FACT_LAYOUT,
    run: importFacts,
  }),
  importDoor({
    name: "importPayments",
    path: "/v1/imports/payments",
    summary: "Take a bank's statement in",
    description:
      `One transfer a line: CSV with a header (${BANK_LAYOUT.columns.join(", ")}), or NDJSON. A transfer goes to the invoice ` +
      "that it names, in `invoice` or as a word of `reference`; else it holds its tenant's clock, or waits in /v1/payments.",
    layout: BANK_LAYOUT,
    run: importStatement,
  }),
];
