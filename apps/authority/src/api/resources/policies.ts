import type { PolicyDocument } from "@dimmer/core";
import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { activatePolicy, uploadPolicy } from "../../changes/policies.ts";
import { type PolicyPreview, previewPolicy } from "../../changes/policy-preview.ts";
import { checkPolicyTemplates } from "../../notices/template-store.ts";
import { narrowingAllowed } from "../../sequencer/breaker.ts";
import type { Queries } from "../../store/open-store.ts";
import type { PolicyTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import type { Service } from "../service.ts";
import { isoOf, madeId, page } from "../values.ts";
import { carried } from "./shown.ts";

const params = z.strictObject({ id: madeId });
const instant = z.string().meta({ format: "date-time" });
const findingShown = z
  .looseObject({
    code: z.string(),
    severity: z.enum(["error", "warning"]),
    place: z.string(),
    message: z.string(),
    fix: z.string(),
  })
  .meta({ id: "Finding" });
const policyShown = z
  .looseObject({
    id: z.string(),
    version: z.string(),
    state: z.enum(["draft", "active", "retired"]),
    uploadedBy: z.string(),
    createdAt: instant,
    activatedAt: instant.nullable(),
  })
  .meta({ id: "Policy" });
const previewShown = z
  .looseObject({
    tenants: z.number(),
    narrowed: z.number().meta({ description: "From whom it takes something, now or within 24 hours." }),
    quarantined: z.number().meta({ description: "Whose plan, features or modes it does not know." }),
    examples: z.array(z.string()),
    needsSecondPerson: z.boolean(),
  })
  .meta({ id: "PolicyPreview" });

function show(row: PolicyTable): Record<string, unknown> {
  return {
    id: row.id,
    version: row.version,
    state: row.state,
    uploadedBy: row.uploaded_by,
    createdAt: isoOf(row.created_ms),
    activatedAt: isoOf(row.activated_ms),
  };
}

/** Policy versions: uploaded and linted, looked at, brought into force. */
export const policyOperations: readonly Operation[] = [
  reads({
    name: "listPolicies",
    tag: "Policies",
    path: "/v1/policies",
    summary: "Policy versions, without their documents",
    access: "any key",
    query: page,
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(policyShown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("policy")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show }) };
    },
  }),
  reads({
    name: "getPolicy",
    tag: "Policies",
    path: "/v1/policies/{id}",
    summary: "A policy version with its document",
    access: "any key",
    params,
    answers: { 200: { description: "The policy.", schema: policyShown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const row = await policyOf(service.store.db, id);
      return { body: { ...show(row), document: JSON.parse(row.document) as unknown } };
    },
  }),
  writes({
    name: "uploadPolicy",
    tag: "Policies",
    method: "POST",
    path: "/v1/policies",
    summary: "Lint a policy document and keep it as a draft",
    description: "A document with errors is not kept: the answer is 400 and lists every finding under `findings`.",
    access: ["admin"],
    body: z.strictObject({
      document: z.looseObject({}).meta({ description: "The policy document, as `dimmer policy show` prints one." }),
    }),
    answers: {
      201: { description: "Kept.", schema: policyShown.extend({ findings: z.array(findingShown) }) },
    },
    handle: async ({ queries, body: { document }, nowMs, as }) => {
      const { policy, findings } = await uploadPolicy(
        { queries, actor: as(["admin"], "uploading a policy"), nowMs },
        document,
      );
      return { status: 201, body: { ...show(policy), findings }, location: `/v1/policies/${policy.id}` };
    },
  }),
  reads({
    name: "previewPolicy",
    tag: "Policies",
    path: "/v1/policies/{id}/preview",
    summary: "Whom a policy would change, were it brought into force now",
    access: "any key",
    params,
    answers: { 200: { description: "Counts.", schema: previewShown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const preview = await previewOf(service, service.store.db, id);
      return { body: { ...preview, needsSecondPerson: needsSecondPerson(service, preview) } };
    },
  }),
  writes({
    name: "activatePolicy",
    tag: "Policies",
    method: "POST",
    path: "/v1/policies/{id}/activate",
    summary: "Bring a draft into force",
    description:
      "Refused where one of its notices has no template in every language, or one that does not say what it must. " +
      "What takes something from more tenants than the breaker lets pass is brought into force by somebody else than " +
      "who uploaded it, who names the count of the preview (narrowed and quarantined together).",
    access: ["admin"],
    params,
    body: z.strictObject({
      narrowed: z
        .int()
        .min(0)
        .optional()
        .meta({ description: "Narrowed and quarantined tenants of the preview, where a second person is needed." }),
    }),
    answers: {
      200: {
        description: "In force, and published with `version`.",
        schema: z.looseObject({ ...policyShown.shape, ...carried.shape }),
      },
      202: { description: "In force, not published yet." },
      403: { description: "Somebody else than who uploaded it must do this." },
      404: { description: "There is none." },
      409: { description: "It is not a draft, or the count is another." },
    },
    handle: async ({ service, queries, params: { id }, body, nowMs, as }) => {
      const actor = as(["admin"], "activating a policy");
      const row = await policyOf(queries, id);
      if (row.state === "draft") {
        await checkPolicyTemplates(queries, JSON.parse(row.document) as PolicyDocument);
        const preview = await previewOf(service, queries, id);
        if (needsSecondPerson(service, preview))
          checkSecondPerson(preview, { row, actor: actor.id, named: body.narrowed });
      }
      const { value, pending } = await activatePolicy({ queries, actor, nowMs }, id);
      return { status: 200, body: show(value), published: { pending } };
    },
  }),
];

async function policyOf(queries: Queries, id: string): Promise<PolicyTable> {
  const row = await queries.selectFrom("policy").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no policy ${id}`);
  return row;
}

async function previewOf({ policies, now }: Service, queries: Queries, id: string): Promise<PolicyPreview> {
  const to = policies.compiled(await policyOf(queries, id));
  return await previewPolicy(queries, { from: await policies.active(queries), to, nowMs: now() });
}

function needsSecondPerson({ limits }: Service, { tenants, narrowed, quarantined }: PolicyPreview): boolean {
  return narrowed + quarantined > narrowingAllowed(limits, tenants);
}

function checkSecondPerson(
  { narrowed, quarantined }: PolicyPreview,
  { row, actor, named }: { row: PolicyTable; actor: string; named: number | undefined },
): void {
  const count = narrowed + quarantined;
  if (row.uploaded_by === actor) {
    throw new Fault(
      "forbidden",
      `it takes something from ${count} tenants: somebody else than who uploaded it must activate it`,
    );
  }
  if (named !== count) {
    const is = named === undefined ? "is missing" : `${named} is another count`;
    throw new Fault(
      "conflict",
      `narrowed: ${is}; it takes something from ${count} tenants: look at the preview and name that`,
      "narrowed",
    );
  }
}
