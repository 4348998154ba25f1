import { execFile, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A PostgreSQL server of one file of tests alone. */
export interface TestPostgres {
  /** Makes a new database; its URL, for a role without any privilege but its own. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

const execute = promisify(execFile);
const VERSIONS = "/usr/lib/postgresql";

/** The newest PostgreSQL from 15 on that is installed as Debian does; `undefined` where there is none. */
function binaries(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const newest = readdirSync(VERSIONS)
    .filter((version) => Number(version) >= 15 && existsSync(join(VERSIONS, version, "bin", "postgres")))
    .sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : join(VERSIONS, newest, "bin");
}

/** It does not run as root: then it is the user `postgres`, where there is one. */
function account(): { uid: number; gid: number } | Record<string, never> | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return undefined;
  }
}

/** Whether a server can be started on this machine. */
export function hasPostgres(): boolean {
  return binaries() !== undefined && account() !== undefined;
}

/** Starts a server on a Unix socket in a folder of its own: no port, no other server's data. */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = binaries() as string;
  const as = account() as { uid?: number; gid?: number };
  const folder = mkdtempSync(join(tmpdir(), "dimmer-pg-"));
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  if (as.uid !== undefined && as.gid !== undefined) for (const path of [folder, data]) chownSync(path, as.uid, as.gid);
  const options = { ...as, cwd: folder, stdio: "ignore" } as const;
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "owner", "--auth=trust", "-E", "UTF8", "--no-sync"], options);
  const settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"];
  const server = spawn(join(bin, "postgres"), ["-D", data, "-k", folder, ...settings], options);
  const ended = new Promise<void>((done) => server.once("exit", () => done()));
  const url = (user: string, name: string): string =>
    `postgres://${user}@localhost/${name}?host=${encodeURIComponent(folder)}`;
  const asOwner = async (program: string, ...args: readonly string[]): Promise<unknown> =>
    await execute(join(bin, program), ["-h", folder, "-U", "owner", ...args]);
  await untilItAnswers(() => asOwner("pg_isready"));
  await asOwner("createuser", "dimmer");
  let made = 0;
  return {
    database: async () => {
      const name = `dimmer_${++made}`;
      await asOwner("createdb", "-O", "dimmer", name);
      return url("dimmer", name);
    },
    stop: async () => {
      server.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(ask: () => Promise<unknown>): Promise<void> {
  const untilMs = performance.now() + 30_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}
