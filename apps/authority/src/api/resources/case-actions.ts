import { z } from "zod";
import type { ActionBodies, ActionName, CaseAction } from "../../cases/case-action.ts";
import { CASE_ACTIONS } from "../../cases/case-actions.ts";
import { caseById } from "../../cases/open-case.ts";
import { planOf, recordJudged } from "../../cases/record-judged.ts";
import { Fault } from "../../changes/fault.ts";
import { writeLedger } from "../../changes/record-change.ts";
import { checkRevision } from "../../changes/tenants.ts";
import { type Operation, writes } from "../operation.ts";
import { caseId, instantSeconds, lineOfText, policyName } from "../values.ts";
import { caseShown, showCase } from "./case-shown.ts";

const params = z.strictObject({ id: caseId });
const name = lineOfText(200);
const text = lineOfText(2_000);
const instantMs = instantSeconds.transform((seconds) => seconds * 1_000);
const stage = policyName.meta({ description: 'A stage of the ladder, or "deletion".', examples: ["limited"] });
const capability = z.string().max(128);
const due = z.strictObject({
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, { error: "must be a date, YYYY-MM-DD" }),
  zone: name.meta({ examples: ["Asia/Tokyo"] }),
});
const measure = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("deny"), deny: z.array(capability).min(1).max(64) }),
  z.strictObject({ kind: z.literal("mode"), mode: policyName }),
  z.strictObject({ kind: z.literal("lock"), allow: z.array(policyName).max(64) }),
]);

/** What the body of each action is. */
const BODIES: { readonly [Name in ActionName]: z.ZodObject } = {
  veto: z.strictObject({ stage }),
  "lift-veto": z.strictObject({ stage }),
  approve: z.strictObject({
    stage: stage.optional(),
    request: name.optional().meta({ description: "The request of an exception, as `except` gave it." }),
  }),
  pause: z.strictObject({ until: instantMs, note: text }),
  resume: z.strictObject({ subject: name.optional().meta({ description: "Left out: every pause." }) }),
  extend: z.strictObject({ invoice: name, due }),
  "extend-retention": z.strictObject({ days: z.int().min(1).max(3_650), payment: name }),
  except: z.strictObject({
    condition: policyName,
    evidence: text,
    from: instantMs.optional(),
    until: instantMs,
    plan: name.optional(),
    renews: name.optional(),
  }),
  "end-exception": z.strictObject({ exception: name }),
  dispute: z.strictObject({ subject: name.optional() }),
  "close-dispute": z.strictObject({ subject: name }),
  "place-hold": z.strictObject({ subject: name.optional(), basis: text }),
  "release-hold": z.strictObject({ subject: name }),
  "resolve-doubt": z.strictObject({ fact: name }),
  "meet-obligation": z.strictObject({ obligation: policyName }),
  "preserve-evidence": z.strictObject({ evidence: text }),
  review: z.strictObject({ verdict: z.enum(["act", "dismiss"]), clause: text, measure: measure.optional() }),
  cure: z.strictObject({ evidence: text }),
  "review-lock": z.strictObject({ verdict: z.enum(["keep", "lift"]) }),
  unlock: z.strictObject({ rootCause: text, prevention: text }),
  "withdraw-leave": z.strictObject({}),
  assign: z.strictObject({ owner: name.optional(), causeCode: policyName.optional() }),
  close: z.strictObject({}),
};

/** `POST /v1/cases/{id}/{action}`: one operation for each thing that a person may do about a case. */
export const actionOperations: readonly Operation[] = (Object.keys(CASE_ACTIONS) as ActionName[]).map(operationOf);

function operationOf(action: ActionName): Operation {
  const { summary, roles, tracks, run } = CASE_ACTIONS[action] as CaseAction<ActionBodies[ActionName]>;
  return writes({
    name: `case${pascalOf(action)}`,
    tag: "Cases",
    method: "POST",
    path: `/v1/cases/{id}/${action}`,
    summary,
    access: roles,
    params,
    body: BODIES[action],
    answers: {
      200: { description: "Recorded; the runner looks at the case at once.", schema: caseShown },
      403: { description: "The key has no such role, or who asks is who would approve." },
      404: { description: "There is no such case." },
      409: { description: "It cannot be followed; `code` says why: out of order, not eligible, nothing to end." },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ service, queries, params: { id }, body, ifRevision, nowMs, as }) => {
      const actor = as(roles, `to ${action.replaceAll("-", " ")}`);
      const write = { store: service.store, queries, policies: service.casePolicies, actor, nowMs };
      const file = await caseById(write, id);
      checkRevision({ ifRevision }, file.revision, `case ${id}`);
      if (tracks !== undefined && !tracks.includes(file.track)) {
        throw new Fault("conflict", `${action} is for cases of ${tracks.join(", ")}; this one is of ${file.track}`);
      }
      const plan = await planOf(write, file);
      const { facts = [], shown = {} } = await run({ write, file, plan, body: bodyOf(body) });
      if (facts.length > 0) {
        const recorded = await recordJudged(write, { case: id, facts });
        return {
          status: 200,
          body: { ...shownOf(recorded), ...shown },
          revision: recorded.case.revision,
          wakesCases: true,
        };
      }
      await writeLedger(queries, actor, { action: `case.${action}`, subject: `case:${id}`, after: body }, nowMs);
      const revision = file.revision + 1;
      await queries.updateTable("case_file").set({ revision, updated_ms: nowMs }).where("id", "=", id).execute();
      const after = await caseById(write, id);
      return { status: 200, body: { ...showCase(after), ...shown }, revision };
    },
  });
}

/** The case as it follows from what was just said, though the runner has done nothing about it yet. */
function shownOf({ case: file, plan }: Awaited<ReturnType<typeof recordJudged>>): Record<string, unknown> {
  return showCase({ ...file, plan: JSON.stringify(plan) });
}

const IN_MS: Readonly<Record<string, string>> = { until: "untilMs", from: "fromMs" };

/** Instants by the names that say their unit. */
function bodyOf(body: Readonly<Record<string, unknown>>): ActionBodies[ActionName] {
  const named = Object.entries(body).map(([key, value]) => [IN_MS[key] ?? key, value] as const);
  return Object.fromEntries(named) as unknown as ActionBodies[ActionName];
}

function pascalOf(action: string): string {
  return action.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
