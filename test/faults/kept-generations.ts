import { readdirSync } from "node:fs";
import { join } from "node:path";
import { followFeed, type GenerationStore, SourceFault } from "@dimmer/feed/follow";
import { directorySource, diskStore, systemClock } from "@dimmer/feed/node";
import { formatVersion } from "@dimmer/statement";
import type { MadeFeed } from "./feed-maker.ts";
import { until } from "./waiting.ts";
import { WATCHED } from "./watcher.ts";

/** Two generations on a disk. */
export interface HeldGenerations {
  readonly before: string;
  readonly newest: string;
  /** Files that both need: where one of them is lost, both are. */
  readonly shared: readonly string[];
}

/** What a replica makes of a disk without any source. */
export interface Loaded {
  /** `undefined`: nothing verified, and it is not ready. */
  readonly version: string | undefined;
  /** Whether the tenant that is locked in every generation is. */
  readonly isLocked: boolean;
}

/** Follows a feed through the real store until it holds two generations, of another policy, lock list and chunks each. */
export async function keepGenerations(feed: MadeFeed, directory: string): Promise<HeldGenerations> {
  const versions: string[] = [];
  const files: Set<string>[] = [];
  for (const round of [1, 2]) {
    versions.push(await feed.publish({ round, locked: [`t${round}`] }));
    await keepOnce(feed, diskStore(directory));
    files.push(new Set(partsIn(directory)));
  }
  const [first = new Set<string>(), second = new Set<string>()] = files;
  const added = [...second].filter((file) => !first.has(file));
  // What the second generation did not bring, and still is there, is of both or of the first; empty chunks are of both.
  const namedBySecond = new Set(partsIn(feed.directory));
  const shared = [...second].filter((file) => !added.includes(file) && namedBySecond.has(file));
  return { before: versions[0] ?? "", newest: versions[1] ?? "", shared };
}

/** One life of a replica that follows the feed and keeps what it took. */
export async function keepOnce(feed: MadeFeed, store: GenerationStore): Promise<void> {
  const replica = followFeed({
    sources: [directorySource(feed.directory)],
    trust: [feed.trust],
    store,
    clock: systemClock(),
    pollMs: 20,
  });
  await replica.ready();
  await replica.refresh();
  await replica.close();
}

/** Loads what a disk holds, as a start without any source does. Never throws for what lies there. */
export async function loadKept(
  directory: string,
  trust: string,
  store: GenerationStore = diskStore(directory),
): Promise<Loaded> {
  let isAsked = false;
  const nowhere = {
    name: "nowhere",
    kind: "directory" as const,
    head: () => {
      // The first question to a source comes once the disk has been read.
      isAsked = true;
      return Promise.reject(new SourceFault("nobody is there"));
    },
    keysets: () => Promise.reject(new SourceFault("nobody is there")),
    part: () => Promise.reject(new SourceFault("nobody is there")),
  };
  const replica = followFeed({ sources: [nowhere], trust: [trust], store, clock: systemClock(), pollMs: 60_000 });
  await until("the disk was read", () => isAsked, { everyMs: 1 });
  const { version, isReady } = replica;
  const isLocked = replica.check(WATCHED.locked, "view", "admin").reason === "locked";
  await replica.close();
  return { version: isReady && version !== undefined ? formatVersion(version) : undefined, isLocked };
}

function partsIn(directory: string): string[] {
  return ["index", "policy", "locks", "chunks"].flatMap((kind) =>
    readdirSync(join(directory, kind)).map((name) => join(kind, name)),
  );
}
