import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIssuingKeys } from "@dimmer/feed/node";
import { inspectStatement } from "@dimmer/statement";
import { expect, it, onTestFinished, vi } from "vitest";
import { raiseStoreEpoch } from "../../src/backup/raise-store-epoch.ts";
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
