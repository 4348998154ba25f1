import {
  type DeltaPayload,
  digestOf,
  type HeadPayload,
  type IndexPayload,
  inspectStatement,
  type KeysetPayload,
  type LocksPayload,
  type PayloadOf,
  type Signer,
  type StatementType,
  sha256,
  signStatement,
} from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";
import type { RecordedFeed } from "./recording.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** Fields that no version of today knows, of every kind of value. */
const EXTRA = { zz_future: { list: [1, "two", null], deep: { flag: true } }, zz_hint: "…", zz_level: 7 };

/**
 * The same feed as a later version might sign it: fields that nobody knows in every statement, in every object of a
 * statement where the contract lets them stand, in every line of every chunk; events that nobody knows in the stream.
 */
export async function fromTheFuture(feed: RecordedFeed): Promise<RecordedFeed> {
  const renamed = new Map<string, string>();
  const parts = new Map<string, Uint8Array>();
  const signers = await signersOf(feed);
  const sign = async <T extends StatementType>(typ: T, payload: PayloadOf<T>): Promise<string> => {
    const role = ROLES[typ] ?? "feed";
    return await signStatement(typ, withExtra(payload), signers.get(role) as Signer);
  };
  const name = async (kind: string, was: string, token: string): Promise<string> => {
    const digest = await digestOf(token);
    renamed.set(was, digest);
    parts.set(`${kind}/${digest}`, bytesOf(token));
    return digest;
  };
  const renamedTo = (digest: string): string => renamed.get(digest) ?? digest;

  const signPolicy = async (token: string): Promise<string> => {
    const again = await sign("dimmer-policy+jwt", payloadOf("dimmer-policy+jwt", token));
    await name("policy", await digestOf(token), again);
    return again;
  };
  const signLocks = async (token: string): Promise<string> => {
    const payload = payloadOf("dimmer-locks+jwt", token);
    const locks = payload.locks.map((lock) => withExtra(lock));
    const again = await sign("dimmer-locks+jwt", { ...payload, locks } satisfies LocksPayload);
    await name("locks", await digestOf(token), again);
    return again;
  };
  const signHead = async (token: string): Promise<string> => {
    const { index, policy, locks, ...head } = payloadOf("dimmer-head+jwt", token);
    const named: Pick<HeadPayload, "index" | "policy" | "locks"> = {
      index: renamedTo(index),
      policy: renamedTo(policy),
      locks: withExtra({ ...locks, digest: renamedTo(locks.digest) }),
    };
    return await sign("dimmer-head+jwt", { ...head, ...named });
  };

  for (const [part, bytes] of feed.parts) {
    if (part.startsWith("policy/")) await signPolicy(textOf(bytes));
    if (part.startsWith("locks/")) await signLocks(textOf(bytes));
    if (!part.startsWith("chunks/")) continue;
    const lines = textOf(bytes).split("\n").filter(Boolean);
    const chunk = lines.map((line) => `${JSON.stringify(entitlementWithExtra(JSON.parse(line) as object))}\n`).join("");
    const digest = await sha256(bytesOf(chunk));
    renamed.set(part.slice("chunks/".length), digest);
    parts.set(`chunks/${digest}`, bytesOf(chunk));
  }
  for (const [part, bytes] of feed.parts) {
    if (!part.startsWith("index/")) continue;
    const payload: IndexPayload = payloadOf("dimmer-index+jwt", textOf(bytes));
    const chunks = payload.chunks.map(renamedTo);
    const again = await sign("dimmer-index+jwt", { ...payload, policy: renamedTo(payload.policy), chunks });
    await name("index", part.slice("index/".length), again);
  }
  const head = await signHead(feed.head);
  const keyset = payloadOf("dimmer-keyset+jwt", feed.keysets.at(-1) ?? "");
  const keys = keyset.keys.map(({ role }) => {
    const { kid, publicKey } = signers.get(role) as Signer;
    return withExtra({ kid, role, jwk: publicKey });
  });
  const keysets = [await sign("dimmer-keyset+jwt", { ...keyset, keys, version: 1 } satisfies KeysetPayload)];

  let watch = "event: zz_welcome\ndata: {}\nzz_field: 1\n\n";
  for (const frame of feed.watch.split("\n\n").slice(0, -1)) {
    const event = /^event: (\w+)$/m.exec(frame)?.[1];
    const token = /^data: (.*)$/m.exec(frame)?.[1] ?? "";
    const signAgain = { policy: signPolicy, locks: signLocks, head: signHead, delta: signDelta }[event ?? ""];
    const said = signAgain === undefined ? frame : frame.replace(token, await signAgain(token));
    watch += `${said}\nzz_field: 2\n\nevent: zz_note\nid: 9\ndata: ${"x".repeat(10_000)}\ndata: more\n\n`;
  }
  const trust = await trustStringOf((signers.get("root") as Signer).publicKey);
  return { ...feed, trust, policy: renamedTo(feed.policy), head, keysets, parts, watch };

  async function signDelta(token: string): Promise<string> {
    const payload: DeltaPayload = payloadOf("dimmer-delta+jwt", token);
    const entitlements = payload.entitlements.map((line) => entitlementWithExtra(line));
    return await sign("dimmer-delta+jwt", {
      ...payload,
      policy: renamedTo(payload.policy),
      entitlements: entitlements as unknown as DeltaPayload["entitlements"],
    });
  }
}

const ROLES: Partial<Record<StatementType, string>> = {
  "dimmer-keyset+jwt": "root",
  "dimmer-policy+jwt": "policy",
  "dimmer-locks+jwt": "locks",
};

function payloadOf<T extends StatementType>(typ: T, token: string): PayloadOf<T> {
  const inspected = inspectStatement(token);
  if (inspected.typ !== typ) throw new Error(`a ${inspected.typ} and no ${typ}`);
  return inspected.payload as unknown as PayloadOf<T>;
}

/** A key of its own for each role. */
async function signersOf(feed: RecordedFeed): Promise<ReadonlyMap<string, Signer>> {
  const { keys } = payloadOf("dimmer-keyset+jwt", feed.keysets.at(-1) ?? "");
  return new Map(
    await Promise.all(keys.map(async ({ role }): Promise<[string, Signer]> => [role, (await generateSigner()).signer])),
  );
}

function withExtra<T extends object>(value: T): T {
  return { ...value, ...EXTRA };
}

/** In an entitlement, in its restrictions, in their steps and exceptions. Overrides of features are names of the policy. */
function entitlementWithExtra(entitlement: object): object {
  const { restrictions } = entitlement as { readonly restrictions?: readonly RestrictionLike[] };
  const widened = restrictions?.map(({ steps, exception, ...restriction }) =>
    withExtra({
      ...restriction,
      steps: steps.map(withExtra),
      ...(exception === undefined ? {} : { exception: withExtra(exception) }),
    }),
  );
  return withExtra({ ...entitlement, ...(widened === undefined ? {} : { restrictions: widened }) });
}

interface RestrictionLike {
  readonly steps: readonly object[];
  readonly exception?: object;
}
