import { connect, type Dimmer } from "@dimmer/sdk";
import type { FetchGuard } from "@dimmer/sdk/fetch";
import { createGuard } from "./guard.ts";

/** What a process has one of, wherever it is asked for. */
interface Kept {
  readonly dimmer: Dimmer;
  readonly guard: FetchGuard;
}

const KEY = Symbol.for("example.dimmer");

/**
 * The Dimmer of this process, for pages and server actions, and the guard over it, for route handlers. Next.js evaluates a module
 * once per route, and anew with every change in development: a feed that is followed once is kept where all of them find it.
 */
export function ofProcess(): Promise<Kept> {
  const kept = globalThis as { [KEY]?: Promise<Kept> };
  kept[KEY] ??= open();
  return kept[KEY];
}

async function open(): Promise<Kept> {
  const { DIMMER_FEED = "unix:/run/dimmer/sidecar.sock", DIMMER_TRUST = "" } = process.env;
  const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
  return { dimmer, guard: createGuard(dimmer) };
}
