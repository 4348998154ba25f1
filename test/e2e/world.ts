import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Authority, readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { createKeyDirectory } from "@dimmer/feed/node";
import type { Fact } from "@dimmer/lifecycle";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { pino } from "pino";
import { startSmtp, type TestSmtp } from "../../apps/authority/test/notices/smtp.ts";

const NOTES = fileURLToPath(new URL("../../examples/notes/src/main.ts", import.meta.url));

/** A step as the API shows it. */
export interface Step {
  readonly stage: string;
  readonly state: string;
  readonly at: string | null;
  readonly mode: string;
  readonly notice: { readonly deadline: string | null };
}

/** A case as the API shows it. */
export interface Case {
  readonly id: string;
  readonly policy: string;
  readonly standing: string;
  readonly steps: readonly Step[];
  readonly holds: readonly { readonly kind: string }[];
}

/** Who asks: keys with these roles. */
const KEYS = {
  admin: ["admin"],
  finance: ["finance"],
  collections: ["collections"],
  second: ["collections", "legal"],
  cs: ["cs"],
} as const;
/** The name of one who asks. */
export type Who = keyof typeof KEYS;

/**
 * An authority whose clock is moved, a mail server, a sidecar and a product, each behind its own door: the authority's
 * clock stands still between moves, everything else goes on.
 */
export class World {
  readonly #authority: Authority;
  readonly #keys: Readonly<Record<Who, string>>;
  readonly #close: () => Promise<void>;
  readonly mail: TestSmtp;
  readonly sidecarUrl: string;
  readonly notesUrl: string;
  /** Where products find the feed: the sidecar's socket. */
  readonly feed: string;
  /** What replicas pin. */
  readonly trust: string;

  private constructor(
    authority: Authority,
    parts: Pick<World, "mail" | "sidecarUrl" | "notesUrl" | "feed" | "trust"> & {
      keys: Record<Who, string>;
      close: () => Promise<void>;
    },
  ) {
    this.#authority = authority;
    this.#keys = parts.keys;
    this.#close = parts.close;
    this.mail = parts.mail;
    this.sidecarUrl = parts.sidecarUrl;
    this.notesUrl = parts.notesUrl;
    this.feed = parts.feed;
    this.trust = parts.trust;
  }

  /** Starts all of it at an instant. */
  static async start(startMs: number): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "dimmer-e2e-"));
    const mail = await startSmtp();
    await createKeyDirectory(join(folder, "keys"));
    const flags = {
      store: `sqlite:${join(folder, "authority.db")}`,
      keys: join(folder, "keys"),
      port: 0,
      drainMs: 200,
      ratePerSecond: 100_000,
      devClock: join(folder, "clock.json"),
      smtpUrl: mail.url,
      mailFrom: "Dimmer <billing@vendor.example>",
      logLevel: "silent",
    };
    const log = pino({ level: "silent" });
    const authority = await startAuthority(readAuthorityConfig({ flags, env: {} }), { now: () => startMs, log });
    const ask = asker(authority.url);
    const first = authority.firstSecret ?? "";
    const made = async (path: string, body: object): Promise<string> =>
      String((await ask(first, "POST", path, body))["secret"]);
    const keys = {} as Record<Who, string>;
    for (const [who, roles] of Object.entries(KEYS))
      keys[who as Who] = await made("/v1/api-keys", { name: who, roles });
    const token = join(folder, "fleet.key");
    writeFileSync(token, await made("/v1/fleet/credentials", { name: "sidecar" }), { mode: 0o600 });
    const socket = join(folder, "s.sock");
    const sidecar = await startSidecar(
      readSidecarConfig({
        flags: {
          feed: [authority.url],
          feedTokenFile: token,
          trust: [authority.trust],
          audience: "development",
          port: "0",
          tcp: "full",
          socket,
          data: join(folder, "sidecar"),
          logLevel: "silent",
        },
        env: {},
      }),
    );
    const sidecarUrl = `http://127.0.0.1:${sidecar.tcp?.port}`;
    const feed = `unix:${socket}`;
    const notes = await startNotes(feed, authority.trust);
    const close = async (): Promise<void> => {
      await notes.stop();
      await sidecar.close();
      await authority.close();
      await mail.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return new World(authority, { mail, sidecarUrl, notesUrl: notes.url, feed, trust: authority.trust, keys, close });
  }

  /** Asks the authority at its door; fails where the answer is no. */
  async ask(who: Who, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    return await asker(this.#authority.url)(this.#keys[who], method, path, body);
  }

  /** Moves the clock to an instant, by way of everything that falls due. */
  async moveTo(to: string): Promise<void> {
    const moved = await this.ask("admin", "POST", "/v1/dev/clock", { to });
    if (moved["isSettled"] !== true) throw new Error(`the clock stopped at ${String(moved["now"])}`);
  }

  /** The nonpayment case of a tenant, once the runner has looked at all that is known. */
  async caseOf(tenant: string): Promise<Case> {
    for (;;) {
      const { items } = await this.ask("admin", "GET", `/v1/cases?tenant=${tenant}&track=nonpayment`);
      const found = (items as (Case & { nextAt: string | null })[])[0];
      if (found !== undefined && (found.nextAt === null || Date.parse(found.nextAt) > 0)) return found;
      await new Promise((done) => setTimeout(done, 5));
    }
  }

  async stepOf(tenant: string, stage: string): Promise<Step> {
    const step = (await this.caseOf(tenant)).steps.find((candidate) => candidate.stage === stage);
    if (step === undefined) throw new Error(`${tenant} has no step ${stage}`);
    return step;
  }

  /** Everything that happened in the case of a tenant. */
  async timelineOf(tenant: string): Promise<readonly Record<string, unknown>[]> {
    const { id } = await this.caseOf(tenant);
    return (await this.ask("admin", "GET", `/v1/cases/${id}/timeline`))["items"] as Record<string, unknown>[];
  }

  async factsOf(tenant: string): Promise<readonly Fact[]> {
    return (await this.timelineOf(tenant)).flatMap(({ fact }) => (typeof fact === "object" ? [fact as Fact] : []));
  }

  /** Does something about the case of a tenant. */
  async act(who: Who, tenant: string, action: string, body: object): Promise<Record<string, unknown>> {
    const { id } = await this.caseOf(tenant);
    return await this.ask(who, "POST", `/v1/cases/${id}/${action}`, body);
  }

  async pay(tenant: string, payment: string, amount: number): Promise<void> {
    const body = { payment, amount, currency: "JPY", invoice: `INV-${tenant}` };
    await this.ask("finance", "POST", `/v1/tenants/${tenant}/payments`, body);
  }

  /** The mode that the sidecar answers by, over HTTP. */
  async modeAtSidecar(tenant: string): Promise<string> {
    const response = await fetch(`${this.sidecarUrl}/v1/check`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tenant, capability: "view", principal: "admin" }),
    });
    return String(((await response.json()) as { mode: string }).mode);
  }

  /** What the product answers to somebody of a tenant. */
  async product(who: string, method: string, path: string): Promise<number> {
    const response = await fetch(this.notesUrl + path, {
      method,
      headers: { authorization: `Bearer ${who}` },
      ...(method === "POST" ? { body: '{"text":"hello"}' } : {}),
    });
    await response.body?.cancel();
    return response.status;
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

function asker(url: string) {
  return async (key: string, method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${key}`, "dimmer-reason": "a test" };
    const response = await fetch(url + path, {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
}

/** Starts the notes product as a process of its own, that knows the sidecar's socket and no more. */
async function startNotes(feed: string, trust: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const args = ["--conditions=@dimmer/source", NOTES, `--feed=${feed}`, `--trust=${trust}`, "--port=0"];
  const child = spawn(process.execPath, [...args, "--stop-with-stdin"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  let text = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const found = /ready on (http:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`the product ended: ${text}`)));
  });
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
