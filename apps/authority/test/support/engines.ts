import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";

/** A database engine under test: each `url()` names a new, empty store. */
export interface EngineUnderTest {
  readonly name: string;
  start(): Promise<void>;
  url(): Promise<string>;
  stop(): Promise<void>;
}

function sqlite(): EngineUnderTest {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-sqlite-"));
  let made = 0;
  return {
    name: "SQLite",
    start: () => Promise.resolve(),
    url: () => Promise.resolve(`sqlite:${join(folder, `${++made}.db`)}`),
    stop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  };
}

function postgres(): EngineUnderTest {
  let server: TestPostgres | undefined;
  return {
    name: "PostgreSQL",
    start: async () => {
      server = await startPostgres();
    },
    url: () => (server as TestPostgres).database(),
    stop: async () => server?.stop(),
  };
}

/** The engines that this machine has: SQLite always; says so where there is no PostgreSQL. */
export function engines(): EngineUnderTest[] {
  if (hasPostgres()) return [sqlite(), postgres()];
  process.stdout.write("PostgreSQL: not run (no server of version 15 or newer is installed)\n");
  return [sqlite()];
}
