import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyDirectory } from "@dimmer/feed/node";
import { type Answer, ask } from "./ask.ts";
import { fillerName, UNPAID } from "./feed-maker.ts";
import { type Running, type StartOptions, startDimmer } from "./processes.ts";
import type { Stage } from "./scenario.ts";
import { WATCHED } from "./watcher.ts";

/** Keys of the roles that these scenarios write in. */
interface Secrets {
  readonly admin: string;
  readonly collections: string;
  readonly security: string;
}

/** An authority that is started, killed and started again on one store. */
export interface AuthorityHost {
  /** The process at present. */
  readonly process: Running;
  readonly port: number;
  readonly url: string;
  readonly trust: string;
  /** File with the fleet credential, for sidecars. */
  readonly feedTokenFile: string;
  readonly fleetSecret: string;
  /** Asks as an admin, unless another role is said. Rejects where nobody answers. */
  write(method: string, path: string, body?: unknown, options?: WriteOptions): Promise<Answer>;
  /** Puts the theme of a filler. @returns the version that carries it, as soon as it is published */
  change(filler: number, theme: string, options?: WriteOptions): Promise<string>;
  /** Starts it again on the same store and port. */
  restart(options?: StartOptions): Promise<void>;
}

/** What a write may carry. */
export interface WriteOptions {
  readonly as?: keyof Secrets;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

/** How to start an authority. */
export interface AuthorityOptions extends StartOptions {
  /** Default: a SQLite file in the folder of the stage. */
  readonly store?: string;
  readonly fillers?: number;
  readonly args?: readonly string[];
}

/** Starts the real authority on a store with the tenants that are watched, and fillers. */
export async function startAuthorityHost(stage: Stage, options: AuthorityOptions = {}): Promise<AuthorityHost> {
  const { store = `sqlite:${join(stage.folder, "authority.db")}`, fillers = 40, args = [], ...start } = options;
  const keys = join(stage.folder, "authority-keys");
  await createKeyDirectory(keys);
  const startOn = (port: number, how: StartOptions): Promise<Running> =>
    startDimmer(
      stage,
      ["authority", "--store", store, "--keys", keys, "--port", String(port), ...args, ...STANDARD_ARGS],
      how,
    );
  let running = await startOn(0, start);
  const port = Number(new URL(String(running.said["url"])).port);
  let secrets: Secrets = { admin: String(running.said["firstApiKey"]), collections: "", security: "" };
  const write: AuthorityHost["write"] = (method, path, body, { as = "admin", idempotencyKey, timeoutMs } = {}) =>
    ask({ port }, path, {
      method,
      ...(body === undefined ? {} : { body }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      headers: {
        authorization: `Bearer ${secrets[as]}`,
        "dimmer-reason": "a fault is tried",
        ...(typeof body === "string" ? { "content-type": "application/x-ndjson" } : {}),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
    });
  const made = async (path: string, body: object): Promise<string> =>
    (await expectOk(write("POST", path, body))).json<{ secret: string }>().secret;
  secrets = {
    ...secrets,
    collections: await made("/v1/api-keys", { name: "collections", roles: ["collections"] }),
    security: await made("/v1/api-keys", { name: "security", roles: ["security"] }),
  };
  const fleetSecret = await made("/v1/fleet/credentials", { name: "fleet" });
  const feedTokenFile = join(stage.folder, "fleet-token");
  writeFileSync(feedTokenFile, fleetSecret, { mode: 0o600 });
  await settle(write, fillers);
  return {
    get process() {
      return running;
    },
    port,
    url: `http://127.0.0.1:${port}`,
    trust: String(running.said["trust"]),
    feedTokenFile,
    fleetSecret,
    write,
    change: async (filler, theme, how = {}) => {
      const id = fillerName(filler);
      const body = { name: id, plan: "pro", features: { theme } };
      const answer = await expectOk(write("PUT", `/v1/tenants/${id}`, body, how));
      return answer.json<{ version: string | null }>().version ?? "0.0";
    },
    restart: async (how = {}) => {
      running = await startOn(port, { ...start, ...how });
    },
  };
}

/** Twenty thousand tenants take seconds, and more where others use the machine. */
const IMPORT_MS = 120_000;
const STANDARD_ARGS = ["--rate-per-second", "100000", "--drain-ms", "200", "--log-level", "warn"];

/** Writes the tenants that are watched: one pays, one does not, one is locked. */
async function settle(write: AuthorityHost["write"], fillers: number): Promise<void> {
  const names = [
    WATCHED.paid,
    WATCHED.unpaid,
    WATCHED.locked,
    ...Array.from({ length: fillers }, (_, i) => fillerName(i)),
  ];
  const rows = names.map((id) => `${JSON.stringify({ id, name: id, plan: "pro" })}\n`).join("");
  await expectOk(write("POST", "/v1/imports/tenants", rows, { timeoutMs: IMPORT_MS }));
  const [restriction] = UNPAID.restrictions ?? [];
  const { cause, steps } = restriction as NonNullable<typeof restriction>;
  await expectOk(
    write("PUT", `/v1/tenants/${WATCHED.unpaid}/restrictions/case_1`, { cause, steps }, { as: "collections" }),
  );
  await expectOk(write("PUT", `/v1/tenants/${WATCHED.locked}/locks/INC-1`, { cause: "security" }, { as: "security" }));
}

/** The answer, where it is a good one. @throws {Error} with what it says */
async function expectOk(answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering;
  if (answer.status < 300) return answer;
  throw new Error(`the authority answered ${answer.status}: ${answer.text.slice(0, 500)}`);
}
