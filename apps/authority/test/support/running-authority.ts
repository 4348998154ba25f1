import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory } from "@dimmer/feed/node";
import { pino } from "pino";
import { readAuthorityConfig } from "../../src/config/read.ts";
import { type Authority, type AuthorityPorts, startAuthority } from "../../src/start-authority.ts";

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json(): Record<string, unknown>;
}

/** What a request carries. */
export interface AskOptions {
  readonly key?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A running authority with its client. */
export interface RunningAuthority extends Authority {
  readonly folder: string;
  /** The first API key: role admin. */
  readonly admin: string;
  readonly logged: string[];
  /** Asks over a real socket; with a reason, unless `headers` or the body has one. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Makes a key with some roles. */
  keyWith(...roles: string[]): Promise<string>;
  /** Makes a fleet credential. */
  fleetSecret(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts an authority on a SQLite file of its own, or on the store given. */
export async function runAuthority(
  options: AuthorityPorts & {
    store?: string;
    folder?: string;
    config?: Record<string, unknown>;
    env?: Record<string, string>;
  } = {},
): Promise<RunningAuthority> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "dimmer-authority-"));
  const keys = join(folder, "keys");
  await createKeyDirectory(keys).catch(() => undefined);
  const logged: string[] = [];
  const config = readAuthorityConfig({
    flags: {
      store: options.store ?? `sqlite:${join(folder, "authority.db")}`,
      keys,
      port: 0,
      drainMs: 500,
      ratePerSecond: 100_000,
      ...options.config,
    },
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const { store: _store, folder: _folder, config: _config, env: _env, ...ports } = options;
  const authority = await startAuthority(config, {
    log: pino({ level: "info" }, { write: (line: string) => logged.push(line) }),
    ...ports,
  });
  const admin = authority.firstSecret ?? "";
  const ask: RunningAuthority["ask"] = async (method, path, { key = admin, body, headers = {} } = {}) => {
    const response = await fetch(`${authority.url}${path}`, {
      method,
      headers: {
        ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(method === "GET" ? {} : { "dimmer-reason": "a test" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: bodyOf(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    };
  };
  return {
    ...authority,
    folder,
    admin,
    logged,
    ask,
    keyWith: async (...roles) => {
      const made = await ask("POST", "/v1/api-keys", { body: { name: roles.join(), roles } });
      return made.json()["secret"] as string;
    },
    fleetSecret: async () => {
      const made = await ask("POST", "/v1/fleet/credentials", { body: { name: "test fleet" } });
      return made.json()["secret"] as string;
    },
    stop: async () => {
      await authority.close();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function bodyOf(body: unknown): string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" || body instanceof Uint8Array ? (body as string) : JSON.stringify(body);
}
