import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dimmer, EXAMPLES, jsonOf, type Run, scratch } from "../run-dimmer.ts";

const NOW = "2026-12-09T09:00:00+09:00";

function build(cwd: string, out: string, ...more: string[]): Promise<Run> {
  return dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", out, "--now", NOW, ...more], { cwd });
}

/** Every file of a directory with its bytes. */
function filesOf(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(dir, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(dir, name), "base64")]));
}

describe("feed build", () => {
  it("makes keys, writes a feed, and prints the trust string alone on stdout", async () => {
    const cwd = scratch();
    const run = await build(cwd, "feed");
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/^SHA256:[A-Za-z0-9_-]{43}\n$/);
    expect(run.stderr).toContain("made keys in .dimmer/keys");
    expect(run.stderr).toContain("feed: version 1.1, 15 tenants, 9 restricted, 1 locked, audience development");
    expect(readdirSync(join(cwd, "feed")).sort()).toEqual([
      "chunks",
      "head.jws",
      "index",
      "keysets",
      "locks",
      "policy",
    ]);
    for (const role of ["root", "policy", "locks", "feed"]) {
      expect(statSync(join(cwd, ".dimmer/keys", `${role}.jwk`)).mode & 0o777).toBe(0o600);
    }
  });

  it("is byte for byte the same for the same input, keys and --now", async () => {
    const cwd = scratch();
    const first = await build(cwd, "a");
    await build(cwd, "b");
    expect(filesOf(join(cwd, "b"))).toEqual(filesOf(join(cwd, "a")));
    const again = await build(cwd, "a");
    expect(filesOf(join(cwd, "a"))).toEqual(filesOf(join(cwd, "b")));
    expect(again.stdout).toBe(first.stdout);
    expect(again.stderr).toContain("version 1.1 as before, signed anew");
  });

  it("takes seconds, ISO 8601 and relative instants alike for --now, and refuses one without a zone", async () => {
    const cwd = scratch();
    await build(cwd, "a");
    const seconds = String(Date.parse(NOW) / 1_000);
    await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "b", "--now", seconds], { cwd });
    expect(filesOf(join(cwd, "b"))).toEqual(filesOf(join(cwd, "a")));
    const refused = await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "c", "--now", "2026-12-09T09:00"], {
      cwd,
    });
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/^dimmer: --now "2026-12-09T09:00" has no zone.*\n$/);
  });

  it("follows the feed that is there: the version rises by one with a change", async () => {
    const cwd = scratch();
    await build(cwd, "feed");
    writeFileSync(join(cwd, "t.yaml"), "- { tenant: a, plan: pro }\n");
    const run = await dimmer(["feed", "build", "--tenants", "t.yaml", "--out", "feed", "--json"], { cwd });
    expect(jsonOf(run)).toMatchObject({
      version: "1.2",
      isChanged: true,
      tenants: 1,
      gone: 15,
      audience: "development",
    });
  });

  it("takes keys under a passphrase, from a file or the environment, and never without it", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "pass"), "correct horse\n");
    const made = await dimmer(["keys", "init", "keys", "--passphrase-file", "pass", "--json"], { cwd });
    expect(jsonOf(made)).toMatchObject({ isEncrypted: true });
    const args = ["feed", "build", "--tenants", EXAMPLES, "--out", "feed", "--keys", "keys"];
    const [without, wrong, right] = [
      await dimmer(args, { cwd }),
      await dimmer(args, { cwd, env: { DIMMER_PASSPHRASE: "wrong horse" } }),
      await dimmer(args, { cwd, env: { DIMMER_PASSPHRASE: "correct horse" } }),
    ];
    expect(without).toMatchObject({ status: 3, stdout: "" });
    expect(without.stderr).toMatch(/^dimmer: keys\/\w+\.jwk: it is encrypted; give the passphrase\n$/);
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toMatch(/^dimmer: keys\/\w+\.jwk: .*passphrase is wrong.*\n$/);
    expect(right).toMatchObject({ status: 0, stdout: `${String(jsonOf(made)["trust"])}\n` });
  });
});

describe("keys init", () => {
  it("never overwrites keys", async () => {
    const cwd = scratch();
    const first = await dimmer(["keys", "init"], { cwd });
    expect(first.stdout).toMatch(/^SHA256:.{43}\nkeys in \.dimmer\/keys\nNot encrypted/);
    const files = filesOf(join(cwd, ".dimmer/keys"));
    const second = await dimmer(["keys", "init"], { cwd });
    expect(second.status).toBe(3);
    expect(second.stderr).toMatch(/^dimmer: .* holds keys already, and keys are never overwritten;.*\n$/);
    expect(filesOf(join(cwd, ".dimmer/keys"))).toEqual(files);
  });
});

describe("feed verify", () => {
  it("finds a whole feed valid, and names every file that is damaged", async () => {
    const cwd = scratch();
    const trust = (await build(cwd, "feed", "--fresh-for", "3650d")).stdout.trim();
    const good = await dimmer(["feed", "verify", "feed", "--trust", trust, "--json"], { cwd });
    expect(good.status).toBe(0);
    expect(jsonOf(good)).toMatchObject({
      isValid: true,
      version: "1.1",
      tenants: 15,
      restricted: 9,
      locked: 1,
      faults: [],
    });

    cpSync(join(cwd, "feed"), join(cwd, "torn"), { recursive: true });
    const chunk = readdirSync(join(cwd, "torn/chunks")).find(
      (name) => statSync(join(cwd, "torn/chunks", name)).size > 0,
    );
    writeFileSync(join(cwd, "torn/chunks", chunk as string), "half");
    const torn = await dimmer(["feed", "verify", "torn", "--trust", trust], { cwd });
    expect(torn.status).toBe(1);
    expect(torn.stdout).toContain(`error chunks/${chunk}`);
    expect(torn.stdout).toContain("torn: not valid");
  });

  it("says no to a feed of another root or another audience", async () => {
    const cwd = scratch();
    const trust = (await build(cwd, "feed")).stdout.trim();
    const root = `SHA256:${"A".repeat(43)}`;
    const other = await dimmer(["feed", "verify", "feed", "--trust", root], { cwd });
    expect(other).toMatchObject({ status: 1, stderr: "" });
    const why = `trust: no keyset has the pinned root key ${root}; is it the right feed, and is --trust what`;
    expect(other.stdout).toContain(`error keysets/: ${why} "dimmer feed build" printed for it?\n`);
    const check = await dimmer(["check", "acme", "view", "--feed", "feed", "--trust", root], { cwd });
    expect(check).toMatchObject({ status: 1, stdout: "" });
    expect(check.stderr).toContain(why);
    const audience = await dimmer(["feed", "verify", "feed", "--trust", trust, "--audience", "production"], { cwd });
    expect(audience).toMatchObject({ status: 1, stderr: "" });
  });

  it("refuses a trust string that is none, and a directory that is not there", async () => {
    const cwd = scratch();
    mkdirSync(join(cwd, "feed"));
    const none = await dimmer(["feed", "verify", "feed", "--trust", "SHA256:abc"], { cwd });
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(/^dimmer: --trust "SHA256:abc": must be SHA256: and 43 characters.*\n$/);
    const gone = await dimmer(["feed", "verify", "gone", "--trust", `SHA256:${"A".repeat(43)}`], { cwd });
    expect(gone.status).toBe(3);
    expect(gone.stderr).toMatch(/^dimmer: feed gone: no such directory.*\n$/);
  });
});
