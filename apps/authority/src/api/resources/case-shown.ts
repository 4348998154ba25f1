import type { CasePlan, PlannedDeletion, PlannedStep } from "@dimmer/lifecycle";
import { z } from "zod";
import type { CaseFileTable } from "../../store/schema.ts";
import { isoOf } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });

/** A case as it is answered. */
export const caseShown: z.ZodObject = z
  .looseObject({
    id: z.string(),
    tenant: z.string(),
    track: z.string(),
    state: z.enum(["open", "closed"]),
    standing: z.enum(["idle", "open", "held", "cleared", "closed"]).nullable().meta({
      description: "What its facts come to; null until the runner has looked at it.",
    }),
    owner: z.string().nullable(),
    causeCode: z.string().nullable(),
    policy: z.string(),
    basis: z.looseObject({}).nullable(),
    steps: z.array(z.looseObject({ stage: z.string(), state: z.string(), at: z.string().nullable() })),
    deletion: z.looseObject({}).nullable(),
    holds: z.array(z.looseObject({ kind: z.string(), subject: z.string() })),
    quarantined: z.array(z.looseObject({ fact: z.string(), code: z.string(), message: z.string() })),
    obligations: z.array(z.string()),
    fault: z.looseObject({}).nullable().meta({ description: "Why it cannot be run, where it cannot." }),
    nextAt: instant.nullable(),
    revision: z.number(),
    openedAt: instant,
    closedAt: instant.nullable(),
  })
  .meta({ id: "Case" });

/** Shows a case's row and its plan. */
export function showCase(row: CaseFileTable): Record<string, unknown> {
  const plan = row.plan === null ? undefined : (JSON.parse(row.plan) as CasePlan);
  return {
    id: row.id,
    tenant: row.tenant_id,
    track: row.track,
    state: row.state,
    standing: plan?.state ?? null,
    owner: row.owner,
    causeCode: row.cause_code,
    correlationId: row.correlation_id,
    policy: row.policy_id,
    basis: row.basis === null ? null : (JSON.parse(row.basis) as unknown),
    openInvoices: plan?.openInvoices ?? [],
    steps: (plan?.steps ?? []).map(showStep),
    deletion: plan?.deletion === undefined ? null : showDeletion(plan.deletion),
    holds: (plan?.holds ?? []).map(({ kind, subject, fromMs, untilMs, holds }) => {
      return { kind, subject, from: isoOf(fromMs), until: isoOf(untilMs ?? null), holds };
    }),
    quarantined: plan?.quarantined ?? [],
    obligations: plan?.obligations ?? [],
    fault: row.fault === null ? null : (JSON.parse(row.fault) as unknown),
    nextAt: isoOf(row.next_wake_ms),
    revision: row.revision,
    openedAt: isoOf(row.opened_ms),
    closedAt: isoOf(row.closed_ms),
  };
}

function showStep({
  stage,
  round,
  state,
  at,
  mode,
  deny,
  notice,
  decision,
  reasons,
}: PlannedStep): Record<string, unknown> {
  return {
    stage,
    round,
    state,
    at: at ?? null,
    mode,
    ...(deny === undefined ? {} : { deny }),
    notice: {
      template: notice.template,
      by: isoOf(notice.byMs ?? null),
      deadline: notice.deadline ?? null,
      acceptedAt: isoOf(notice.acceptedMs ?? null),
    },
    decision: showDecision(decision),
    reasons,
  };
}

function showDeletion({
  round,
  state,
  at,
  deadline,
  decision,
  extendedDays,
  reasons,
}: PlannedDeletion): Record<string, unknown> {
  return {
    round,
    state,
    at: at ?? null,
    deadline: deadline ?? null,
    decision: showDecision(decision),
    extendedDays,
    reasons,
  };
}

function showDecision({ untilMs, ...decision }: PlannedStep["decision"]): Record<string, unknown> {
  return { ...decision, until: isoOf(untilMs ?? null) };
}
