import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../src/contract/openapi.ts";
import { createCounters } from "../../src/counters.ts";
import { allDoors } from "../../src/doors/all-doors.ts";
import type { CheckDesk } from "../../src/doors/check.ts";
import { hotRoutes } from "../../src/doors/hot-routes.ts";
import { RefetchStreams } from "../../src/doors/ofrep/events.ts";
import { FeedStreams } from "../../src/feed-streams.ts";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";

interface Media {
  readonly schema: { readonly $ref?: string };
}
interface DescribedAnswer {
  readonly content?: Readonly<Record<string, Media>>;
}
interface DescribedOperation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly example: string }[];
  readonly requestBody?: { readonly content: { readonly "application/json": Media } };
  readonly responses: Readonly<Record<string, DescribedAnswer>>;
}
interface Described {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly examples?: readonly unknown[] }>> };
}

const described = openApiDocument() as unknown as Described;
const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

/** A validator made of the document alone: what a stranger would check answers with. */
function validatorOf(name: string): z.ZodType {
  const schemas = JSON.parse(
    JSON.stringify(described.components.schemas).replaceAll("#/components/schemas/", "#/$defs/"),
  ) as Record<string, object>;
  return z.fromJSONSchema({ ...schemas[name], $defs: schemas } as Parameters<typeof z.fromJSONSchema>[0]);
}

function expectAsDescribed(operation: DescribedOperation, answer: Awaited<ReturnType<RunningSidecar["ask"]>>): void {
  const known = operation.responses[String(answer.status)];
  expect(known, `${operation.operationId} answers ${answer.status}`).toBeDefined();
  if (known?.content === undefined) {
    expect(answer.text).toBe("");
    return;
  }
  const type = String(answer.headers["content-type"]).split(";")[0] ?? "";
  expect(Object.keys(known.content)).toEqual([type]);
  const reference = known.content[type]?.schema.$ref;
  if (reference === undefined) return;
  const { error } = validatorOf(reference.replace("#/components/schemas/", "")).safeParse(answer.json());
  expect(error, `${operation.operationId} ${answer.status}: ${answer.text}`).toBeUndefined();
}

/** Examples of the document that name parts of the feed are replaced by what this feed has. */
async function pathsOf(sidecar: RunningSidecar, path: string, operation: DescribedOperation): Promise<string[]> {
  const parameters = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
  const example = parameters.reduce((made, { name, example: value }) => made.replace(`{${name}}`, value), path);
  const kind = /^\/v1\/feed\/(index|policy|locks|chunks)\//.exec(path)?.[1];
  // A stream has no end: its own tests read one.
  if (path === "/v1/feed/watch") return [path, `${path}?epoch=0&seq=0`];
  if (kind === undefined) return [example];
  const head = JSON.parse(
    Buffer.from(sidecar.replica.readHead()?.token.split(".")[1] ?? "", "base64url").toString(),
  ) as { index: string; policy: string; locks: { digest: string } };
  const index = Buffer.from((await sidecar.replica.readPart("index", head.index)) ?? []).toString();
  const { chunks } = JSON.parse(Buffer.from(index.split(".")[1] ?? "", "base64url").toString()) as { chunks: string[] };
  const digest = { index: head.index, policy: head.policy, locks: head.locks.digest, chunks: chunks[0] }[kind];
  return [example, path.replace("{digest}", digest ?? ""), path.replace("{digest}", "x")];
}

describe("/openapi.json", () => {
  it("is OpenAPI 3.1, names no other host, and refers to nothing that it does not have", async () => {
    const { ask } = await runSidecar(await testFeed());
    const served = await ask("/openapi.json");
    expect(served.json()).toEqual(JSON.parse(JSON.stringify(described)));
    expect(described.openapi).toBe("3.1.0");
    expect(served.text).not.toMatch(/https?:\/\/(?!billing\.example\.com)/);
    for (const [, name = ""] of served.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(described.components.schemas)).toContain(name);
    }
    expect(served.text).not.toContain("#/$defs");
  });

  it("has every door, but for the files of its own page", async () => {
    const { replica } = await runSidecar(await testFeed());
    const streams = new FeedStreams(replica, { maxStreams: 1 });
    onTestFinished(() => streams.close());
    const refetches = new RefetchStreams(replica);
    onTestFinished(() => refetches.close());
    const issuer = { issue: () => Promise.resolve({ missing: "door" as const }) };
    const parts = { replica, streams, refetches, counters: createCounters(), issuer };
    const doors = allDoors(parts).filter(({ path }) => !path.startsWith("/docs"));
    const served = doors.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/, "{$1}")}`);
    const documented = operations.map(({ method, path }) => `${method} ${path}`);
    const hot = hotRoutes({} as CheckDesk, { passesWithoutTenant: false }).map(
      ({ method, path }) => `${method === "any" ? "GET" : method} ${path}`,
    );
    const below = { "/hook/envoy/": "{path}", "/ofrep/v1/evaluate/flags/": "{key}" };
    const named = hot.map((door) => door + (Object.entries(below).find(([path]) => door.endsWith(path))?.[1] ?? ""));
    expect(documented.sort()).toEqual([...served, ...named].sort());
  });

  it("has schemas that refuse what is not as they say", () => {
    expect(validatorOf("Decision").safeParse({ allowed: "yes" }).success).toBe(false);
    expect(validatorOf("Question").safeParse({ tenant: "acme", capability: "view", principle: "x" }).success).toBe(
      false,
    );
    expect(validatorOf("Decisions").safeParse({ decisions: [{}] }).success).toBe(false);
  });

  it("has examples that its own schemas take", () => {
    for (const [name, { examples = [] }] of Object.entries(described.components.schemas)) {
      for (const example of examples) expect(validatorOf(name).safeParse(example).error, name).toBeUndefined();
    }
  });

  it.each(operations)("describes what $method $path answers", async ({ path, method, operation }) => {
    const feed = await testFeed();
    const sidecar = await runSidecar(feed, { flags: { keys: feed.keysDirectory } });
    const reference = operation.requestBody?.content["application/json"].schema.$ref ?? "";
    const bodies = described.components.schemas[reference.replace("#/components/schemas/", "")]?.examples ?? [
      undefined,
    ];
    for (const target of await pathsOf(sidecar, path, operation)) {
      for (const body of bodies) {
        expectAsDescribed(operation, await sidecar.ask(target, { method, body }));
        expectAsDescribed(operation, await sidecar.askTcp(target, { method, body }));
      }
    }
    if (method === "POST") {
      for (const body of ["{", '{"tenant":1}', " ".repeat(2_000_000)]) {
        expectAsDescribed(operation, await sidecar.ask(path, { method, body }));
      }
      const bytes = { body: Buffer.from([0x1f, 0x8b, 0xff]), headers: { "content-encoding": "gzip" } };
      expectAsDescribed(operation, await sidecar.ask(path, { method, ...bytes }));
    }
    const empty = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const unready = await runSidecar(empty, { isAwaited: false });
    for (const target of await pathsOf(unready, path, operation).catch(() => [path])) {
      for (const body of bodies) expectAsDescribed(operation, await unready.ask(target, { method, body }));
    }
    if (path === "/v1/feed/head") {
      const etag = String((await sidecar.ask(path)).headers.etag);
      expectAsDescribed(operation, await sidecar.ask(path, { headers: { "if-none-match": etag } }));
    }
  });
});
