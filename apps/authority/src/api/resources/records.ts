import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { type Operation, reads } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { carriedBy } from "../published-version.ts";
import { isoOf, page } from "../values.ts";

const entryShown = z
  .looseObject({
    id: z.number(),
    at: z.string().meta({ format: "date-time" }),
    actor: z.string(),
    role: z.string(),
    reason: z.string(),
    action: z.string(),
    subject: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    correlation: z.string(),
  })
  .meta({ id: "LedgerEntry" });

const subject = z
  .string()
  .regex(/^[a-z_]+:[\w.:-]{1,160}$/, { error: "must be a kind and an id, such as tenant:acme" });

/** What was done, and what became of it. */
export const recordOperations: readonly Operation[] = [
  reads({
    name: "listLedger",
    tag: "Ledger",
    path: "/v1/ledger",
    summary: "The change log, oldest first: rows are only ever added",
    access: "any key",
    query: page.extend({
      subject: subject.optional().meta({ examples: ["tenant:acme"] }),
      correlation: z
        .string()
        .regex(/^[\w.:-]{1,128}$/)
        .optional(),
    }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(entryShown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "number");
      let select = service.store.db
        .selectFrom("ledger")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.subject !== undefined) select = select.where("subject", "=", query.subject);
      if (query.correlation !== undefined) select = select.where("correlation_id", "=", query.correlation);
      const view = {
        placeOf: ({ id }: { id: number }) => id,
        show: ({
          at_ms,
          before,
          after: made,
          correlation_id,
          ...row
        }: Awaited<ReturnType<typeof select.execute>>[number]) => ({
          ...row,
          at: isoOf(at_ms),
          before: before === null ? null : (JSON.parse(before) as unknown),
          after: made === null ? null : (JSON.parse(made) as unknown),
          correlation: correlation_id,
        }),
      };
      return { body: pageOf(await select.execute(), query.limit, view) };
    },
  }),
  reads({
    name: "getPending",
    tag: "Ledger",
    path: "/v1/pending/{id}",
    summary: "What became of a change that was answered with 202",
    access: "any key",
    params: z.strictObject({ id: z.coerce.number<string>().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
    answers: {
      200: {
        description: "Where it stands.",
        schema: z
          .looseObject({
            id: z.number(),
            state: z.enum(["waiting", "held", "published"]),
            version: z.string().nullable(),
            changeSet: z.string().nullable(),
          })
          .meta({ id: "Pending" }),
      },
      404: { description: "There is none, or it was published over a day ago." },
    },
    handle: async ({ service, params: { id } }) => {
      const { version = null, pending, changeSet = null } = await carriedBy(service.store.db, [id]);
      if (version === null && pending.length === 0) throw new Fault("missing", `there is no pending change ${id}`);
      const state = version !== null ? "published" : changeSet !== null ? "held" : "waiting";
      return { body: { id, state, version, changeSet } };
    },
  }),
];
