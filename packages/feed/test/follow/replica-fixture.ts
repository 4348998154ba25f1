import { type FollowOptions, followFeed, type Replica, type ReplicaEvent } from "@dimmer/feed/follow";
import { trustStringOf } from "@dimmer/statement/keys";
import { onTestFinished } from "vitest";
import { AUD, generateSigners, NOW_MS } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import type { MemorySource } from "./memory-source.ts";

/** Keys that all tests of a file may share. */
export const signers = await generateSigners();
/** The trust string of their root. */
export const trust = await trustStringOf(signers.root.publicKey);

/** A replica under test, with what moves it and what it told. */
export interface Followed {
  readonly replica: Replica;
  readonly clock: FakeClock;
  readonly events: ReplicaEvent[];
  readonly logged: string[];
}

/** Follows the sources until the test ends; has polled each once when it resolves. */
export async function follow(
  sources: MemorySource | readonly MemorySource[],
  options: Partial<FollowOptions> & { readonly clock?: FakeClock } = {},
): Promise<Followed> {
  const clock = options.clock ?? new FakeClock(NOW_MS);
  const logged: string[] = [];
  const log = (_fields: object, message: string): void => {
    logged.push(message);
  };
  const replica = followFeed({
    sources: Array.isArray(sources) ? sources : [sources as MemorySource],
    trust: [trust],
    audience: AUD,
    log: { info: log, warn: log, error: log },
    random: () => 0.5,
    ...options,
    clock,
  });
  const events: ReplicaEvent[] = [];
  replica.subscribe((event) => events.push(event));
  onTestFinished(() => replica.close());
  await replica.refresh();
  return { replica, clock, events, logged };
}
