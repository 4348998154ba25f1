import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory, type PublishFeedOptions, publishFeed } from "@dimmer/feed/node";
import { connect, type Dimmer } from "@dimmer/sdk";
import { createNotesApp, type NotesApp } from "../src/app.ts";
import { createNotesStore } from "../src/notes-store.ts";
import { createPayments } from "../src/payments.ts";
import { createSessions } from "../src/sessions.ts";

const AUDIENCE = "development";

/** A signed feed in a directory of its own. */
export interface TestFeed extends AsyncDisposable {
  readonly directory: string;
  readonly trust: string;
  /** Signs the feed anew with these tenants. */
  publish(
    tenants: Pick<PublishFeedOptions, "entitlements"> & Partial<Pick<PublishFeedOptions, "locks">>,
  ): Promise<void>;
}

/** Makes a feed, signed with keys of its own. */
export async function createFeed(): Promise<TestFeed> {
  const root = await mkdtemp(join(tmpdir(), "dimmer-notes-"));
  const directory = join(root, "feed");
  const keys = await createKeyDirectory(join(root, "keys"));
  return {
    directory,
    trust: keys.trust,
    async publish({ entitlements, locks = [] }) {
      await publishFeed({ outDir: directory, audience: AUDIENCE, nowMs: Date.now(), keys, entitlements, locks });
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Connects to a feed as the product does. */
export function connectTo({ directory, trust }: Pick<TestFeed, "directory" | "trust">): Promise<Dimmer> {
  return connect({ feed: directory, trust, audience: AUDIENCE, pollMs: 50, log: { info() {}, warn() {}, error() {} } });
}

/** The product on a clock that stands, accepting `Bearer acme:member`. */
export function productOf(dimmer: Dimmer, hookUrl?: string): NotesApp {
  const nowMs = (): number => Date.UTC(2026, 5, 1);
  return createNotesApp({
    dimmer,
    sessions: createSessions({ acceptsDevelopmentBearer: true }),
    notes: createNotesStore(nowMs),
    payments: createPayments({ nowMs, hookUrl }),
  });
}

/** A restriction by nonpayment that has brought a tenant into a mode. */
export function unpaid(mode: string): {
  readonly cause: "nonpayment";
  readonly case: string;
  readonly steps: readonly { readonly at: number; readonly mode: string }[];
} {
  return { cause: "nonpayment", case: "case_1", steps: [{ at: 1_767_600_000, mode }] };
}
