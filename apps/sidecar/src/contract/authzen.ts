import { z } from "zod";

const properties = z.record(z.string(), z.unknown()).optional();
const entity = z.looseObject({ type: z.string().min(1), id: z.string().min(1), properties });
const subject = entity.meta({
  description:
    "A tenant: `{type: tenant, id}`. Or a principal of one: `{type: principal, id, properties: {tenant, principal}}`.",
});
const action = z.looseObject({ name: z.string().min(1), properties }).meta({
  description: "A capability, or `feature:<name>`. Its properties may add `feature` and `usage`, as in a question.",
});
const resource = entity.meta({ description: "Any: the answer is about the tenant." });
const context = z.record(z.string(), z.unknown());

const example = {
  subject: { type: "principal", id: "ann", properties: { tenant: "acme", principal: "member" } },
  action: { name: "create" },
  resource: { type: "note", id: "1" },
};

/** The contract of an evaluation. */
const evaluationSchema = z
  .looseObject({ subject, action, resource, context: context.optional() })
  .meta({ id: "AuthzenEvaluation", examples: [example] });

/** The contract of a batch of evaluations; entities beside the items are defaults. */
const evaluationsSchema = z
  .looseObject({
    subject: subject.optional(),
    action: action.optional(),
    resource: resource.optional(),
    context: context.optional(),
    evaluations: z.array(z.unknown()).max(1_000).optional(),
    options: z
      .looseObject({
        evaluations_semantic: z.enum(["execute_all", "deny_on_first_deny", "permit_on_first_permit"]).optional(),
      })
      .optional(),
  })
  .meta({
    id: "AuthzenEvaluations",
    examples: [
      { ...example, evaluations: [{}, { action: { name: "view" } }, { action: 1 }] },
      { ...example, evaluations: [{}], options: { evaluations_semantic: "deny_on_first_deny" } },
    ],
  });

/** The contract of a search for actions. */
const actionSearchSchema = z.looseObject({ subject, resource, context: context.optional() }).meta({
  id: "AuthzenActionSearch",
  examples: [{ subject: { type: "tenant", id: "acme" }, resource: example.resource }],
});

const authzenDecision = z.object({ decision: z.boolean(), context: context.optional() }).meta({
  id: "AuthzenDecision",
  description: "`context` is the answer of `POST /v1/check`, where there is something to say.",
  examples: [{ decision: true }],
});

const authzenDecisions = z
  .union([z.object({ evaluations: z.array(authzenDecision) }), authzenDecision])
  .meta({ id: "AuthzenDecisions", description: "In the order of the items; one decision where there were none." });

const authzenActions = z.object({ results: z.array(z.object({ name: z.string() })) }).meta({ id: "AuthzenActions" });

const authzenConfiguration = z
  .object({
    policy_decision_point: z.string(),
    access_evaluation_endpoint: z.string(),
    access_evaluations_endpoint: z.string(),
    search_action_endpoint: z.string(),
  })
  .meta({ id: "AuthzenConfiguration" });

/** The contracts of the OpenID AuthZEN Authorization API 1.0, as far as its doors are here. */
export const AUTHZEN_CONTRACTS: readonly z.ZodType[] = [
  evaluationSchema,
  evaluationsSchema,
  actionSearchSchema,
  authzenDecision,
  authzenDecisions,
  authzenActions,
  authzenConfiguration,
];
