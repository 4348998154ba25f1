import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory, hasKeys, openKeyDirectory } from "@dimmer/feed/node";
import { kidOf } from "@dimmer/statement/keys";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

// Bounds and no expectations: disks, processes and megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ROLES = ["root", "policy", "locks", "feed"] as const;
const PASSPHRASE = "correct horse battery";
let folder: string;
let keys: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dimmer-keys-"));
  keys = join(folder, "keys");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function expectUnreadable(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await expect(promise).rejects.toMatchObject({ code: "keys_unreadable", message: expect.stringMatching(message) });
}

describe("createKeyDirectory", () => {
  it("makes four different keys under mode 0600 in a directory under mode 0700, and nothing else", async () => {
    const { signers, trust } = await createKeyDirectory(keys);
    expect((await readdir(keys)).sort()).toEqual(ROLES.map((role) => `${role}.jwk`).sort());
    expect((await stat(keys)).mode & 0o777).toBe(0o700);
    for (const role of ROLES) {
      const file = join(keys, `${role}.jwk`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const { kty, crv, x, d } = JSON.parse(await readFile(file, "utf8")) as Record<string, string>;
      expect([kty, crv, d?.length]).toEqual(["OKP", "Ed25519", 43]);
      expect(await kidOf({ kty: "OKP", crv: "Ed25519", x: x as string })).toBe(signers[role].kid);
    }
    expect(new Set(ROLES.map((role) => signers[role].kid)).size).toBe(4);
    expect(trust).toMatch(/^SHA256:[\w-]{43}$/);
    expect(trust.slice(7, 23)).toBe(signers.root.kid);
    expect(await readdir(folder)).toEqual(["keys"]);
  });

  it("creates the folders above, and takes an empty directory", async () => {
    await createKeyDirectory(join(folder, "a", "b"));
    await mkdir(keys);
    await createKeyDirectory(keys);
    expect(await hasKeys(keys)).toBe(true);
  });

  it("never overwrites: neither keys nor anything else", async () => {
    await createKeyDirectory(keys);
    const before = await readFile(join(keys, "root.jwk"), "utf8");
    await expectUnreadable(
      createKeyDirectory(keys),
      /holds keys already, and keys are never overwritten; name an empty/,
    );
    expect(await readFile(join(keys, "root.jwk"), "utf8")).toBe(before);
    await mkdir(join(folder, "other"));
    await writeFile(join(folder, "other", "notes.txt"), "");
    await expectUnreadable(createKeyDirectory(join(folder, "other")), /holds notes\.txt; name an empty/);
    expect(await readdir(join(folder, "other"))).toEqual(["notes.txt"]);
  });

  it("gives the keys to one of several that create at once, and the others are told", async () => {
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => createKeyDirectory(keys)));
    const made = results.filter((result) => result.status === "fulfilled");
    expect(made).toHaveLength(1);
    expect((await openKeyDirectory(keys)).trust).toBe(made[0]?.value.trust);
    expect(await readdir(folder)).toEqual(["keys"]);
  });

  it("encrypts every file where a passphrase is given", async () => {
    const { trust } = await createKeyDirectory(keys, { passphrase: PASSPHRASE });
    for (const role of ROLES) {
      const text = await readFile(join(keys, `${role}.jwk`), "utf8");
      expect(text.trim().split(".")).toHaveLength(5);
      expect(text).not.toContain('"d"');
    }
    expect((await openKeyDirectory(keys, { passphrase: PASSPHRASE })).trust).toBe(trust);
  });

  it("refuses a passphrase that is too short and leaves nothing behind", async () => {
    await expect(createKeyDirectory(keys, { passphrase: "short" })).rejects.toThrow(TypeError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("openKeyDirectory", () => {
  it("gives the signers and the trust string that were created", async () => {
    const created = await createKeyDirectory(keys);
    const opened = await openKeyDirectory(keys);
    expect(opened).toMatchObject({ trust: created.trust, warnings: [] });
    for (const role of ROLES) expect(opened.signers[role].kid).toBe(created.signers[role].kid);
  });

  it("says which file is missing", async () => {
    await expectUnreadable(openKeyDirectory(keys), /\.jwk is missing; create keys with `dimmer keys init`/);
    await createKeyDirectory(keys);
    await rm(join(keys, "locks.jwk"));
    await expectUnreadable(openKeyDirectory(keys), /locks\.jwk is missing/);
    expect(await hasKeys(keys)).toBe(true);
    expect(await hasKeys(folder)).toBe(false);
  });

  it("says that a passphrase is missing, wrong or not needed", async () => {
    await createKeyDirectory(keys, { passphrase: PASSPHRASE });
    await expectUnreadable(openKeyDirectory(keys), /\.jwk: it is encrypted; give the passphrase/);
    await expectUnreadable(
      openKeyDirectory(keys, { passphrase: "wrong horse battery" }),
      /\.jwk: .*the passphrase is wrong/,
    );
    const plain = join(folder, "plain");
    await createKeyDirectory(plain);
    const { warnings } = await openKeyDirectory(plain, { passphrase: PASSPHRASE });
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toMatch(/\.jwk is not encrypted: the passphrase was not needed/);
  });

  it.runIf(process.platform !== "win32")(
    "refuses keys that others may read or replace, and warns where the group may read",
    async () => {
      await createKeyDirectory(keys);
      for (const mode of [0o644, 0o604, 0o620, 0o602, 0o666]) {
        await chmod(join(keys, "feed.jwk"), mode);
        await expectUnreadable(openKeyDirectory(keys), /feed\.jwk is open to others \(mode 06\d\d\); run: chmod 600 /);
      }
      await chmod(join(keys, "feed.jwk"), 0o640);
      expect((await openKeyDirectory(keys)).warnings).toEqual([
        expect.stringMatching(/feed\.jwk can be read by its group/),
      ]);
      await chmod(join(keys, "feed.jwk"), 0o400);
      expect((await openKeyDirectory(keys)).warnings).toEqual([]);
    },
  );

  it("follows links, as secrets are mounted, and looks at the mode of what they name", async () => {
    await createKeyDirectory(keys);
    const mounted = join(folder, "mounted");
    await mkdir(mounted);
    for (const role of ROLES) await symlink(join(keys, `${role}.jwk`), join(mounted, `${role}.jwk`));
    expect((await openKeyDirectory(mounted)).warnings).toEqual([]);
  });

  it.each([
    ["text", "hello", /feed\.jwk: it is neither a JWK nor an encrypted one/],
    [
      "a public key",
      '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
      /feed\.jwk: private key: must be a JWK/,
    ],
    ["a torn encrypted key", "a.b.c.d.e", /feed\.jwk: it is encrypted/],
    ["nothing", "", /feed\.jwk: it is neither/],
  ])("says which file is damaged: %s", async (_, text, message) => {
    await createKeyDirectory(keys);
    await writeFile(join(keys, "feed.jwk"), text);
    await expectUnreadable(openKeyDirectory(keys), message);
  });

  it("refuses a key whose halves do not belong together", async () => {
    await createKeyDirectory(keys);
    const parse = async (role: string): Promise<object> =>
      JSON.parse(await readFile(join(keys, `${role}.jwk`), "utf8")) as object;
    const { d } = (await parse("root")) as { d: string };
    await writeFile(join(keys, "feed.jwk"), JSON.stringify({ ...(await parse("feed")), d }));
    await expectUnreadable(openKeyDirectory(keys), /feed\.jwk: private key: x and d do not belong together/);
  });

  it("refuses one key in two roles", async () => {
    await createKeyDirectory(keys);
    await copyFile(join(keys, "policy.jwk"), join(keys, "locks.jwk"));
    await expectUnreadable(
      openKeyDirectory(keys),
      /policy\.jwk and locks\.jwk hold the same key; give each role its own/,
    );
  });
});
