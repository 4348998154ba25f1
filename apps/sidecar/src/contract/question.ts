import { PRINCIPALS } from "@dimmer/core";
import { parseVersion } from "@dimmer/statement";
import { z } from "zod";

const tenant = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/)
  .meta({ description: "The customer organisation, from the product's own session and never from its client." });

const version = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,15})\.(?:0|[1-9]\d{0,15})$/)
  .refine((text) => parseVersion(text) !== undefined)
  .meta({ description: 'A version of the feed, "epoch.seq".' });

const amount = z.number().min(0);

const fields = z.strictObject({
  tenant,
  capability: z.string().optional().meta({ description: "What the tenant wants to do; an unknown one is denied." }),
  principal: z.enum(PRINCIPALS).optional().meta({ description: "The class of who acts, where it is known." }),
  feature: z.string().optional().meta({ description: "A feature of the plan, with a capability or instead of one." }),
  usage: z
    .strictObject({
      current: amount.meta({ description: "How much is used now, in the unit of the limit." }),
      adding: amount.optional().meta({ description: "How much is to be added; 1 unless said." }),
    })
    .optional()
    .meta({ description: "What the feature's limit is compared with; without it the answer carries the limit only." }),
  request: z
    .strictObject({
      method: z
        .string()
        .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/)
        .meta({ description: "In capitals: methods are case-sensitive, and products are not." }),
      path: z
        .string()
        .meta({ description: "The request target as it came, in its canonical form: ambiguous ones are refused." }),
    })
    .optional()
    .meta({ description: "Instead of a capability: the sidecar's route table classifies it." }),
  atLeast: version.optional().meta({ description: "Below this version of the replica the answer is `no_data`." }),
});

/** The contract of a question, as documented. The doors check it by hand and agree with this. */
export const questionSchema: z.ZodType = fields
  .refine(({ capability, feature, request }) => (capability ?? feature ?? request) !== undefined)
  .refine(({ capability, request }) => capability === undefined || request === undefined)
  .refine(({ usage, feature, request }) => usage === undefined || (feature ?? request) !== undefined)
  .meta({
    id: "Question",
    description:
      "Asks whether a tenant may do something. One of `capability`, `feature`, `request` must be given; `request` and " +
      "`capability` exclude each other; `usage` needs a `feature` or a `request`. Unknown fields are refused.",
    examples: [
      { tenant: "acme", capability: "create", principal: "member" },
      { tenant: "acme", feature: "seats", usage: { current: 24, adding: 1 } },
      { tenant: "acme", request: { method: "POST", path: "/api/notes" }, principal: "member" },
      { tenant: "acme", capability: "create", atLeast: "3.1042" },
    ],
  });

/** The contract of a batch, as documented. A malformed item does not make the batch malformed. */
export const questionsSchema: z.ZodType = z.strictObject({ checks: z.array(questionSchema).max(1_000) }).meta({
  id: "Questions",
  description: "Up to 1,000 questions, answered in order.",
  examples: [
    {
      checks: [
        { tenant: "acme", capability: "view" },
        { tenant: "acme", capability: "create" },
      ],
    },
  ],
});
