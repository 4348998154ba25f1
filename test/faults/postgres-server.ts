import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnOnStage } from "./processes.ts";
import type { PublicationRow } from "./publications.ts";
import { NotRun, type Stage } from "./scenario.ts";
import { until } from "./waiting.ts";

/** A PostgreSQL of its own, on a Unix socket alone. */
export interface PostgresServer {
  /** For an authority. */
  readonly url: string;
  readonly sockets: string;
  /** Sends a signal to the server and to every process of it. */
  signalAll(signal: NodeJS.Signals): void;
  publications(): PublicationRow[];
  /** Ends it as a crash does: without a checkpoint, without waiting. */
  crash(): Promise<void>;
}

const VERSIONS = "/usr/lib/postgresql";
const DATABASE = "dimmer";

/** Makes a cluster with everything synced, as in production. @throws {NotRun} where PostgreSQL 15 or newer is missing */
export function makeCluster(stage: Stage, data: string): void {
  mkdirSync(data, { mode: 0o700 });
  const { bin, as } = installed();
  if (as.uid !== undefined) {
    // The folder of the stage is this user's alone; the server needs to pass through it.
    execFileSync("chmod", ["a+rx", stage.folder]);
    chownSync(data, as.uid, as.gid ?? as.uid);
  }
  const args = ["-D", data, "-U", "owner", "--auth=trust", "-E", "UTF8"];
  execFileSync(join(bin, "initdb"), args, { ...as, cwd: "/", stdio: "ignore" });
}

let made = 0;

/**
 * Starts a server on a cluster; recovers it first where it crashed.
 *
 * @param sockets the directory of its socket, to have it where another server was. Default: one of its own
 */
export async function startPostgres(
  stage: Stage,
  data: string,
  sockets: string = join(stage.folder, `pg${++made}`),
): Promise<PostgresServer> {
  const { bin, as } = installed();
  mkdirSync(sockets, { recursive: true, mode: 0o755 });
  if (as.uid !== undefined) chownSync(sockets, as.uid, as.gid ?? as.uid);
  const child = spawnOnStage(
    stage,
    [join(bin, "postgres"), "-D", data, "-k", sockets, "-c", "listen_addresses=", "-c", "max_connections=60"],
    { ...as, cwd: "/", stdio: "ignore" },
  );
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const sql = (statement: string, database = DATABASE): string =>
    execFileSync(join(bin, "psql"), ["-h", sockets, "-U", "owner", "-d", database, "-AtqX", "-c", statement], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1 << 28,
    });
  let why = "";
  const isUp = (): boolean => {
    try {
      const isThere = sql(`SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`, "postgres").trim() === "1";
      if (!isThere) sql(`CREATE DATABASE ${DATABASE}`, "postgres");
      return true;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
      return false;
    }
  };
  await until("PostgreSQL", isUp).catch(() => {
    throw new Error(`PostgreSQL does not answer: ${why}; exit code ${child.exitCode ?? "none"}`);
  });
  return {
    sockets,
    url: `postgres://owner@localhost/${DATABASE}?host=${encodeURIComponent(sockets)}`,
    signalAll: (signal) => {
      for (const pid of [child.pid ?? 0, ...childrenOf(child.pid ?? 0)]) {
        try {
          process.kill(pid, signal);
        } catch {
          // A worker of the server may have ended by itself.
        }
      }
    },
    publications: () =>
      sql("SELECT epoch, base, seq, delta FROM publication ORDER BY epoch, seq")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [epoch, base, seq, delta = ""] = line.split("|");
          return { epoch: Number(epoch), base: Number(base), seq: Number(seq), delta };
        }),
    crash: async () => {
      child.kill("SIGQUIT");
      await ended;
    },
  };
}

/** Debian's place of the newest PostgreSQL, and who runs it: not root. */
function installed(): { bin: string; as: { uid?: number; gid?: number } } {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).filter((version) => Number(version) >= 15) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new NotRun("PostgreSQL 15 or newer is not installed (Debian: postgresql)");
  const bin = join(VERSIONS, newest, "bin");
  if (process.getuid?.() !== 0) return { bin, as: {} };
  const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { bin, as: { uid: id("-u"), gid: id("-g") } };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}
