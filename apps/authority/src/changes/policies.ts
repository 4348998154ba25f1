import { randomUUID } from "node:crypto";
import { DimmerError, type Finding, lintPolicy, type PolicyDocument } from "@dimmer/core";
import { type Signer, signStatement } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Queries } from "../store/open-store.ts";
import type { PolicyTable, Tables } from "../store/schema.ts";
import type { Actor } from "./actor.ts";
import { Fault } from "./fault.ts";
import { enqueue, PRIORITY, writeLedger } from "./record-change.ts";
import type { Written } from "./tenants.ts";

/** What a policy is written under. */
export interface PolicyWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
}

/** What a policy that was uploaded found. */
export interface UploadedPolicy {
  readonly policy: PolicyTable;
  readonly findings: readonly Finding[];
}

/**
 * Keeps a policy version as a draft, with what its lint finds against the active one. A draft with errors is kept out.
 *
 * @throws {Fault} `invalid` with the first finding
 */
export async function uploadPolicy({ queries, actor, nowMs }: PolicyWrite, document: unknown): Promise<UploadedPolicy> {
  const active = await activePolicy(queries);
  const findings = lintPolicy(
    document,
    active === undefined ? undefined : (JSON.parse(active.document) as PolicyDocument),
  );
  const fault = findings.find(({ severity }) => severity === "error");
  if (fault !== undefined) throw lintFault(fault, findings);
  await refuseUnsignable(document as PolicyDocument);
  const { version } = document as PolicyDocument;
  const policy: PolicyTable = {
    id: `policy_${randomUUID()}`,
    version,
    document: JSON.stringify(document),
    state: "draft",
    created_ms: nowMs,
    activated_ms: null,
    uploaded_by: actor.id,
  };
  await queries.insertInto("policy").values(policy).execute();
  await writeLedger(
    queries,
    actor,
    { action: "policy.upload", subject: `policy:${policy.id}`, after: { version } },
    nowMs,
  );
  return { policy, findings };
}

/**
 * Brings a draft into force. It is linted once more against the policy that is active now.
 *
 * @throws {Fault} `missing`; `conflict` where it is not a draft; `invalid` where it no longer lints
 */
export async function activatePolicy(
  { queries, actor, nowMs }: PolicyWrite,
  id: string,
): Promise<Written<PolicyTable>> {
  const draft = await queries.selectFrom("policy").selectAll().where("id", "=", id).executeTakeFirst();
  if (draft === undefined) throw new Fault("missing", `there is no policy ${id}`);
  if (draft.state !== "draft")
    throw new Fault("conflict", `policy ${id} is ${draft.state}; upload it again to activate it`);
  const active = await activePolicy(queries);
  if (active !== undefined) {
    const findings = lintPolicy(JSON.parse(draft.document), JSON.parse(active.document) as PolicyDocument);
    const fault = findings.find(({ severity }) => severity === "error");
    if (fault !== undefined) throw lintFault(fault, findings);
    await refuseUnsignable(JSON.parse(draft.document) as PolicyDocument);
    await queries.updateTable("policy").set({ state: "retired" }).where("id", "=", active.id).execute();
  }
  const after: PolicyTable = { ...draft, state: "active", activated_ms: nowMs };
  await queries.updateTable("policy").set({ state: "active", activated_ms: nowMs }).where("id", "=", id).execute();
  const entry = { action: "policy.activate", subject: `policy:${id}`, before: active?.id, after: id };
  await writeLedger(queries, actor, entry, nowMs);
  const isFirst = active === undefined;
  const pending = isFirst ? [] : [await enqueue(queries, "policy", { priority: PRIORITY.policy, actor, nowMs })];
  return { value: after, pending, isNew: isFirst };
}

/** Signs nothing, but is as strict as who does. */
const NOBODY: Signer = {
  kid: "0".repeat(16),
  publicKey: { kty: "OKP", crv: "Ed25519", x: "" },
  sign: () => Promise.resolve(new Uint8Array(64)),
};
const LONGEST = { iss: "n".repeat(256), aud: "n".repeat(128) };

/** What lints may still be too large or too deep to be signed; in force it would keep everything else from being so. */
async function refuseUnsignable(policy: PolicyDocument): Promise<void> {
  try {
    await signStatement("dimmer-policy+jwt", { ...LONGEST, policy }, NOBODY);
  } catch (error) {
    if (!(error instanceof DimmerError)) throw error;
    throw new Fault("invalid", `document: cannot be signed: ${error.message}`, "document");
  }
}

function lintFault({ place, message, code, fix }: Finding, findings: readonly Finding[]): Fault {
  const field = place === "" ? "document" : `document.${place}`;
  return new Fault("invalid", `${field}: ${message} (${code}). ${fix}`, field, { findings });
}

/** The policy in force; `undefined` before the first. */
export function activePolicy(queries: Queries): Promise<PolicyTable | undefined> {
  return queries.selectFrom("policy").selectAll().where("state", "=", "active").executeTakeFirst();
}
