import { z } from "zod";
import { ROLES } from "../../changes/actor.ts";
import { type ApiKey, apiKeyOf, createApiKey, revokeApiKey, rotateApiKey } from "../../credentials/api-keys.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { flag, instantSeconds, isoOf, lineOfText, madeId, page } from "../values.ts";

const params = z.strictObject({ id: madeId });
const instant = z.string().meta({ format: "date-time" });
const shown = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    prefix: z.string().meta({ description: "The first characters of its secret." }),
    roles: z.array(z.enum(ROLES)),
    createdAt: instant,
    expiresAt: instant.nullable(),
    revokedAt: instant.nullable(),
  })
  .meta({ id: "ApiKey" });
const withSecret = shown.extend({
  secret: z.string().optional().meta({ description: "Shown once; a repeated request does not get it again." }),
});

function show(key: ApiKey): Record<string, unknown> {
  const { createdMs, expiresMs, revokedMs, ...rest } = key;
  return { ...rest, createdAt: isoOf(createdMs), expiresAt: isoOf(expiresMs), revokedAt: isoOf(revokedMs) };
}

/** API keys: who may write, in which roles. */
export const keyOperations: readonly Operation[] = [
  reads({
    name: "listApiKeys",
    tag: "API keys",
    path: "/v1/api-keys",
    summary: "API keys, without their secrets",
    access: ["admin", "auditor"],
    query: page.extend({ revoked: flag }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("api_key")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.revoked !== "true") select = select.where("revoked_ms", "is", null);
      const view = {
        placeOf: ({ id }: { id: string }) => id,
        show: (row: Parameters<typeof apiKeyOf>[0]) => show(apiKeyOf(row)),
      };
      return { body: pageOf(await select.execute(), query.limit, view) };
    },
  }),
  writes({
    name: "createApiKey",
    tag: "API keys",
    method: "POST",
    path: "/v1/api-keys",
    summary: "Make an API key; its secret is in this answer and nowhere else",
    access: ["admin"],
    body: z.strictObject({
      name: lineOfText(200),
      roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
      expiresAt: instantSeconds.optional(),
    }),
    answers: { 201: { description: "Made.", schema: withSecret } },
    handle: async ({ queries, body: { name, roles, expiresAt }, nowMs, as }) => {
      const actor = as(["admin"], "making a key");
      const expiresMs = expiresAt === undefined ? undefined : expiresAt * 1_000;
      const { key, secret } = await createApiKey({ queries, actor, nowMs }, { name, roles, expiresMs });
      return { status: 201, body: show(key), once: { secret }, location: `/v1/api-keys/${key.id}` };
    },
  }),
  writes({
    name: "rotateApiKey",
    tag: "API keys",
    method: "POST",
    path: "/v1/api-keys/{id}/rotate",
    summary: "Make a key in the place of another, which ends after an overlap",
    access: ["admin"],
    params,
    body: z.strictObject({
      overlapMinutes: z.int().min(0).max(43_200).default(60).meta({ description: "How long the old one still holds." }),
    }),
    answers: { 201: { description: "Made.", schema: withSecret }, 404: { description: "There is no such key." } },
    handle: async ({ queries, params: { id }, body: { overlapMinutes }, nowMs, as }) => {
      const actor = as(["admin"], "rotating a key");
      const { key, secret } = await rotateApiKey({ queries, actor, nowMs }, id, overlapMinutes * 60_000);
      return { status: 201, body: show(key), once: { secret }, location: `/v1/api-keys/${key.id}` };
    },
  }),
  writes({
    name: "revokeApiKey",
    tag: "API keys",
    method: "DELETE",
    path: "/v1/api-keys/{id}",
    summary: "End an API key at once",
    access: ["admin"],
    params,
    answers: { 200: { description: "Revoked." }, 404: { description: "There is no such key." } },
    handle: async ({ queries, params: { id }, nowMs, as }) => {
      await revokeApiKey({ queries, actor: as(["admin"], "revoking a key"), nowMs }, id);
      return { status: 200, body: { id, revokedAt: isoOf(nowMs) } };
    },
  }),
];
