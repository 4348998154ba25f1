import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuthorityClient, createAuthorityClient } from "../authority/authority-client.ts";

/** What `dimmer dev` and its sister commands say who they are with. */
export interface DevCredentials {
  /** Of who works: admin, and whoever decides a case. */
  readonly developer: string;
  /** Of a second person, who approves what the first one asked for. */
  readonly approver: string;
  /** Of the tenants file, so that the ledger tells its changes from those made by hand. */
  readonly tenantsFile: string;
  /** Of the sidecar: it may read the feed and nothing else. */
  readonly fleet: string;
}

const FILES = {
  developer: "developer.key",
  approver: "approver.key",
  tenantsFile: "tenants-file.key",
  fleet: "sidecar.key",
} as const satisfies Record<keyof DevCredentials, string>;
const NAMES = Object.keys(FILES) as (keyof DevCredentials)[];

const DECIDES = ["collections", "legal", "security", "finance", "cs"];
const REASON = "first start of dimmer dev";

/** The file of a credential. */
export function credentialFile(dir: string, name: keyof DevCredentials): string {
  return join(dir, FILES[name]);
}

/** Whether all credentials are there. Never throws. */
export function hasCredentials(dir: string): boolean {
  return NAMES.every((name) => existsSync(credentialFile(dir, name)));
}

/** Reads the credentials. @throws what the file system throws */
export function readCredentials(dir: string): DevCredentials {
  const read = (name: keyof DevCredentials): string => readFileSync(credentialFile(dir, name), "utf8").trim();
  return {
    developer: read("developer"),
    approver: read("approver"),
    tenantsFile: read("tenantsFile"),
    fleet: read("fleet"),
  };
}

/**
 * Makes the credentials at a new authority, by the key of its first start, which then ends: it is written down nowhere.
 *
 * @throws {CommandFailure} where the authority refuses; what the file system throws
 */
export async function makeCredentials(dir: string, url: string, firstSecret: string): Promise<DevCredentials> {
  const first = createAuthorityClient({ url, apiKey: firstSecret });
  const key = async (name: string, roles: readonly string[]): Promise<string> => {
    return await secretOf(first, "/v1/api-keys", { name, roles });
  };
  const made: DevCredentials = {
    developer: await key("developer", ["admin", ...DECIDES]),
    approver: await key("approver", DECIDES),
    tenantsFile: await key("tenants-file", ["admin", ...DECIDES]),
    fleet: await secretOf(first, "/v1/fleet/credentials", { name: "sidecar of dimmer dev" }),
  };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of NAMES) {
    const path = credentialFile(dir, name);
    writeFileSync(`${path}.new`, `${made[name]}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  const developer = createAuthorityClient({ url, apiKey: made.developer });
  for await (const { id, name } of developer.items("/v1/api-keys")) {
    if (name === "first key") await developer.write("DELETE", `/v1/api-keys/${String(id)}`, { reason: REASON });
  }
  return made;
}

async function secretOf(
  client: AuthorityClient,
  path: string,
  body: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { body: made } = await client.write("POST", path, { reason: REASON, body });
  if (typeof made["secret"] !== "string") throw new Error(`${path} made a credential without a secret`);
  return made["secret"];
}
