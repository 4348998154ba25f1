import { standardPolicy } from "@dimmer/core";
import {
  type KeyRole,
  type PayloadByType,
  type Revocation,
  type StatementType,
  signStatement,
  type TrustedKeys,
  verifyKeysetChain,
} from "@dimmer/statement";
import { generateSigner, type Signer, trustStringOf } from "@dimmer/statement/keys";

const ISS = "https://dimmer.example";
export const AUD = "development";
export const IAT = 1_790_000_000;

export const STATEMENT_TYPES: readonly StatementType[] = [
  "dimmer-keyset+jwt",
  "dimmer-policy+jwt",
  "dimmer-locks+jwt",
  "dimmer-index+jwt",
  "dimmer-head+jwt",
  "dimmer-delta+jwt",
  "dimmer-entitlement+jwt",
];

export const ROLE_OF: Readonly<Record<StatementType, KeyRole>> = {
  "dimmer-keyset+jwt": "root",
  "dimmer-policy+jwt": "policy",
  "dimmer-locks+jwt": "locks",
  "dimmer-index+jwt": "feed",
  "dimmer-head+jwt": "feed",
  "dimmer-delta+jwt": "feed",
  "dimmer-entitlement+jwt": "feed",
};

export type Signers = Readonly<Record<KeyRole, Signer>>;

export interface Issuer {
  readonly signers: Signers;
  readonly keyset: string;
  readonly trust: string;
  readonly keys: TrustedKeys;
}

export async function generateSigners(): Promise<Signers> {
  const [root, policy, locks, feed] = await Promise.all([1, 2, 3, 4].map(async () => (await generateSigner()).signer));
  return { root, policy, locks, feed } as Signers;
}

/** The payload of a keyset that lists the signers. */
export function keysetOf(
  signers: Signers,
  version = 1,
  revocations: readonly Revocation[] = [],
): PayloadByType["dimmer-keyset+jwt"] {
  const keys = (Object.keys(signers) as KeyRole[]).map((role) => ({
    kid: signers[role].kid,
    role,
    jwk: signers[role].publicKey,
  }));
  return { iss: ISS, aud: AUD, version, keys, revocations };
}

/** Somebody with four keys and a keyset that a verifier trusts. */
export async function createIssuer(revocationsOf: (signers: Signers) => Revocation[] = () => []): Promise<Issuer> {
  const signers = await generateSigners();
  const keyset = await signStatement("dimmer-keyset+jwt", keysetOf(signers, 1, revocationsOf(signers)), signers.root);
  const trust = await trustStringOf(signers.root.publicKey);
  return { signers, keyset, trust, keys: await verifyKeysetChain([keyset], { trust: [trust], audience: AUD }) };
}

export const DIGEST = "A".repeat(43);

/** A good payload of each kind; that of a keyset lists the given signers. */
export function samplePayloads(signers: Signers): PayloadByType {
  const issued = { iss: ISS, aud: AUD };
  const version = { epoch: 3, seq: 1042 };
  return {
    "dimmer-keyset+jwt": keysetOf(signers),
    "dimmer-policy+jwt": { ...issued, policy: standardPolicy },
    "dimmer-locks+jwt": {
      ...issued,
      ...version,
      iat: IAT,
      locks: [{ tenant: "umbrella", cause: "security", case: "case_9", since: IAT - 60, allow: ["export"] }],
    },
    "dimmer-index+jwt": {
      ...issued,
      ...version,
      policy: DIGEST,
      buckets: 16,
      count: 12,
      chunks: Array.from({ length: 16 }, () => DIGEST),
    },
    "dimmer-head+jwt": {
      ...issued,
      ...version,
      index: DIGEST,
      policy: DIGEST,
      locks: { epoch: 3, seq: 7, digest: DIGEST },
      iat: IAT,
      fresh_until: IAT + 60,
    },
    "dimmer-delta+jwt": {
      ...issued,
      ...version,
      base: 1041,
      policy: DIGEST,
      entitlements: [
        { tenant: "acme", plan: "pro" },
        { tenant: "initech", gone: IAT },
      ],
    },
    "dimmer-entitlement+jwt": {
      ...issued,
      ...version,
      sub: "acme",
      iat: IAT,
      exp: IAT + 300,
      policy: DIGEST,
      entitlement: {
        tenant: "acme",
        plan: "pro",
        features: { seats: 40, theme: "夜" },
        restrictions: [
          {
            cause: "nonpayment",
            case: "case_01",
            steps: [
              { at: IAT - 1000, mode: "grace" },
              { at: IAT - 10, mode: "limited", deny: ["feature:sso"] },
            ],
            exception: { floor: "essential", from: IAT - 500, until: IAT + 5000 },
          },
        ],
      },
    },
  };
}

/** Signs each good payload with the key of its role. */
export async function sampleTokens(signers: Signers): Promise<Record<StatementType, string>> {
  const payloads = samplePayloads(signers);
  const entries = STATEMENT_TYPES.map(
    async (typ) => [typ, await signStatement(typ, payloads[typ], signers[ROLE_OF[typ]])] as const,
  );
  return Object.fromEntries(await Promise.all(entries)) as Record<StatementType, string>;
}

const encoder = new TextEncoder();

/** Base64url of a text's UTF-8, or of bytes. */
export function encode(content: string | Uint8Array): string {
  return Buffer.from(content).toString("base64url");
}

/** Signs whatever it is given, without any rule: what somebody hostile, or mistaken, with a good key could write. */
export async function forge(
  signer: Signer,
  header: string | Readonly<Record<string, unknown>>,
  payload: string | Uint8Array | Readonly<Record<string, unknown>>,
): Promise<string> {
  const headerText = typeof header === "string" ? header : JSON.stringify(header);
  const isRaw = typeof payload === "string" || payload instanceof Uint8Array;
  const signed = `${encode(headerText)}.${encode(isRaw ? payload : JSON.stringify(payload))}`;
  return `${signed}.${encode(await signer.sign(encoder.encode(signed)))}`;
}
