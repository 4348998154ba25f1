import type { Fact } from "@dimmer/lifecycle";
import { z } from "zod";
import { personalFactId, recordFact } from "../../cases/record-fact.ts";
import { recordJudged } from "../../cases/record-judged.ts";
import { type Operation, writes } from "../operation.ts";
import { lineOfText, tenantId } from "../values.ts";
import { caseShown, showCase } from "./case-shown.ts";

const params = z.strictObject({ id: tenantId });
const answers = {
  201: { description: "Recorded, with the case that it belongs to.", schema: caseShown },
  404: { description: "There is no such tenant." },
  409: { description: "The active policy has no such track, or it cannot be followed; `code` says why." },
};

/** Before whatever is said in the case. */
const FIRST = { revision: 0 };

/** What opens a case other than money: a report of a breach, a request to leave. */
export const openingOperations: readonly Operation[] = [
  writes({
    name: "reportBreach",
    tag: "Cases",
    method: "POST",
    path: "/v1/tenants/{id}/breaches",
    summary: "Report a breach: the evidence is preserved, the lawyers look, and only then something is done",
    access: ["cs", "collections", "legal", "security"],
    params,
    body: z.strictObject({ finding: lineOfText(2_000) }),
    answers,
    handle: async ({ service, queries, params: { id }, body: { finding }, nowMs, as }) => {
      const actor = as(["legal", "security", "collections", "cs"], "to report a breach");
      const write = { store: service.store, queries, policies: service.casePolicies, actor, nowMs };
      const fact: Fact = { kind: "breach_reported", id: personalFactId(FIRST), atMs: nowMs, by: actor.id, finding };
      const { case: file } = await recordFact(write, { tenant: id, track: "breach", fact });
      const shown = await recordJudged(write, { case: file.id, facts: [fact] });
      const body = showCase({ ...shown.case, plan: JSON.stringify(shown.plan) });
      return { status: 201, body, revision: file.revision, location: `/v1/cases/${file.id}`, wakesCases: true };
    },
  }),
  writes({
    name: "requestLeave",
    tag: "Cases",
    method: "POST",
    path: "/v1/tenants/{id}/leave",
    summary: "Record a request to leave: export, transfer, final invoice and the end, each announced",
    access: ["cs", "collections"],
    params,
    body: z.strictObject({
      from: z.strictObject({
        date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, { error: "must be a date, YYYY-MM-DD" }),
        zone: lineOfText(64).meta({ examples: ["Asia/Tokyo"] }),
      }),
    }),
    answers,
    handle: async ({ service, queries, params: { id }, body: { from }, nowMs, as }) => {
      const actor = as(["cs", "collections"], "to record a request to leave");
      const write = { store: service.store, queries, policies: service.casePolicies, actor, nowMs };
      const fact: Fact = { kind: "leave_requested", id: personalFactId(FIRST), atMs: nowMs, by: actor.id, from };
      const { case: file } = await recordFact(write, { tenant: id, track: "offboarding", fact });
      const shown = await recordJudged(write, { case: file.id, facts: [fact] });
      const body = showCase({ ...shown.case, plan: JSON.stringify(shown.plan) });
      return { status: 201, body, revision: file.revision, location: `/v1/cases/${file.id}`, wakesCases: true };
    },
  }),
];
