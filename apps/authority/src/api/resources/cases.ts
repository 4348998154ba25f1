import type { CasePlan } from "@dimmer/lifecycle";
import { z } from "zod";
import { headerOf } from "../../cases/case-header.ts";
import { timelineOf } from "../../cases/timeline.ts";
import { Fault } from "../../changes/fault.ts";
import type { Queries } from "../../store/open-store.ts";
import type { CaseFileTable } from "../../store/schema.ts";
import { type Operation, reads } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { caseId, isoOf, lineOfText, page, tenantId } from "../values.ts";
import { actionOperations } from "./case-actions.ts";
import { openingOperations } from "./case-openings.ts";
import { caseShown, showCase } from "./case-shown.ts";

const params = z.strictObject({ id: caseId });
const tracks = z.enum(["nonpayment", "breach", "security", "offboarding"]);

/** `/v1/cases`: what follows from facts, who decides what, and what became of it. */
export const caseOperations: readonly Operation[] = [
  reads({
    name: "listCases",
    tag: "Cases",
    path: "/v1/cases",
    summary: "Cases, by id",
    access: "any key",
    query: page.extend({
      tenant: tenantId.optional(),
      track: tracks.optional(),
      state: z.enum(["open", "closed"]).optional(),
      owner: lineOfText(200).optional(),
    }),
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(caseShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("case_file")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      if (query.track !== undefined) select = select.where("track", "=", query.track);
      if (query.state !== undefined) select = select.where("state", "=", query.state);
      if (query.owner !== undefined) select = select.where("owner", "=", query.owner);
      const rows = await select.execute();
      return { body: pageOf(rows, query.limit, { placeOf: ({ id }) => id, show: (row) => showCase(row) }) };
    },
  }),
  reads({
    name: "getCase",
    tag: "Cases",
    path: "/v1/cases/{id}",
    summary: "A case: its head, its dated steps with their reasons, what holds it, what is in doubt",
    access: "any key",
    params,
    answers: { 200: { description: "The case.", schema: caseShown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const file = await fileOf(service.store.db, id);
      return { body: await showWhole(service.store.db, file), revision: file.revision };
    },
  }),
  reads({
    name: "caseTimeline",
    tag: "Cases",
    path: "/v1/cases/{id}/timeline",
    summary: "Everything that happened in a case, oldest first: the ledger, facts, notices with their evidence, events",
    access: "any key",
    params,
    answers: {
      200: {
        description: "All of it.",
        schema: z.looseObject({
          case: z.string(),
          items: z.array(z.looseObject({ at: z.string(), kind: z.string() })),
        }),
      },
      404: { description: "There is none." },
    },
    handle: async ({ service, params: { id } }) => {
      const file = await fileOf(service.store.db, id);
      return { body: { case: id, items: await itemsOf(service.store.db, file) } };
    },
  }),
  reads({
    name: "exportCase",
    tag: "Cases",
    path: "/v1/cases/{id}/export",
    summary: "A case whole, for an audit: head, plan and timeline as one JSON document",
    access: ["auditor", "legal", "collections", "admin"],
    params,
    answers: {
      200: { description: "The document.", schema: caseShown },
      404: { description: "There is none." },
    },
    handle: async ({ service, params: { id } }) => {
      const { db } = service.store;
      const file = await fileOf(db, id);
      const exportedAt = isoOf(service.now());
      return { body: { ...(await showWhole(db, file)), timeline: await itemsOf(db, file), exportedAt } };
    },
  }),
  ...openingOperations,
  ...actionOperations,
];

async function fileOf(queries: Queries, id: string): Promise<CaseFileTable> {
  const file = await queries.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirst();
  if (file === undefined) throw new Fault("missing", `there is no case ${id}`);
  return file;
}

async function showWhole(queries: Queries, file: CaseFileTable): Promise<Record<string, unknown>> {
  const tenant = await queries
    .selectFrom("tenant")
    .selectAll()
    .where("id", "=", file.tenant_id)
    .executeTakeFirstOrThrow();
  const plan = file.plan === null ? undefined : (JSON.parse(file.plan) as CasePlan);
  return { ...showCase(file), header: await headerOf(queries, { file, tenant, plan }) };
}

async function itemsOf(queries: Queries, file: CaseFileTable): Promise<Record<string, unknown>[]> {
  const items = await timelineOf(queries, file);
  return items.map(({ atMs, kind, data }) => ({ at: isoOf(atMs), kind, ...data }));
}
