import type { WatchEvent } from "@dimmer/feed/follow";
import type { WireEntitlement, WireLock } from "@dimmer/statement";
import { expect, vi } from "vitest";
import { NOW_SECONDS } from "../build/fixture.ts";
import { type Change, LiveFeed } from "./live-feed.ts";
import type { MemoryStore } from "./memory-store.ts";
import { type Followed, follow, signers } from "./replica-fixture.ts";
import { StreamSource } from "./stream-source.ts";

/** A tenant on a plan, with nothing else. */
export const plan = (tenant: string, name: string): WireEntitlement => ({ tenant, plan: name });
/** A lock that allows nothing. */
export const lockOf = (tenant: string): WireLock => ({
  tenant,
  cause: "security",
  case: "INC",
  since: NOW_SECONDS,
  allow: [],
});
/** A tenant that may not create. */
export const limited = (tenant: string): WireEntitlement => ({
  ...plan(tenant, "pro"),
  restrictions: [{ cause: "nonpayment", case: "c1", steps: [{ at: NOW_SECONDS - 60, mode: "limited" }] }],
});

/** A replica that streams, with what it streams from. */
export interface Streamed extends Followed {
  readonly live: LiveFeed;
  readonly source: StreamSource;
  /** Publishes a change, sends it and waits until it is in force. */
  readonly change: (change: Change) => Promise<readonly WatchEvent[]>;
}

/** What is scheduled for now takes a clock that moves. */
export async function soon({ clock }: Pick<Followed, "clock">, check: () => void): Promise<void> {
  await vi.waitFor(() => {
    clock.pass(1);
    check();
  });
}

/** A replica that streams from an authority in memory. */
export async function stream(
  first: Change = { set: [plan("a", "pro"), plan("b", "pro")] },
  store?: MemoryStore,
): Promise<Streamed> {
  const live = await LiveFeed.of(signers, first);
  const source = new StreamSource(live);
  const followed = await follow(source, store === undefined ? {} : { store });
  await expect.poll(() => followed.replica.status().sources[0]?.following).toBe("streaming");
  const change = async (next: Change): Promise<readonly WatchEvent[]> => {
    const frames = await live.publish(next);
    source.send(frames);
    await soon(followed, () => expect(followed.replica.version).toEqual(live.version));
    return frames;
  };
  return { ...followed, live, source, change };
}

/** Why a member may or may not create. */
export const reasonOf = ({ replica }: Followed, tenant: string): string =>
  replica.check(tenant, "create", "member").reason;
/** The limit that tells the plans apart. */
export const seats = ({ replica }: Followed, tenant: string): unknown => replica.value(tenant, "seats");
