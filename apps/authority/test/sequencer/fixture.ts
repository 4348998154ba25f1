import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compilePolicy } from "@dimmer/core";
import { standardPolicy } from "@dimmer/core/standard-policy";
import type { FeedSigners } from "@dimmer/feed/build";
import { signStatement } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";
import type { Actor } from "../../src/changes/actor.ts";
import { activatePolicy, uploadPolicy } from "../../src/changes/policies.ts";
import type { TenantWrite } from "../../src/changes/tenants.ts";
import type { Publication } from "../../src/sequencer/feed-position.ts";
import { Sequencer, type SequencerOptions } from "../../src/sequencer/sequencer.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";

const actor: Actor = { id: "key_test", role: "admin", reason: "test", correlationId: "c-1" };
const policy = compilePolicy(standardPolicy);

/** An authority without its doors: a store with the standard policy active, keys, and a clock to move. */
export interface TestAuthority {
  readonly store: Store;
  readonly url: string;
  readonly trust: string;
  readonly signers: FeedSigners;
  nowMs: number;
  /** Writes in one transaction. */
  write<T>(work: (write: TenantWrite) => Promise<T>): Promise<T>;
  /** Makes a sequencer on the store, started, and the publications that it reports. */
  sequence(options?: Partial<SequencerOptions>): {
    sequencer: Sequencer;
    publications: Publication[];
    roles: string[];
    heads: string[];
  };
  /** Wakes every sequencer. */
  wake(): void;
  /** Waits until nothing is pending that could be published. */
  settled(): Promise<void>;
  /** Stops signing and lets go of the store, for who is to open it. */
  closeStore(): Promise<void>;
  close(): Promise<void>;
}

export async function testAuthority(url?: string): Promise<TestAuthority> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-authority-"));
  const storeUrl = url ?? `sqlite:${join(folder, "authority.db")}`;
  const store = await openStore(storeUrl);
  const made = await Promise.all(
    ["root", "policy", "locks", "feed"].map(async (role) => [role, (await generateSigner()).signer]),
  );
  const signers = Object.fromEntries(made) as FeedSigners;
  const keys = (["root", "policy", "locks", "feed"] as const).map((role) => ({
    kid: signers[role].kid,
    role,
    jwk: signers[role].publicKey,
  }));
  const issuing = { signers, iss: "test", aud: "development", freshForMs: 60_000 };
  const keyset = { iss: issuing.iss, aud: issuing.aud, version: 1, keys, revocations: [] };
  const token = await signStatement("dimmer-keyset+jwt", keyset, signers.root);
  const sequencers: Sequencer[] = [];
  let reported = 0;
  let closing: Promise<void> | undefined;
  const authority: TestAuthority = {
    store,
    url: storeUrl,
    signers,
    trust: await trustStringOf(signers.root.publicKey),
    nowMs: 1_796_169_600_000,
    write: (work) => store.transact((queries) => work({ store, queries, policy, actor, nowMs: authority.nowMs })),
    sequence: (options = {}) => {
      const publications: Publication[] = [];
      const roles: string[] = [];
      const heads: string[] = [];
      const sequencer = new Sequencer({
        store,
        issuing,
        holder: `process-${sequencers.length}`,
        now: () => authority.nowMs,
        events: {
          onPublication: (publication) => {
            publications.push(publication);
            reported++;
            heads.push(publication.head);
          },
          onHead: (head) => heads.push(head),
          onSettled: () => undefined,
          onRole: (role, why) => roles.push(why === undefined ? role : `${role}: ${why}`),
          onUnsignable: (tenants) => {
            for (const error of tenants.values()) throw error;
          },
          onError: (error) => {
            throw error;
          },
        },
        ...options,
      });
      sequencers.push(sequencer);
      sequencer.start();
      return { sequencer, publications, roles, heads };
    },
    wake: () => {
      for (const sequencer of sequencers) sequencer.wake();
    },
    settled: async () => {
      for (;;) {
        const open = await store.db
          .selectFrom("pending")
          .leftJoin("change_set", "change_set.id", "pending.change_set_id")
          .select("pending.id")
          .where("published_seq", "is", null)
          .where((where) => where.or([where("change_set_id", "is", null), where("change_set.state", "=", "approved")]))
          .execute();
        const { count } = await store.db
          .selectFrom("publication")
          .select((select) => select.fn.countAll<number>().as("count"))
          .executeTakeFirstOrThrow();
        // What is committed is reported a moment later.
        if (open.length === 0 && reported >= Number(count)) return;
        for (const sequencer of sequencers) sequencer.wake();
        await new Promise((done) => setImmediate(done));
      }
    },
    closeStore: async () => {
      for (const sequencer of sequencers) await sequencer.stop();
      closing ??= store.close();
      await closing;
    },
    close: async () => {
      await authority.closeStore();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await store.db.insertInto("keyset").values({ version: 1, token, created_ms: authority.nowMs }).execute();
  await authority.write(async (write) => {
    const { policy: draft } = await uploadPolicy(write, standardPolicy);
    await activatePolicy(write, draft.id);
  });
  return authority;
}
