import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runAuthority, type TestAuthority } from "../authority/running-authority.ts";
import { dimmer, EXAMPLES, jsonOf, type Run, scratch, sharedScratch } from "../run-dimmer.ts";

let authority: TestAuthority;
let run: (...args: string[]) => Promise<Run>;
const cwd = sharedScratch();
beforeAll(async () => {
  authority = await runAuthority();
  const env = { DIMMER_AUTHORITY: authority.url, DIMMER_API_KEY: authority.key };
  run = async (...args) => await dimmer(args, { cwd, env });
});

describe("commands at an authority that is no dimmer dev", () => {
  it("import a tenants file: dry first, then with restrictions, exceptions and locks, then nothing more", async () => {
    const dry = jsonOf(await run("import", EXAMPLES, "--dry-run", "--json"));
    expect(dry).toMatchObject({ isChanged: false, created: 15, restricted: 10, locked: 1, faults: [] });
    expect(jsonOf(await run("tenant", "list", "--json"))["tenants"]).toEqual([]);
    const done = await run("import", EXAMPLES, "--json", "--reason", "the first customers");
    expect(done.status).toBe(0);
    expect(jsonOf(done)).toMatchObject({ isChanged: true, created: 15, version: expect.stringMatching(/^1\.\d+$/) });
    const [inFile, at] = await Promise.all([
      run("tenant", "list", "--tenants", EXAMPLES, "--json"),
      run("tenant", "list", "--json"),
    ]);
    const modes = (of: Run): unknown =>
      (jsonOf(of)["tenants"] as { tenant: string; mode: string }[])
        .map(({ tenant, mode }) => `${tenant} ${mode}`)
        .sort();
    expect(modes(at)).toEqual(modes(inFile));
    expect((await run("lock", "list")).stdout).toMatch(
      /\ntanuki-trading {2}security {2}INC-2051 .* nothing {2}holds\n$/,
    );
  });

  it("import CSV and NDJSON with counts, and the rows at fault by line", async () => {
    writeFileSync(join(cwd, "t.csv"), "id,name,plan\nq1,Q One,pro\nq2,Q Two,gold\n");
    const dry = await run("import", "t.csv", "--dry-run");
    expect(dry.status).toBe(1);
    expect(dry.stdout).toMatch(/^t\.csv: 2 rows: 1 would be created, .* 1 at fault\n {2}line 3 {2}plan: plan "gold" /);
    expect((await run("tenant", "show", "q1")).status).toBe(2);
    writeFileSync(join(cwd, "t.ndjson"), '{"id":"q1","name":"Q One","plan":"pro"}\n');
    expect(jsonOf(await run("import", "t.ndjson", "--json"))).toMatchObject({ read: 1, created: 1, invalid: 0 });
    expect(jsonOf(await run("import", "t.ndjson", "--json"))).toMatchObject({ read: 1, created: 0, unchanged: 1 });
    expect(await run("import", "gone.csv")).toMatchObject({
      status: 3,
      stderr: "dimmer: gone.csv: no such file or directory\n",
    });
  });

  it("change tenants with a reason that the ledger has, and publish each change", async () => {
    const steps: [string[], RegExp][] = [
      [["add", "w1", "--plan", "starter", "--name", "W One"], /^w1 is added with plan starter\n {2}version 1\.\d+\n$/],
      [["plan", "w1", "pro"], /^w1: plan starter → pro\n {2}version/],
      [["plan", "w1", "pro"], /^w1 has plan pro: nothing changed\n$/],
      [
        ["restrict", "w1", "limited", "--case", "k1", "--deny", "job"],
        /^w1: limited for nonpayment \(k1\)\n {2}version/,
      ],
      [["restrict", "w1", "read_only", "--case", "k2", "--at", "now+6d"], /^w1: read_only for nonpayment \(k2\)\n/],
      [["pay", "w1"], /^w1 has paid: k2 closed\n {2}version/],
      [["pay", "w1"], /^w1 owes nothing: nothing changed\n$/],
      [["lock", "w1", "--case", "L1"], /^w1 is locked \(security, L1\)\n {2}version/],
      [["lock", "w1", "--case", "L2", "--cause", "legal", "--allow", "export"], /^w1 is locked \(legal, L2\)\n/],
      [["unlock", "w1", "--case", "L1"], /^w1 is unlocked\n {2}version/],
      [["unlock", "w1"], /^w1 is unlocked\n {2}version/],
      [["unlock", "w1"], /^w1 is not locked: nothing changed\n$/],
    ];
    for (const [args, expected] of steps) {
      const done = await run("tenant", ...args, "--reason", "a test of it all");
      expect(done).toMatchObject({ status: 0, stderr: "" });
      expect(done.stdout).toMatch(expected);
    }
    expect(jsonOf(await run("tenant", "show", "w1", "--json"))).toMatchObject({ mode: "full", plan: "pro" });
    const { entries } = jsonOf(await run("ledger", "--tenant", "w1", "--json")) as {
      entries: { action: string; reason: string; actorName: string }[];
    };
    expect(new Set(entries.map(({ reason, actorName }) => `${actorName}: ${reason}`))).toEqual(
      new Set(["tester: a test of it all"]),
    );
    expect(entries.map(({ action }) => action)).toEqual([
      "tenant.put",
      "tenant.put",
      "restriction.put",
      "restriction.put",
      "restriction.clear",
      "restriction.clear",
      "lock.put",
      "lock.put",
      "lock.lift",
      "lock.lift",
    ]);
    expect(jsonOf(await run("ledger", "--last", "3", "--json"))["entries"]).toHaveLength(3);
  });

  it.each([
    [
      ["tenant", "add", "q-again", "--plan", "pro", "--tenants", "x.yaml", "--reason", "r"],
      2,
      /^dimmer: --reason: is for an authority, and --tenants names a file;/,
    ],
    [["tenant", "pay", "nobody"], 2, /^dimmer: no tenant "nobody" at http:\S+; "dimmer tenant list" shows them\n$/],
    [["tenant", "add", "acme", "--plan", "pro"], 2, /^dimmer: tenant "acme" is there already\n$/],
    [["tenant", "plan", "acme", "gold"], 2, /^dimmer: plan: .*gold/],
    [
      ["tenant", "restrict", "acme", "limited", "--at", "tomorrow"],
      2,
      /^dimmer: steps\[0\]\.at: "tomorrow" is not an instant/,
    ],
    [["tenant", "lock", "acme", "--allow", "fly"], 2, /^dimmer: allow: the active policy has no capability "fly"\n$/],
    [["tenant", "list", "--limit", "0"], 2, /^dimmer: --limit "0": must be a number from 1 on\n$/],
    [["change-set", "approve", "set_00000000-0000-0000-0000-000000000000"], 2, /^dimmer: there is no change set /],
    [["tenant", "list", "--authority", "ftp://x"], 2, /^dimmer: --authority "ftp:\/\/x": must be a URL such as /],
    [["tenant", "list", "--authority", "http://127.0.0.1:1"], 3, /^dimmer: authority http:\/\/127\.0\.0\.1:1: /],
  ])("refuse %j with exit code %i", async (args, status, message) => {
    const refused = await run(...args);
    expect(refused).toMatchObject({ status, stdout: "" });
    expect(refused.stderr).toMatch(message);
  });

  it("lock a tenant that is not there yet, and say so", async () => {
    const early = await run("tenant", "lock", "not-yet", "--case", "L9");
    expect(early).toMatchObject({ status: 0 });
    expect(early.stdout).toMatch(
      /^not-yet is locked \(security, L9\)\n {2}there is no tenant "not-yet" yet: the lock waits for it\n/,
    );
    await run("tenant", "unlock", "not-yet");
  });

  it("do what the key may do and no more, and need one", async () => {
    const dir = scratch();
    writeFileSync(join(dir, "cs.key"), `${await authority.keyWith("clerk", "cs")}\n`);
    const asClerk = (...args: string[]): Promise<Run> =>
      dimmer([...args, "--authority", authority.url, "--api-key-file", join(dir, "cs.key")], { cwd: dir });
    expect((await asClerk("tenant", "show", "acme")).status).toBe(0);
    const denied = await asClerk("tenant", "pay", "acme");
    expect(denied).toMatchObject({ status: 1, stdout: "" });
    expect(denied.stderr).toMatch(/takes a key with the role collections or legal; this one has cs\n$/);
    const bare = await dimmer(["tenant", "list", "--authority", authority.url], { cwd: dir });
    expect(bare).toMatchObject({ status: 2, stdout: "" });
    expect(bare.stderr).toMatch(/^dimmer: no API key for http:\S+: give --api-key-file FILE, or set DIMMER_API_KEY\n$/);
  });

  it("say that nobody reports where --wait has nobody to wait for", async () => {
    const waited = await run("tenant", "plan", "hinata-design", "pro", "--wait");
    expect(waited.status).toBe(3);
    expect(waited.stderr).toMatch(/^dimmer: published as version 1\.\d+; no replica reports to the authority\n$/);
    expect((await run("fleet")).stdout).toMatch(
      /^published is version 1\.\d+; no replica has reported within a minute\n$/,
    );
  });

  it("upload a policy, say what it changes and whom, and bring it into force", async () => {
    const document = JSON.parse((await run("policy", "show", "standard")).stdout) as Record<string, unknown>;
    writeFileSync(join(cwd, "p.json"), JSON.stringify({ ...document, version: "2" }));
    expect((await run("policy", "diff", "p.json")).stdout).toMatch(
      /^version: "1" → "2"\n1 difference from version 1\ndates move for 0 of \d+ open cases\n$/,
    );
    const up = await run("policy", "upload", "p.json");
    const id =
      /^(policy_\S+): version 2, a draft\n {2}takes something from 0 of \d+ tenants\n$/.exec(up.stdout)?.[1] ?? "";
    expect((await run("policy", "diff", id, "--json")).stdout).toContain('"preview":');
    expect((await run("policy", "activate", id, "--dry-run")).stdout).toContain("takes something from 0 of");
    expect((await run("policy", "list")).stdout).toMatch(/ {2}2 {8}draft /);
    expect((await run("policy", "activate", id)).stdout).toMatch(
      /is in force: it takes something from 0 .*\n {2}version 1\.\d+\n$/,
    );
    expect((await run("policy", "list")).stdout).toMatch(/ {2}2 {8}active /);
    const broken = { ...document, version: "3", modes: {} };
    writeFileSync(join(cwd, "broken.json"), JSON.stringify(broken));
    expect((await run("policy", "upload", "broken.json")).status).toBe(2);
    expect((await run("policy", "diff", "broken.json")).status).toBe(1);
  });

  it("make a fleet credential into a file of its own, which may read the feed", async () => {
    const made = await run("fleet", "credential", "tests", "--out", "fleet.key");
    expect(made.stdout).toMatch(/^fleet_\S+ in fleet\.key\n$/);
    const file = join(cwd, "fleet.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const authorization = `Bearer ${readFileSync(file, "utf8").trim()}`;
    expect((await fetch(`${authority.url}/v1/feed/head`, { headers: { authorization } })).status).toBe(200);
    expect(await run("fleet", "credential", "tests", "--out", "fleet.key")).toMatchObject({ status: 3 });
  });

  it("make an API key for some roles, which works until it is revoked", async () => {
    const made = jsonOf(await run("api-key", "create", "sato", "--role", "collections", "--out", "sato.key", "--json"));
    expect(statSync(join(cwd, "sato.key")).mode & 0o777).toBe(0o600);
    const asSato = (...args: string[]): Promise<Run> =>
      dimmer([...args, "--api-key-file", "sato.key"], { cwd, env: { DIMMER_AUTHORITY: authority.url } });
    expect((await asSato("tenant", "restrict", "sakura-soft", "limited")).status).toBe(0);
    expect((await asSato("tenant", "lock", "sakura-soft")).status).toBe(1);
    expect((await run("api-key", "list")).stdout).toMatch(/^key_\S+ {2}sato {7}dmk_\S+… {2}collections/m);
    expect((await run("api-key", "revoke", String(made["id"]))).status).toBe(0);
    expect((await asSato("tenant", "show", "sakura-soft")).status).toBe(2);
    const none = await run("api-key", "create", "sato", "--role", "king", "--out", "king.key");
    expect(none.status).toBe(2);
    expect(existsSync(join(cwd, "king.key"))).toBe(false);
  });

  it("examine it: what is wrong is said with what to do", async () => {
    const well = await run("doctor");
    // Of an authority elsewhere: nothing about the ports, keys and store of development on this machine.
    expect(well.stdout).not.toMatch(/^\S+ {2,}(?:ports|keys|store) /m);
    expect(well.stdout).toMatch(/^ok {2}feed {3}the authority \S+ signs$/m);
    expect(well.status).toBe(0);
    const env = { DIMMER_AUTHORITY: authority.url, DIMMER_API_KEY: "dmk_this-is-no-key-of-anybody" };
    const ill = await dimmer(["doctor", "--sidecar", "unix:/nowhere.sock"], { cwd, env });
    expect(ill.status).toBe(1);
    expect(ill.stdout).toMatch(/^!! {2}key {6}send an API key .*\n +→ give a key that the authority knows/m);
    expect(ill.stdout).toMatch(/^!! {2}sidecar {2}sidecar unix:\/nowhere\.sock: .*\n +→ start it/m);
    expect(ill.stdout).toMatch(/\n2 things are wrong\n$/);
  });
});
