import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inspectStatement } from "@dimmer/statement";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import { storeSource } from "../../src/feed/store-source.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { Ceremony } from "./ceremony.ts";

describe.runIf(hasPostgres())("two authorities on one PostgreSQL", () => {
  let server: TestPostgres;
  let leader: RunningAuthority;
  let other: RunningAuthority;
  let admin: string;

  beforeAll(async () => {
    server = await startPostgres();
    const store = await server.database();
    leader = await runAuthority({ store, headEveryMs: 100, config: { keyOverlapMs: 200 } });
    admin = leader.admin;
    const folder = `${leader.folder}-other`;
    cpSync(join(leader.folder, "keys"), join(folder, "keys"), { recursive: true });
    // Its clock is a day ahead: the overlap is not counted by it.
    const now = (): number => Date.now() + 86_400_000;
    other = await runAuthority({ store, folder, now, headEveryMs: 100, config: { keyOverlapMs: 200 } });
  }, 60_000);
  afterAll(async () => {
    await other.stop();
    rmSync(`${leader.folder}-other`, { recursive: true, force: true });
    await server.stop();
  });

  const headKid = async (): Promise<string> => {
    const head = await storeSource(other.store).head();
    return inspectStatement(head === "unchanged" ? "" : head.token).kid;
  };
  const stateOf = async (kid: string): Promise<string | undefined> => {
    const items = (await other.ask("GET", "/v1/keys", { key: admin })).json()["items"] as Record<string, string>[];
    return items.find((key) => key["kid"] === kid)?.["state"];
  };

  it("sign with the same key: who takes over goes on with the one that the store names, and not without it", async () => {
    const ceremony = await Ceremony.of(leader);
    const before = await headKid();
    const { kid, answer } = await ceremony.announce("feed");
    expect(answer.status, answer.text).toBe(200);
    await vi.waitUntil(async () => (await stateOf(kid)) === "signing", { timeout: 20_000 });
    expect([await headKid(), await stateOf(before)]).toEqual([kid, "retiring"]);
    await leader.close();
    // The other has not the new key yet, and signs nothing with the old one.
    const refused = (): boolean => other.logged.some((line) => line.includes("refusing") && line.includes(kid));
    await vi.waitUntil(refused, { timeout: 20_000 });
    expect(await headKid()).toBe(kid);
    cpSync(join(leader.folder, "keys", `feed.${kid}.jwk`), join(`${leader.folder}-other`, "keys", `feed.${kid}.jwk`));
    const body = { name: "A", plan: "pro" };
    const written = async (): Promise<unknown> =>
      (await other.ask("PUT", "/v1/tenants/acme", { key: admin, body })).json()["version"];
    await vi.waitUntil(async () => typeof (await written()) === "string", { timeout: 40_000 });
    expect([await headKid(), await stateOf(kid)]).toEqual([kid, "signing"]);
    rmSync(leader.folder, { recursive: true, force: true });
  }, 90_000);
});

if (!hasPostgres()) process.stdout.write("PostgreSQL: not run (two authorities and their keys)\n");
