import { z } from "zod";
import { refusePlanned } from "../../cases/planned-restriction.ts";
import { endException, grantException } from "../../changes/exceptions.ts";
import { type Operation, writes } from "../operation.ts";
import { caseId, instantSeconds, policyName, tenantId } from "../values.ts";
import { carried, restrictionShown, showRestriction } from "./shown.ts";

const params = z.strictObject({ id: tenantId, case: caseId });
const shown = z.looseObject({ ...restrictionShown.shape, ...carried.shape });
const common = {
  tag: "Exceptions",
  path: "/v1/tenants/{id}/restrictions/{case}/exception",
  access: ["collections"] as const,
  params,
};

/** Exceptions: a dated floor under one case of nonpayment. */
export const exceptionOperations: readonly Operation[] = [
  writes({
    ...common,
    name: "grantException",
    method: "PUT",
    summary: "Grant an exception, or change it: until it ends, what its floor opens stays open",
    description:
      "Under nonpayment only. Steps and case stay as they are. If-Match takes the revision of the restriction.",
    body: z.strictObject({
      floor: policyName.meta({ description: "The mode below which the case does not go.", examples: ["essential"] }),
      from: instantSeconds.optional().meta({ description: "Left out: from now on." }),
      until: instantSeconds,
    }),
    answers: {
      200: { description: "Granted, and published with `version`.", schema: shown },
      202: { description: "Written, not published yet.", schema: shown },
      404: { description: "There is no such open case." },
      409: {
        description: "The case follows from facts: ask for its exception there, and a second person approves it.",
      },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({
      service,
      queries,
      params: { id, case: name },
      body: { floor, from, until },
      ifRevision,
      nowMs,
      as,
    }) => {
      const actor = as(["collections"], "an exception");
      await refusePlanned(queries, name);
      const policy = await service.policies.active(queries);
      const write = { store: service.store, queries, policy, actor, nowMs, ifRevision };
      const exception = { floor, from: from ?? Math.floor(nowMs / 1_000), until };
      const { value, pending } = await grantException(write, { tenant: id, case: name }, exception);
      return {
        status: 200,
        body: showRestriction(value),
        revision: value.revision,
        published: { pending, tenant: id },
      };
    },
  }),
  writes({
    ...common,
    name: "endException",
    method: "DELETE",
    summary: "End an exception: the steps of its case alone say what is open",
    answers: {
      200: { description: "Ended, and published with `version`.", schema: shown },
      202: { description: "Ended, not published yet." },
      404: { description: "There is no such open case, or it has no exception." },
      409: { description: "The case follows from facts: its exception ends there, announced." },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ service, queries, params: { id, case: name }, ifRevision, nowMs, as }) => {
      const actor = as(["collections"], "an exception");
      await refusePlanned(queries, name);
      const policy = await service.policies.active(queries);
      const write = { store: service.store, queries, policy, actor, nowMs, ifRevision };
      const { value, pending } = await endException(write, { tenant: id, case: name });
      return {
        status: 200,
        body: showRestriction(value),
        revision: value.revision,
        published: { pending, tenant: id },
      };
    },
  }),
];
