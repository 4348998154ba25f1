import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIssuingKeys } from "@dimmer/feed/node";
import { inspectStatement } from "@dimmer/statement";
import { expect, it, onTestFinished, vi } from "vitest";
import { backupFromAuthority } from "../../src/backup/backup-store.ts";
import { raiseStoreEpoch } from "../../src/backup/raise-store-epoch.ts";
import { restoreStore } from "../../src/backup/restore-store.ts";
import { storeSource } from "../../src/feed/store-source.ts";
import { signingKid } from "../../src/keys/follow-keyset.ts";
import { readKeys } from "../../src/keys/key-states.ts";
import { SigningRing } from "../../src/keys/signing-ring.ts";
import { openStore } from "../../src/store/open-store.ts";
import { runAuthority } from "../support/running-authority.ts";
import { Ceremony } from "./ceremony.ts";

it("signs a new epoch with the key that the store names, not with the one that the first file of its role holds", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-authority-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const authority = await runAuthority({ folder, config: { keyOverlapMs: 0 } });
  const ceremony = await Ceremony.of(authority);
  const { kid } = await ceremony.announce("feed");
  await vi.waitUntil(async () => (await ceremony.kidOf("feed", "signing")) === kid, { timeout: 10_000 });
  await authority.stop();

  const url = `sqlite:${join(folder, "authority.db")}`;
  const directory = join(folder, "keys");
  const opened = await openIssuingKeys(directory);
  expect(opened.signers.feed.kid).not.toBe(kid);
  const signers = new SigningRing(opened, directory, {});
  const { to } = await raiseStoreEpoch({ store: url, signers, locksFrom: [], nowMs: Date.now() });

  const store = await openStore(url);
  onTestFinished(() => store.close());
  const { head } = await store.db.selectFrom("feed_state").select("head").executeTakeFirstOrThrow();
  const { kid: headKid, payload } = inspectStatement(head);
  expect([headKid, payload]).toEqual([kid, expect.objectContaining({ ...to })]);
});

it("restores a backup whose key was revoked since: the key signs that the published keysets put in its place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-authority-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const url = `sqlite:${join(folder, "authority.db")}`;
  const backup = join(folder, "before.backup");
  const authority = await runAuthority({ folder });
  await backupFromAuthority({ url: authority.url, key: authority.admin, reason: "nightly" }, { out: backup });
  const ceremony = await Ceremony.of(authority);
  const stolen = (await ceremony.kidOf("feed", "signing")) as string;
  await ceremony.revoke(stolen, { epoch: 1, seq: 1 }, "feed");
  const kid = (await ceremony.kidOf("feed", "signing")) as string;
  await authority.stop();

  const directory = join(folder, "keys");
  const published = await openStore(url);
  onTestFinished(() => published.close());
  const { to } = await restoreStore({
    store: `sqlite:${join(folder, "restored.db")}`,
    backup,
    signers: new SigningRing(await openIssuingKeys(directory), directory, {}),
    locksFrom: [storeSource(published)],
    nowMs: Date.now(),
  });

  const restored = await openStore(`sqlite:${join(folder, "restored.db")}`);
  const { head } = await restored.db.selectFrom("feed_state").select("head").executeTakeFirstOrThrow();
  await restored.close();
  const { kid: headKid, payload } = inspectStatement(head);
  expect([headKid, payload]).toEqual([kid, expect.objectContaining({ ...to })]);
  const again = await runAuthority({ folder, store: `sqlite:${join(folder, "restored.db")}` });
  await vi.waitUntil(async () => (await fetch(`${again.url}/readyz`)).ok, { timeout: 10_000 });
  await vi.waitUntil(async () => signingKid(await readKeys(again.store.db), "feed") === kid, { timeout: 10_000 });
  await again.stop();
});
