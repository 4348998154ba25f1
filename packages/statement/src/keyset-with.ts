import { DimmerError } from "@dimmer/core";
import { decodeBase64url } from "./base64url.ts";
import { digestOf } from "./digest.ts";
import { LIMITS, MAX_TOKEN_BYTES } from "./limits.ts";
import { importPublicKey, kidOf, trustStringOf } from "./public-key.ts";
import { splitToken } from "./token.ts";
import { type PayloadReader, type TrustedKey, type TrustedKeys, verifySignature } from "./verify-with.ts";
import type { KeysetKey, KeysetPayload } from "./wire.ts";
import { isAudience, isDigest, show } from "./wire-values.ts";

/** What a chain of keysets is held against. */
export interface KeysetChainOptions {
  /** Pinned roots, `SHA256:` and a thumbprint; at least one. */
  readonly trust: readonly string[];
  /** The audience that every keyset must name. */
  readonly audience: string;
  /** Version of the newest keyset ever seen: a chain that ends below it is refused. */
  readonly highestSeen?: number;
  /** Digest of that keyset: a chain that has another one in its place is refused as a fork. */
  readonly highestSeenDigest?: string;
}

/** A keyset of which only the form is known to be good. */
interface Draft {
  readonly token: string;
  readonly kid: string;
  readonly payload: KeysetPayload;
  readonly root: KeysetKey;
}

const TYP = "dimmer-keyset+jwt";
const TRUST = /^SHA256:([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

/** `verifyKeysetChain` with the payload read by `read`: one that reads few kinds takes little room in a bundle. */
export async function verifyKeysetChainWith(
  read: PayloadReader<typeof TYP>,
  tokens: readonly string[],
  options: KeysetChainOptions,
): Promise<TrustedKeys> {
  checkOptions(options);
  if (tokens.length === 0) throw malformed("keysets: there is none");
  if (tokens.length > LIMITS.keysets) throw malformed(`keysets: there are ${tokens.length}, at most ${LIMITS.keysets}`);
  const drafts = tokens.map((token) => readDraft(read, token));
  checkOrder(drafts);
  const start = await findStart(drafts, options.trust);
  let signer = (drafts[start] as Draft).root;
  for (const draft of drafts.slice(start)) {
    await verifyLink(draft, signer);
    checkIssued(draft, drafts[start] as Draft, options.audience);
    signer = draft.root;
  }
  const newest = drafts.at(-1) as Draft;
  await checkSeen(drafts.slice(start), newest, options);
  return await trustedKeysOf(newest);
}

function checkOptions({ trust, audience, highestSeen, highestSeenDigest }: KeysetChainOptions): void {
  if (trust.length === 0) throw new TypeError("trust: must name at least one root key, such as SHA256:…");
  for (const pin of trust) {
    if (!TRUST.test(pin)) throw new TypeError(`trust: ${show(pin)} must be SHA256: and 43 characters of base64url`);
  }
  if (!isAudience(audience)) {
    throw new TypeError(`audience: ${show(audience)} must be letters, digits and . _ : / -, at most 128`);
  }
  if (highestSeen !== undefined && !(Number.isSafeInteger(highestSeen) && highestSeen >= 0)) {
    throw new TypeError(`highestSeen: ${show(highestSeen)} must be the version of a keyset`);
  }
  if (highestSeenDigest !== undefined && !isDigest(highestSeenDigest)) {
    throw new TypeError(`highestSeenDigest: ${show(highestSeenDigest)} must be a SHA-256 as base64url`);
  }
}

/** The one place that reads a payload before its signature is checked: to find out which key to check it with. */
function readDraft(read: PayloadReader<typeof TYP>, token: string): Draft {
  const parts = splitToken(token, MAX_TOKEN_BYTES[TYP]);
  if (parts.typ !== TYP) throw malformed(`header.typ: must be "${TYP}", is ${show(parts.typ)}`);
  const payload = read(TYP, decodeBase64url(parts.payload) ?? new Uint8Array());
  const root = payload.keys.find((key) => key.role === "root");
  if (root === undefined) throw malformed("keys: must have exactly one root key");
  return { token, kid: parts.kid, payload, root };
}

function checkOrder(drafts: readonly Draft[]): void {
  for (const [i, { payload }] of drafts.entries()) {
    const before = drafts[i - 1]?.payload.version;
    if (before !== undefined && payload.version !== before + 1) {
      throw malformed(`keysets[${i}].version: must be ${before + 1}, one above the one before, is ${payload.version}`);
    }
  }
}

async function findStart(drafts: readonly Draft[], trust: readonly string[]): Promise<number> {
  const pinned = await Promise.all(drafts.map(async ({ root }) => trust.includes(await trustStringOf(root.jwk))));
  const start = drafts.findIndex((draft, i) => pinned[i] === true && draft.kid === draft.root.kid);
  if (start !== -1) return start;
  const introduced = pinned.indexOf(true);
  if (introduced === -1) throw untrusted(`trust: no keyset has the pinned root key ${trust.join(" or ")}`);
  const { payload, kid } = drafts[introduced] as Draft;
  throw untrusted(
    `trust: keyset ${payload.version} names the pinned root key but is signed by ${kid}; publish the next one signed by the new root, or pin the old root as well`,
  );
}

async function verifyLink(draft: Draft, signer: KeysetKey): Promise<void> {
  const { version, keys } = draft.payload;
  if (draft.kid !== signer.kid) {
    throw untrusted(`header.kid: keyset ${version} must be signed by the root ${signer.kid}, is by ${draft.kid}`);
  }
  await verifySignature(draft.token, await importPublicKey(signer.jwk));
  for (const [i, key] of keys.entries()) {
    const kid = await kidOf(key.jwk);
    if (key.kid !== kid) throw malformed(`keys[${i}].kid: must be ${kid}, the thumbprint of its key, is ${key.kid}`);
  }
}

function checkIssued({ payload }: Draft, start: Draft, audience: string): void {
  if (payload.aud !== audience) {
    throw untrusted(
      `aud: must be ${show(audience)}, is ${show(payload.aud)} in keyset ${payload.version}: follow it as that audience, if it is meant`,
    );
  }
  if (payload.iss !== start.payload.iss) {
    throw untrusted(`iss: must be ${show(start.payload.iss)}, is ${show(payload.iss)} in keyset ${payload.version}`);
  }
}

async function checkSeen(
  chain: readonly Draft[],
  newest: Draft,
  { highestSeen = 0, highestSeenDigest }: KeysetChainOptions,
): Promise<void> {
  if (newest.payload.version < highestSeen) {
    throw new DimmerError(
      "statement_outdated",
      `keysets: end at version ${newest.payload.version}, but version ${highestSeen} was seen`,
    );
  }
  if (highestSeenDigest === undefined) return;
  const same = chain.find(({ payload }) => payload.version === highestSeen);
  if (same === undefined || (await digestOf(same.token)) !== highestSeenDigest) {
    throw untrusted(`keysets: have another keyset ${highestSeen} than the one that was seen`);
  }
}

async function trustedKeysOf({ token, payload, root }: Draft): Promise<TrustedKeys> {
  const keys = new Map<string, TrustedKey>();
  for (const { kid, role, jwk } of payload.keys) {
    const revocation = payload.revocations.find((item) => item.kid === kid);
    const key = await importPublicKey(jwk);
    keys.set(kid, { role, key, ...(revocation === undefined ? {} : { lastGood: revocation.lastGood }) });
  }
  return {
    iss: payload.iss,
    aud: payload.aud,
    version: payload.version,
    digest: await digestOf(token),
    rootKid: root.kid,
    find: (kid) => keys.get(kid),
  };
}

function malformed(message: string): DimmerError {
  return new DimmerError("statement_malformed", message);
}

function untrusted(message: string): DimmerError {
  return new DimmerError("statement_untrusted", message);
}
