import { randomUUID } from "node:crypto";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { Queries } from "../store/open-store.ts";
import type { FleetCredentialTable } from "../store/schema.ts";
import type { CredentialWrite } from "./api-keys.ts";
import { hashSecret, makeSecret } from "./secret.ts";

/** The only scope that a fleet credential has. */
const FEED_READ = "feed:read";

/** A fleet credential as it may be shown: never its hash. */
export type FleetCredential = Omit<FleetCredentialTable, "hash">;

/** Makes the credential of a group of sidecars. Its secret is in the answer and nowhere else. */
export async function createFleetCredential(
  { queries, actor, nowMs }: CredentialWrite,
  name: string,
): Promise<{ credential: FleetCredential; secret: string }> {
  const { secret, prefix, hash } = makeSecret("dmf");
  const credential = {
    id: `fleet_${randomUUID()}`,
    name,
    prefix,
    scope: FEED_READ,
    created_ms: nowMs,
    revoked_ms: null,
  };
  await queries
    .insertInto("fleet_credential")
    .values({ ...credential, hash })
    .execute();
  await writeLedger(
    queries,
    actor,
    { action: "fleet.create", subject: `fleet:${credential.id}`, after: credential },
    nowMs,
  );
  return { credential, secret };
}

/** Ends a fleet credential at once. @throws {Fault} `missing` */
export async function revokeFleetCredential({ queries, actor, nowMs }: CredentialWrite, id: string): Promise<void> {
  const row = await queries.selectFrom("fleet_credential").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined || row.revoked_ms !== null) throw new Fault("missing", `there is no fleet credential ${id}`);
  await queries.updateTable("fleet_credential").set({ revoked_ms: nowMs }).where("id", "=", id).execute();
  await writeLedger(queries, actor, { action: "fleet.revoke", subject: `fleet:${id}`, before: row.name }, nowMs);
}

/** The credential that a secret belongs to; `undefined` where it is unknown or revoked. */
export async function findFleetCredential(queries: Queries, secret: string): Promise<FleetCredential | undefined> {
  const row = await queries
    .selectFrom("fleet_credential")
    .selectAll()
    .where("hash", "=", hashSecret(secret))
    .where("revoked_ms", "is", null)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { hash: _, ...credential } = row;
  return credential;
}
