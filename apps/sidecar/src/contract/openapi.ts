import { z } from "zod";
import { AUTHZEN_CONTRACTS } from "./authzen.ts";
import { decisionSchema, decisionsSchema, problemSchema } from "./decision.ts";
import { explanationSchema } from "./explanation.ts";
import { ackSchema, documentSchema, keysetsSchema } from "./feed.ts";
import { OFREP_CONTRACTS } from "./ofrep.ts";
import type { Operation, OperationAnswer } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { questionSchema, questionsSchema } from "./question.ts";
import { statusSchema } from "./status.ts";
import { WEBHOOK_CONTRACTS } from "./webhooks.ts";

/** A JSON value of the document, by name. */
export type OpenApiObject = { readonly [name: string]: unknown };

/** The contracts that operations name, by their ids. */
const CONTRACTS: readonly z.ZodType[] = [
  questionSchema,
  questionsSchema,
  decisionSchema,
  decisionsSchema,
  explanationSchema,
  statusSchema,
  keysetsSchema,
  ackSchema,
  documentSchema,
  problemSchema,
  ...AUTHZEN_CONTRACTS,
  ...OFREP_CONTRACTS,
  ...WEBHOOK_CONTRACTS,
];

/**
 * Describes every door as OpenAPI 3.1, the schemas generated from the zod contracts. It names no other host. Costs
 * milliseconds; make it once.
 */
export function openApiDocument(): OpenApiObject {
  return {
    openapi: "3.1.0",
    info: {
      title: "Dimmer sidecar",
      version: "1",
      description:
        "Answers whether a tenant may do something, from a verified copy of the feed. A denial is an answer with " +
        "status 200 and never a problem.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(
      [...Map.groupBy(OPERATIONS, ({ path }) => path)].map(([path, operations]) => [
        path,
        Object.fromEntries(operations.map((operation) => [operation.method.toLowerCase(), describe(operation)])),
      ]),
    ),
    components: {
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "The token of --token-file, on TCP." },
      },
    },
  };
}

/** The contracts, each with what it refers to. A contract with an id stands among its own definitions. */
function schemas(): OpenApiObject {
  const found = Object.assign(
    {},
    ...CONTRACTS.map((contract) => z.toJSONSchema(contract, { target: "draft-2020-12", io: "input" }).$defs),
  ) as OpenApiObject;
  return JSON.parse(JSON.stringify(found).replaceAll('"#/$defs/', '"#/components/schemas/')) as OpenApiObject;
}

function describe({ name, summary, description, reach, parameters = [], body, answers }: Operation): OpenApiObject {
  return {
    operationId: name,
    summary,
    description: `${description}\n\nReach: ${reach}.`,
    ...(reach === "health" ? {} : { security: [{}, { bearer: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: { $ref: `#/components/schemas/${body}` } } },
          },
        }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])),
  };
}

function describeAnswer({ description, type, schema }: OperationAnswer): OpenApiObject {
  if (type === undefined) return { description };
  const content =
    schema === undefined ? { schema: { type: "string" } } : { schema: { $ref: `#/components/schemas/${schema}` } };
  return { description, content: { [type]: content } };
}
