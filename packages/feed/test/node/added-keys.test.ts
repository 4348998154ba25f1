import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keysetKeyOf, signNextKeyset, signRootChange } from "@dimmer/feed/build";
import {
  addKey,
  appendKeysets,
  createKeyDirectory,
  directorySource,
  openIssuingKeys,
  openKeyDirectory,
  openRootKey,
  publishFeed,
  useKey,
} from "@dimmer/feed/node";
import { inspectStatement, type KeysetPayload, verifyKeysetChain } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NOW_MS, tenants } from "../build/fixture.ts";

let folder: string;
let keysDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-added-keys-"));
  keysDir = join(folder, "keys");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const passphrase = "correct horse";

describe("a key directory without its root", () => {
  it("holds the first keyset instead, and the root lies elsewhere under a passphrase of its own", async () => {
    const rootFile = join(folder, "offline.jwk");
    const offline = { rootFile, rootPassphrase: "another passphrase", iss: "dimmer", aud: "production" };
    const { trust } = await createKeyDirectory(keysDir, { passphrase, offline });
    expect(readdirSync(keysDir).sort()).toEqual(["feed.jwk", "keysets", "locks.jwk", "policy.jwk"]);
    expect(statSync(rootFile).mode & 0o777).toBe(0o600);
    const { root, signers, keysets } = await openIssuingKeys(keysDir, { passphrase });
    expect(root).toBeUndefined();
    const keys = await verifyKeysetChain(keysets, { trust: [trust], audience: "production" });
    expect([keys.version, keys.find(signers.feed.kid)?.role]).toEqual([1, "feed"]);
    await expect(openRootKey(rootFile, { passphrase })).rejects.toMatchObject({ code: "keys_unreadable" });
    const opened = await openRootKey(rootFile, { passphrase: "another passphrase" });
    expect(await trustStringOf(opened.root.publicKey)).toBe(trust);
    // A root key is never overwritten, and nothing is left of the attempt.
    await expect(createKeyDirectory(join(folder, "more"), { passphrase, offline })).rejects.toMatchObject({
      code: "keys_unreadable",
    });
    expect(readdirSync(folder).sort()).toEqual(["keys", "offline.jwk"]);
  });
});

describe("a key beside that of its role", () => {
  it("is found under its kid, encrypted like the others, and takes the place when it is to sign", async () => {
    const { signers } = await createKeyDirectory(keysDir, { passphrase });
    const { signer, file } = await addKey(keysDir, "feed", { passphrase });
    expect(readFileSync(file, "utf8")).not.toContain(signer.publicKey.x);
    const { added } = await openIssuingKeys(keysDir, { passphrase });
    expect(added.map((key) => [key.role, key.signer.kid])).toEqual([["feed", signer.kid]]);
    await useKey(keysDir, signer.kid, { passphrase });
    expect((await openKeyDirectory(keysDir, { passphrase })).signers.feed.kid).toBe(signer.kid);
    const after = await openIssuingKeys(keysDir, { passphrase });
    expect(after.added.map((key) => key.signer.kid)).toEqual([signers.feed.kid]);
  });

  it("is refused where the file holds another key than its name says, and where there is none of that kid", async () => {
    await createKeyDirectory(keysDir);
    const [one, two] = [await addKey(keysDir, "feed"), await addKey(keysDir, "feed")];
    rmSync(one.file);
    renameSync(two.file, one.file);
    await expect(openIssuingKeys(keysDir)).rejects.toMatchObject({
      code: "keys_unreadable",
      message: expect.stringContaining(two.signer.kid),
    });
    await expect(useKey(keysDir, two.signer.kid)).rejects.toMatchObject({ code: "keys_unreadable" });
  });
});

describe("keysets beside a feed directory", () => {
  const outDir = (): string => join(folder, "feed");
  const publish = async (count: number): Promise<void> => {
    const keys = await openKeyDirectory(keysDir);
    await publishFeed({
      outDir: outDir(),
      audience: "development",
      keys,
      nowMs: NOW_MS,
      entitlements: tenants(count),
      locks: [],
    });
  };
  const newest = async (): Promise<KeysetPayload> =>
    inspectStatement((await directorySource(outDir()).keysets()).at(-1) as string).payload as KeysetPayload;

  it("announce a key, which signs later, and retire the old one once all is signed anew", async () => {
    const { signers, trust } = await createKeyDirectory(keysDir);
    const options = { trust: [trust], audience: "development", nowMs: NOW_MS };
    await publish(3);
    const { signer } = await addKey(keysDir, "feed");
    const announced = await signNextKeyset(await newest(), { add: [keysetKeyOf("feed", signer)] }, signers.root);
    await appendKeysets(outDir(), [announced], options);
    const retired = await signNextKeyset(
      await newest(),
      { revocations: [{ kid: signers.feed.kid, lastGood: { epoch: 1, seq: 0 } }] },
      signers.root,
    );
    // What is in force was signed by it: every replica would refuse the feed.
    await expect(appendKeysets(outDir(), [retired], options)).rejects.toMatchObject({ code: "feed_refused" });
    expect(await directorySource(outDir()).keysets()).toHaveLength(2);
    await useKey(keysDir, signer.kid);
    await publish(4);
    await appendKeysets(outDir(), [retired], options);
    expect((await newest()).revocations).toHaveLength(1);
    await publish(5);
    expect(await directorySource(outDir()).keysets()).toHaveLength(3);
  });

  it("change the root: builds go on under the new one, for those who pin either", async () => {
    const { signers, trust } = await createKeyDirectory(keysDir);
    await publish(3);
    const { signer } = await addKey(keysDir, "root");
    const change = await signRootChange(await newest(), { root: signers.root, newRoot: signer });
    const newTrust = await trustStringOf(signer.publicKey);
    await appendKeysets(outDir(), change, { trust: [trust], audience: "development", nowMs: NOW_MS });
    await useKey(keysDir, signer.kid);
    await publish(4);
    for (const pin of [trust, newTrust]) {
      const keysets = await directorySource(outDir()).keysets();
      const keys = await verifyKeysetChain(keysets, { trust: [pin], audience: "development" });
      expect([keys.version, keys.rootKid]).toEqual([3, signer.kid]);
    }
  });
});
