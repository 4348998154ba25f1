import { type KeysetChainOptions, sha256, signStatement, type TrustedKeys, verifyKeysetChain } from "@dimmer/statement";
import { generateSigner, type Signer, trustStringOf } from "@dimmer/statement/keys";
import { beforeAll, describe, expect, it } from "vitest";
import { AUD, forge, generateSigners, keysetOf, type Signers } from "./issuer.ts";

const TYP = "dimmer-keyset+jwt";
let signers: Signers;
let rootB: Signer;
let pinA: string;
let pinB: string;
/** Root A for 1 and 2; 3 introduces root B, signed by A; from 4 on root B signs. */
let chain: string[];

beforeAll(async () => {
  signers = await generateSigners();
  rootB = (await generateSigner()).signer;
  pinA = await trustStringOf(signers.root.publicKey);
  pinB = await trustStringOf(rootB.publicKey);
  const underB = { ...signers, root: rootB };
  chain = [
    await sign(keysetOf(signers, 1), signers.root),
    await sign(keysetOf(signers, 2), signers.root),
    await sign(keysetOf(underB, 3), signers.root),
    await sign(keysetOf(underB, 4), rootB),
    await sign(keysetOf(underB, 5), rootB),
  ];
});

async function sign(payload: ReturnType<typeof keysetOf>, signer: Signer): Promise<string> {
  return await signStatement(TYP, payload, signer);
}

async function verify(tokens: readonly string[], changes: Partial<KeysetChainOptions> = {}): Promise<TrustedKeys> {
  return await verifyKeysetChain(tokens, { trust: [pinA], audience: AUD, ...changes });
}

async function expectRefused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: "DimmerError", code, message: expect.stringMatching(message) });
}

describe("verifyKeysetChain", () => {
  it("walks up from the pinned root to the newest keyset", async () => {
    const keys = await verify(chain);
    expect(keys).toMatchObject({ iss: "https://dimmer.example", aud: AUD, version: 5, rootKid: rootB.kid });
    expect(keys.digest).toBe(await sha256(Buffer.from(chain[4] ?? "")));
    expect(keys.find(signers.feed.kid)).toMatchObject({ role: "feed", key: { type: "public" } });
    expect(keys.find(rootB.kid)).toMatchObject({ role: "root" });
    expect(keys.find(signers.root.kid)).toBeUndefined();
    for (const kid of ["", "__proto__", "constructor", "A".repeat(16)]) expect(keys.find(kid)).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 5])("ends at whichever keyset is the newest: %i", async (length) => {
    expect((await verify(chain.slice(0, length))).version).toBe(length);
  });

  it("starts at the keyset whose root is pinned and that this root signed", async () => {
    expect((await verify(chain, { trust: [pinB] })).version).toBe(5);
    expect((await verify(chain.slice(3), { trust: [pinB] })).version).toBe(5);
    expect((await verify(chain.slice(1), { trust: [pinA] })).version).toBe(5);
    expect((await verify(chain, { trust: [pinB, pinA] })).version).toBe(5);
  });

  it("F3 · does not start at a keyset that names the pinned root but was signed by another", async () => {
    await expectRefused(
      verify(chain.slice(0, 3), { trust: [pinB] }),
      "statement_untrusted",
      /names the pinned root key but is signed by/,
    );
    // What whoever holds the old root could write: the new root for show, and a feed key of their own.
    const thief = (await generateSigner()).signer;
    const forged = await sign(keysetOf({ ...signers, root: rootB, feed: thief }, 3), signers.root);
    await expectRefused(verify([forged], { trust: [pinB] }), "statement_untrusted", /names the pinned root key/);
  });

  it("F3 · refuses a chain without a pinned root", async () => {
    const other = await trustStringOf((await generateSigner()).signer.publicKey);
    await expectRefused(
      verify(chain, { trust: [other] }),
      "statement_untrusted",
      /^trust: no keyset has the pinned root key SHA256:/,
    );
    await expectRefused(
      verify(chain.slice(3), { trust: [pinA] }),
      "statement_untrusted",
      /no keyset has the pinned root/,
    );
  });

  it("F3 · refuses a keyset that the root before it did not sign", async () => {
    const byThief = await forge((await generateSigner()).signer, headerOf(signers.root.kid), {
      ...keysetOf(signers, 3),
    });
    await expectRefused(verify([...chain.slice(0, 2), byThief]), "statement_untrusted", /^signature: does not fit/);
    const byItself = await sign(keysetOf({ ...signers, root: rootB }, 3), rootB);
    await expectRefused(verify([...chain.slice(0, 2), byItself]), "statement_untrusted", /must be signed by the root/);
    const byOldRoot = await sign(keysetOf(signers, 4), signers.root);
    await expectRefused(verify([...chain.slice(0, 3), byOldRoot]), "statement_untrusted", /keyset 4 must be signed by/);
    const byFeed = await sign(keysetOf(signers, 3), signers.feed);
    await expectRefused(verify([...chain.slice(0, 2), byFeed]), "statement_untrusted", /must be signed by the root/);
  });

  it("F3 · refuses a start whose signature does not fit", async () => {
    const byThief = await forge((await generateSigner()).signer, headerOf(signers.root.kid), {
      ...keysetOf(signers, 1),
    });
    await expectRefused(verify([byThief]), "statement_untrusted", /^signature: does not fit/);
    await expectRefused(verify([byThief, ...chain.slice(1)]), "statement_untrusted", /^signature: does not fit/);
  });

  it("F3 · refuses a gap, a keyset twice, a fork and another order", async () => {
    const [one, two, three, four, five] = chain as [string, string, string, string, string];
    const fork = await sign(
      keysetOf(signers, 2, [{ kid: signers.feed.kid, lastGood: { epoch: 0, seq: 0 } }]),
      signers.root,
    );
    const refusals: [string[], RegExp][] = [
      [[one, three], /^keysets\[1\]\.version: must be 2, one above the one before, is 3/],
      [[one, two, four, five], /^keysets\[2\]\.version: must be 3/],
      [[one, one], /^keysets\[1\]\.version: must be 2, one above the one before, is 1/],
      [[one, two, two], /^keysets\[2\]\.version: must be 3/],
      [[one, two, fork], /^keysets\[2\]\.version: must be 3/],
      [[one, fork, two], /^keysets\[2\]\.version: must be 3/],
      [[two, one], /^keysets\[1\]\.version: must be 3/],
      [[...chain].reverse(), /^keysets\[1\]\.version: must be 6/],
    ];
    for (const [tokens, message] of refusals) await expectRefused(verify(tokens), "statement_malformed", message);
    await expectRefused(verify([three, two, four], { trust: [pinB] }), "statement_malformed", /version/);
  });

  it("F1 · refuses a chain that ends below the newest keyset ever seen", async () => {
    await expectRefused(
      verify(chain.slice(0, 4), { highestSeen: 5 }),
      "statement_outdated",
      /end at version 4, but version 5 was seen/,
    );
    expect((await verify(chain, { highestSeen: 5 })).version).toBe(5);
    expect((await verify(chain, { highestSeen: 2 })).version).toBe(5);
  });

  it("F1 · refuses a chain with another keyset in place of the one that was seen", async () => {
    const fork = await sign(
      keysetOf(signers, 2, [{ kid: signers.feed.kid, lastGood: { epoch: 9, seq: 9 } }]),
      signers.root,
    );
    const highestSeenDigest = await sha256(Buffer.from(chain[1] ?? ""));
    const seen = { highestSeen: 2, highestSeenDigest };
    await expectRefused(verify([chain[0] ?? "", fork], seen), "statement_untrusted", /have another keyset 2/);
    expect((await verify(chain.slice(0, 2), seen)).version).toBe(2);
    expect((await verify(chain, seen)).version).toBe(5);
    await expectRefused(verify(chain, { trust: [pinB], ...seen }), "statement_untrusted", /another keyset 2/);
  });

  it("F3 · refuses another audience, and one that changes", async () => {
    await expectRefused(
      verify(chain, { audience: "production" }),
      "statement_untrusted",
      /^aud: must be "production", is "development" in keyset 1/,
    );
    const moved = await sign({ ...keysetOf(signers, 2), aud: "production" }, signers.root);
    await expectRefused(verify([chain[0] ?? "", moved]), "statement_untrusted", /^aud: .* in keyset 2/);
  });

  it("F3 · refuses an issuer that changes", async () => {
    const moved = await sign({ ...keysetOf(signers, 2), iss: "https://evil.example" }, signers.root);
    await expectRefused(verify([chain[0] ?? "", moved]), "statement_untrusted", /^iss: .* in keyset 2/);
  });

  it("F3 · refuses a kid that is not the thumbprint of its key", async () => {
    const payload = keysetOf(signers, 1);
    const [root, policy, locks, feed] = payload.keys;
    const swapped = [root, { ...policy, kid: feed?.kid }, locks, { ...feed, kid: policy?.kid }];
    const token = await forge(signers.root, headerOf(signers.root.kid), { ...payload, keys: swapped });
    await expectRefused(
      verify([token]),
      "statement_malformed",
      /^keys\[1\]\.kid: must be \S+, the thumbprint of its key/,
    );
    const rootAs = await forge(signers.root, headerOf("A".repeat(16)), {
      ...payload,
      keys: [{ ...root, kid: "A".repeat(16) }],
    });
    await expectRefused(verify([rootAs]), "statement_malformed", /^keys\[0\]\.kid: must be/);
  });

  it("takes nothing from what stands before the start", async () => {
    const thief = await generateSigners();
    const before = await sign(keysetOf(thief, 1), thief.root);
    const keys = await verify([before, ...chain.slice(1)], { trust: [pinA] });
    expect(keys.version).toBe(5);
    expect(keys.find(thief.feed.kid)).toBeUndefined();
    await expectRefused(verify(["x.y.z", ...chain.slice(1)]), "statement_malformed", /./);
  });

  it("carries revocations of the newest keyset, and of no older one", async () => {
    const lastGood = { epoch: 3, seq: 1042 };
    const revoking = await sign(keysetOf(signers, 2, [{ kid: signers.feed.kid, lastGood }]), signers.root);
    expect((await verify([chain[0] ?? "", revoking])).find(signers.feed.kid)?.lastGood).toEqual(lastGood);
    const lifted = await sign(keysetOf(signers, 3), signers.root);
    expect((await verify([chain[0] ?? "", revoking, lifted])).find(signers.feed.kid)?.lastGood).toBeUndefined();
  });

  it("F3 · refuses tokens that are no keysets", async () => {
    const feedToken = await forge(
      signers.root,
      { ...headerOf(signers.root.kid), typ: "dimmer-head+jwt" },
      { ...keysetOf(signers) },
    );
    await expectRefused(verify([feedToken]), "statement_malformed", /^header\.typ/);
    await expectRefused(verify(["", ...chain]), "statement_malformed", /^token/);
    await expectRefused(verify([undefined as unknown as string]), "statement_malformed", /^token: must be a string/);
    await expectRefused(verify([]), "statement_malformed", /^keysets: there is none/);
    await expectRefused(verify(Array.from({ length: 1001 }, () => "")), "statement_malformed", /at most 1000/);
    await expectRefused(verify([`${"A".repeat(70_000)}`]), "statement_malformed", /^token: has 70000 bytes/);
  });

  it.each<[Partial<KeysetChainOptions>, RegExp]>([
    [{ trust: [] }, /^trust: must name at least one root key/],
    [{ trust: ["SHA256:short"] }, /^trust: "SHA256:short" must be SHA256: and 43 characters/],
    [{ trust: [`sha256:${"A".repeat(43)}`] }, /^trust: /],
    [{ trust: [`SHA256:${"A".repeat(42)}B`] }, /^trust: /],
    [{ audience: "" }, /^audience: "" must be/],
    [{ highestSeen: 1.5 }, /^highestSeen: 1.5 must be/],
    [{ highestSeenDigest: "x" }, /^highestSeenDigest: "x" must be/],
  ])("is told %o apart from data faults by a TypeError", async (changes, message) => {
    await expect(verify(chain, changes)).rejects.toThrow(TypeError);
    await expect(verify(chain, changes)).rejects.toThrow(message);
  });
});

function headerOf(kid: string): Record<string, string> {
  return { alg: "Ed25519", kid, typ: TYP };
}
