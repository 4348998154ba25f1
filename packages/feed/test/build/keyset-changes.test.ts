import { keysetKeyOf, signNextKeyset, signRootChange } from "@dimmer/feed/build";
import { inspectStatement, type KeysetPayload, type Revocation, verifyKeysetChain } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";
import { describe, expect, it } from "vitest";
import { followingKeyset } from "../../src/build/keyset-changes.ts";
import { AUD, build, generateSigners } from "./fixture.ts";

const signers = await generateSigners();
const { signer: next } = await generateSigner();
const [first = ""] = (await build(signers)).keysets;
const keyset = payloadOf(first);
const trust = await trustStringOf(signers.root.publicKey);

describe("the next keyset", () => {
  it("names the new key beside the old one, in the same role, and both verify", async () => {
    const token = await signNextKeyset(keyset, { add: [keysetKeyOf("feed", next)] }, signers.root);
    const keys = await verifyKeysetChain([first, token], { trust: [trust], audience: AUD });
    expect(keys.version).toBe(2);
    expect([keys.find(signers.feed.kid)?.role, keys.find(next.kid)?.role]).toEqual(["feed", "feed"]);
  });

  it("keeps a revoked key listed, and a revocation only gets stricter", () => {
    const revoked = (seq: number): Revocation => ({ kid: signers.feed.kid, lastGood: { epoch: 1, seq } });
    const second = followingKeyset(keyset, { revocations: [revoked(9)] });
    expect(second.keys).toEqual(keyset.keys);
    expect(followingKeyset(second, { revocations: [revoked(12)] }).revocations).toEqual([revoked(9)]);
    expect(followingKeyset(second, { revocations: [revoked(4)] }).revocations).toEqual([revoked(4)]);
  });

  it("leaves the keys out that were revoked first once there are more than 48, and keeps the newest", async () => {
    let grown = keyset;
    const made: string[] = [];
    for (let i = 0; i < 60; i++) {
      const { signer } = await generateSigner();
      made.push(signer.kid);
      const [before] = made.slice(-2);
      const revocations = i === 0 ? [] : [{ kid: before as string, lastGood: { epoch: 1, seq: i } }];
      grown = followingKeyset(grown, { add: [keysetKeyOf("feed", signer)], revocations });
    }
    expect(grown.keys.length).toBeLessThanOrEqual(48);
    const listed = grown.keys.map(({ kid }) => kid);
    expect(listed).toContain(made.at(-1));
    expect(listed).toContain(made.at(-2));
    expect(listed).not.toContain(made[0]);
    for (const role of ["root", "policy", "locks", "feed"] as const) expect(listed).toContain(signers[role].kid);
    expect(grown.revocations.every(({ kid }) => listed.includes(kid))).toBe(true);
  });

  it("is signed by the root of the one before and revokes only what it lists, never the root", async () => {
    await expect(signNextKeyset(keyset, {}, next)).rejects.toMatchObject({ code: "keys_unreadable" });
    const lastGood = { epoch: 1, seq: 1 };
    for (const kid of [next.kid, signers.root.kid]) {
      const change = { revocations: [{ kid, lastGood }] };
      await expect(signNextKeyset(keyset, change, signers.root)).rejects.toMatchObject({ code: "input_invalid" });
    }
  });
});

describe("a change of the root", () => {
  it("takes along who pins the old root, and who pins the new one begins after it", async () => {
    const tokens = [first, ...(await signRootChange(keyset, { root: signers.root, newRoot: next }))];
    for (const pin of [trust, await trustStringOf(next.publicKey)]) {
      const keys = await verifyKeysetChain(tokens, { trust: [pin], audience: AUD });
      expect([keys.version, keys.rootKid, keys.find(signers.feed.kid)?.role]).toEqual([3, next.kid, "feed"]);
    }
  });

  it("is signed by nobody but the old root", async () => {
    const { signer: other } = await generateSigner();
    await expect(signRootChange(keyset, { root: other, newRoot: next })).rejects.toMatchObject({
      code: "keys_unreadable",
    });
  });
});

function payloadOf(token: string): KeysetPayload {
  return inspectStatement(token).payload as KeysetPayload;
}
