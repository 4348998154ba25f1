import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createKeyDirectory } from "@dimmer/feed/node";
import { startChild } from "../child.ts";

/** An authority in a process of its own, with what is needed to change and to follow it. */
export interface BenchAuthority {
  readonly url: string;
  readonly trust: string;
  readonly pid: number;
  /** Fleet credential, and a file that holds it. */
  readonly token: string;
  readonly tokenFile: string;
  readonly folder: string;
  /** Makes one change. Resolves with the version that carries it; rejects where it was not signed. */
  change(tenant: string, body: object): Promise<string>;
  stop(): Promise<void>;
}

const script = fileURLToPath(new URL("authority-server.ts", import.meta.url));

/** Starts an authority with `tenants` tenants, `tenant-0` and on. */
export async function startBenchAuthority(tenants: number): Promise<BenchAuthority> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-feed-"));
  const keys = join(folder, "keys");
  await createKeyDirectory(keys);
  const command = [process.execPath, "--conditions=@dimmer/source", script, join(folder, "authority.db"), keys];
  const child = await startChild(command);
  const { url, trust, firstSecret } = child.ready as { url: string; trust: string; firstSecret: string };
  const ask = async (method: string, path: string, body: string, type = "application/json"): Promise<unknown> => {
    const headers = { authorization: `Bearer ${firstSecret}`, "dimmer-reason": "bench", "content-type": type };
    const answer = await fetch(url + path, { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return await answer.json();
  };
  const rows = Array.from({ length: tenants }, (_, i) => `{"id":"tenant-${i}","name":"t","plan":"pro"}\n`);
  await ask("POST", "/v1/imports/tenants", rows.join(""), "application/x-ndjson");
  const { secret } = (await ask("POST", "/v1/fleet/credentials", '{"name":"bench"}')) as { secret: string };
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, secret, { mode: 0o600 });
  return {
    url,
    trust,
    pid: child.pid,
    token: secret,
    tokenFile,
    folder,
    change: async (tenant, body) => {
      const made = (await ask("PUT", `/v1/tenants/${tenant}`, JSON.stringify(body))) as { version?: string };
      if (made.version === undefined) throw new Error(`${tenant}: written, and not signed within 5 s`);
      return made.version;
    },
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
