import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { dimmer, jsonOf, scratch } from "../run-dimmer.ts";

it("keys passphrase copies the same keys under another passphrase, whole or not at all", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("old.txt"), "correct horse\n");
  writeFileSync(at("new.txt"), "battery staple\n");
  writeFileSync(at("t.yaml"), "- tenant: acme\n  plan: pro\n");
  const old = ["--passphrase-file", at("old.txt")];
  const next = ["--new-passphrase-file", at("new.txt")];
  const made = await dimmer(["keys", "init", at("keys"), ...old, "--json"]);
  const change = (dir: string, by: readonly string[]) =>
    dimmer(["keys", "passphrase", at("keys"), at(dir), ...by, ...next]);
  const wrong = await change("new", ["--passphrase-file", at("new.txt")]);
  expect([wrong.status, existsSync(at("new"))]).toEqual([3, false]);
  const copied = await change("new", old);
  expect(copied.status, copied.stderr).toBe(0);
  expect(readdirSync(at("new")).sort()).toEqual(["feed.jwk", "locks.jwk", "policy.jwk", "root.jwk"]);
  expect(statSync(at("new/feed.jwk")).mode & 0o777).toBe(0o600);
  expect(readFileSync(at("new/feed.jwk"), "utf8")).not.toBe(readFileSync(at("keys/feed.jwk"), "utf8"));
  expect((await change("new", old)).status).toBe(3);
  const by = (passphrase: string): string[] => ["--keys", at("new"), "--passphrase-file", at(passphrase)];
  const build = (passphrase: string) =>
    dimmer(["feed", "build", "--tenants", at("t.yaml"), "--out", at("feed"), ...by(passphrase), "--json"]);
  expect((await build("old.txt")).status).toBe(3);
  const built = await build("new.txt");
  expect(built.status, built.stderr).toBe(0);
  expect(jsonOf(built)["trust"]).toBe(jsonOf(made)["trust"]);
});
