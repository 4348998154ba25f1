import { compareVersions, formatVersion, parseVersion, type Version } from "@dimmer/statement";
import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import {
  createFleetCredential,
  type FleetCredential,
  revokeFleetCredential,
} from "../../credentials/fleet-credentials.ts";
import { SILENT_AFTER_MS } from "../../fleet/ack-book.ts";
import { firstAfter, surveyFleet } from "../../fleet/survey-fleet.ts";
import type { Queries } from "../../store/open-store.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { feedVersion, flag, isoOf, lineOfText, madeId, page } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });
const credentialShown = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    scope: z.string(),
    createdAt: instant,
    revokedAt: instant.nullable(),
  })
  .meta({ id: "FleetCredential" });
const replicaShown = z
  .looseObject({
    replica: z.string(),
    credential: z.string(),
    version: z.string(),
    isCurrent: z.boolean(),
    behindMs: z
      .number()
      .nullable()
      .meta({ description: "How long the first version that it lacks has been published." }),
    followers: z.number(),
    quarantined: z.number(),
    refused: z.number(),
    lastSeenAt: instant,
    isSilent: z.boolean().meta({ description: `Said nothing for ${SILENT_AFTER_MS / 1_000} s: not waited for.` }),
  })
  .meta({ id: "FleetReplica" });

const fleetShown = z
  .looseObject({
    version: z.string().nullable().meta({ description: "What is published." }),
    replicas: z.number().meta({ description: "That said something within a minute." }),
    silent: z.number().meta({ description: "That said nothing for a minute, and something within a week." }),
    current: z.number().meta({ description: "Of the live ones, those that enforce the newest version." }),
    ahead: z
      .number()
      .meta({ description: "That hold a version which was never published here: the store was set back." }),
    followers: z.number(),
    quarantined: z.number(),
    refused: z.number(),
    leastVersion: z.string().nullable().meta({ description: "Of the live ones." }),
    lagMs: z.number().meta({ description: "How long the first version that a live one lacks has been published." }),
    enforcedVersion: z.string().nullable().meta({ description: "The newest that every live one had." }),
    enforcedAt: instant.nullable().meta({ description: "When the last one had it." }),
    tookMs: z.number().nullable().meta({ description: "From its publication to then." }),
  })
  .meta({ id: "Fleet" });

function showCredential({ created_ms, revoked_ms, ...row }: FleetCredential): Record<string, unknown> {
  return { ...row, createdAt: isoOf(created_ms), revokedAt: isoOf(revoked_ms) };
}

/** Fleet credentials, and what the replicas that use them enforce. */
export const fleetOperations: readonly Operation[] = [
  reads({
    name: "listFleetCredentials",
    tag: "Fleet",
    path: "/v1/fleet/credentials",
    summary: "Fleet credentials, without their secrets",
    access: ["admin", "auditor"],
    query: page.extend({ revoked: flag }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(credentialShown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("fleet_credential")
        .select(["id", "name", "prefix", "scope", "created_ms", "revoked_ms"])
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.revoked !== "true") select = select.where("revoked_ms", "is", null);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show: showCredential }) };
    },
  }),
  writes({
    name: "createFleetCredential",
    tag: "Fleet",
    method: "POST",
    path: "/v1/fleet/credentials",
    summary: "Make the credential of a group of sidecars; its secret is in this answer and nowhere else",
    access: ["admin"],
    body: z.strictObject({ name: lineOfText(200) }),
    answers: {
      201: {
        description: "Made.",
        schema: credentialShown.extend({ secret: z.string().optional().meta({ description: "Shown once." }) }),
      },
    },
    handle: async ({ queries, body: { name }, nowMs, as }) => {
      const actor = as(["admin"], "making a fleet credential");
      const { credential, secret } = await createFleetCredential({ queries, actor, nowMs }, name);
      return {
        status: 201,
        body: showCredential(credential),
        once: { secret },
        location: `/v1/fleet/credentials/${credential.id}`,
      };
    },
  }),
  writes({
    name: "revokeFleetCredential",
    tag: "Fleet",
    method: "DELETE",
    path: "/v1/fleet/credentials/{id}",
    summary: "End a fleet credential: its sidecars hear nothing more",
    access: ["admin"],
    params: z.strictObject({ id: madeId }),
    answers: { 200: { description: "Revoked." }, 404: { description: "There is none." } },
    handle: async ({ queries, params: { id }, nowMs, as }) => {
      const actor = as(["admin"], "revoking a fleet credential");
      await revokeFleetCredential({ queries, actor, nowMs }, id);
      return { status: 200, body: { id, revokedAt: isoOf(nowMs) } };
    },
  }),
  reads({
    name: "getFleet",
    tag: "Fleet",
    path: "/v1/fleet",
    summary: "The whole fleet in one answer: what is published, how far everybody is, and what the last change took",
    access: "any key",
    answers: {
      200: { description: "The fleet.", schema: fleetShown },
    },
    handle: async ({ service }) => {
      await service.acks.flush();
      const fleet = await surveyFleet(service.store.db, { version: service.view.version, nowMs: service.now() });
      return { body: { ...fleet, enforcedAt: isoOf(fleet.enforcedMs), enforcedMs: undefined } };
    },
  }),
  reads({
    name: "listReplicas",
    tag: "Fleet",
    path: "/v1/fleet/replicas",
    summary: "Who enforces which version",
    access: "any key",
    query: page,
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(replicaShown), version: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      await service.acks.flush();
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("ack")
        .selectAll()
        .orderBy("replica")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("replica", ">", after);
      const rows = await select.execute();
      const nowMs = service.now();
      const lacking = await firstsAfter(service.store.db, rows);
      const { version } = service.view;
      const current = pageOf(rows, query.limit, {
        placeOf: ({ replica }) => replica,
        show: (row) => ({
          replica: row.replica,
          credential: row.credential_id,
          version: formatVersion(row),
          isCurrent: version !== undefined && compareVersions(row, version) >= 0,
          behindMs: behindMs(lacking.get(formatVersion(row)), nowMs),
          followers: row.followers,
          quarantined: row.quarantined,
          refused: row.refused,
          lastSeenAt: isoOf(row.at_ms),
          isSilent: nowMs - row.at_ms > SILENT_AFTER_MS,
        }),
      });
      return { body: { ...current, version: version === undefined ? null : formatVersion(version) } };
    },
  }),
  reads({
    name: "getEnforcement",
    tag: "Fleet",
    path: "/v1/fleet/versions/{version}",
    summary: "Whether every live replica enforces a version, and how long it took",
    access: "any key",
    params: z.strictObject({ version: feedVersion }),
    answers: {
      200: {
        description: "Where it stands.",
        schema: z
          .looseObject({
            version: z.string(),
            publishedAt: instant,
            enforcedAt: instant.nullable().meta({ description: "When the last live replica had it." }),
            tookMs: z.number().nullable(),
            replicas: z.number(),
            enforcing: z.number(),
          })
          .meta({ id: "Enforcement" }),
      },
      404: { description: "There is no such version, or it is no longer kept." },
    },
    handle: async ({ service, params: { version } }) => {
      await service.acks.flush();
      const asked = parseVersion(version) as Version;
      const row = await service.store.db
        .selectFrom("publication")
        .select(["created_ms", "enforced_ms"])
        .where("epoch", "=", asked.epoch)
        .where("seq", "=", asked.seq)
        .executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `version ${version} is not published, or no longer kept`);
      const live = await service.store.db
        .selectFrom("ack")
        .select(["epoch", "seq"])
        .where("at_ms", ">", service.now() - SILENT_AFTER_MS)
        .execute();
      return {
        body: {
          version,
          publishedAt: isoOf(row.created_ms),
          enforcedAt: isoOf(row.enforced_ms),
          tookMs: row.enforced_ms === null ? null : Math.max(0, row.enforced_ms - row.created_ms),
          replicas: live.length,
          enforcing: live.filter((ack) => compareVersions(ack, asked) >= 0).length,
        },
      };
    },
  }),
];

/** When the first version that each of some replicas lacks was published, by the version that they have. */
async function firstsAfter(queries: Queries, held: readonly Version[]): Promise<Map<string, number>> {
  const firsts = new Map<string, number>();
  for (const version of new Map(held.map((one) => [formatVersion(one), one])).values()) {
    const createdMs = await firstAfter(queries, version);
    if (createdMs !== undefined) firsts.set(formatVersion(version), createdMs);
  }
  return firsts;
}

function behindMs(publishedMs: number | undefined, nowMs: number): number {
  return publishedMs === undefined ? 0 : Math.max(0, nowMs - publishedMs);
}
