import { z } from "zod";
import type { Access, Operation } from "./operation.ts";
import { withReason } from "./serve-write.ts";

/** A JSON value of the document, by name. */
type OpenApiObject = { readonly [name: string]: unknown };

const problemSchema: z.ZodType = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    field: z.string().optional().meta({ description: "The field, header or path segment at fault." }),
  })
  .meta({ id: "Problem", description: "RFC 9457." });

const WRITE_HEADERS: readonly OpenApiObject[] = [
  header("Dimmer-Reason", "Why, for the ledger. Required here or as `reason` in the body.", "invoice 4711 is overdue"),
  header(
    "Dimmer-Correlation",
    "Runs through everything that the request sets in motion; made where it is left out.",
    "cor-1",
  ),
  header("Idempotency-Key", "The same request under the same key is done once and answered alike, for a day.", "9f1c"),
];
const REVISION_HEADERS: readonly OpenApiObject[] = [
  header("If-Match", "The ETag that was read: another revision in the store is 412.", '"r3"'),
];

/**
 * Describes every operation as OpenAPI 3.1, the schemas generated from those that check requests. It names no other
 * host. Costs milliseconds; make it once.
 */
export function openApiDocument(operations: readonly Operation[]): OpenApiObject {
  const components: Record<string, unknown> = {};
  const schemaOf = (schema: z.ZodType, io: "input" | "output"): unknown => {
    const {
      $schema: _,
      $defs,
      ...made
    } = z.toJSONSchema(schema, {
      target: "draft-2020-12",
      io,
      unrepresentable: "any",
    }) as OpenApiObject & { $defs?: OpenApiObject };
    for (const [name, definition] of Object.entries($defs ?? {})) components[name] ??= definition;
    return made;
  };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    Object.assign(paths[operation.path] ?? {}, { [operation.method.toLowerCase()]: describe(operation, schemaOf) });
  }
  const problem = schemaOf(problemSchema, "output");
  components["Problem"] ??= problem;
  const document = {
    openapi: "3.1.0",
    info: {
      title: "Dimmer authority",
      version: "1",
      description:
        "The control plane: tenants, restrictions, locks and policies become signed statements that replicas follow. " +
        "Every write has an actor and a reason, and answers with the version of the feed that carries it.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key, dmk_…" },
        fleet: { type: "http", scheme: "bearer", description: "A fleet credential with the scope feed:read, dmf_…" },
      },
    },
  };
  return JSON.parse(JSON.stringify(document).replaceAll('"#/$defs/', '"#/components/schemas/')) as OpenApiObject;
}

type SchemaOf = (schema: z.ZodType, io: "input" | "output") => unknown;

function describe(operation: Operation, schemaOf: SchemaOf): OpenApiObject {
  const { name, tag, summary, description, access, answers } = operation;
  const isWrite = operation.kind === "write";
  const parameters = [
    ...parametersOf(operation.params, "path", schemaOf),
    ...parametersOf(operation.query, "query", schemaOf),
    ...(isWrite ? [...WRITE_HEADERS, ...(operation.method === "POST" ? [] : REVISION_HEADERS)] : []),
  ];
  return {
    operationId: name,
    tags: [tag],
    summary,
    description: `${description ?? summary}\n\n${whoMay(access, operation)}`,
    ...securityOf(operation),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(operation, schemaOf),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, describeAnswer(status, answer, schemaOf)]),
      ),
      default: { description: "Why not.", content: { "application/problem+json": { schema: ref("Problem") } } },
    },
  };
}

function describeAnswer(
  status: string,
  { description, schema, type = "application/json" }: Operation["answers"][number],
  schemaOf: SchemaOf,
): OpenApiObject {
  if (Number(status) >= 400)
    return { description, content: { "application/problem+json": { schema: ref("Problem") } } };
  if (schema === undefined)
    return type === "application/json" ? { description } : { description, content: { [type]: {} } };
  return { description, content: { [type]: { schema: schemaOf(schema, "output") } } };
}

function bodyOf(operation: Operation, schemaOf: SchemaOf): OpenApiObject {
  if (operation.kind === "raw") {
    if (operation.bodies === undefined) return {};
    const bodies = Object.entries(operation.bodies);
    const content = Object.fromEntries(bodies.map(([type, schema]) => [type, { schema: schemaOf(schema, "input") }]));
    return { requestBody: { required: true, content } };
  }
  if (operation.kind === "read" || operation.body === undefined) return {};
  const schema = schemaOf(withReason(operation.body), "input");
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

function parametersOf(schema: z.ZodType | undefined, place: "path" | "query", schemaOf: SchemaOf): OpenApiObject[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, "input") as {
    properties?: Record<string, OpenApiObject>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
    ...(typeof property["description"] === "string" ? { description: property["description"] } : {}),
  }));
}

function securityOf({ access, tag }: Operation): OpenApiObject {
  if (tag === "Feed") return { security: [{ fleet: [] }] };
  return access === "public" ? { security: [] } : { security: [{ apiKey: [] }] };
}

function whoMay(access: Access, { tag }: Operation): string {
  if (tag === "Feed") return "Takes a fleet credential.";
  if (access === "public") return "Needs no key.";
  return access === "any key" ? "Takes any API key." : `Takes an API key with the role ${access.join(" or ")}.`;
}

function header(name: string, description: string, example: string): OpenApiObject {
  return { name, in: "header", required: false, description, schema: { type: "string" }, example };
}

function ref(name: string): OpenApiObject {
  return { $ref: `#/components/schemas/${name}` };
}
