import { readdirSync } from "node:fs";
import { join } from "node:path";
import { followFeed, type GenerationStore, SourceFault } from "@dimmer/feed/follow";
import { directorySource, diskStore, systemClock } from "@dimmer/feed/node";
import { formatVersion } from "@dimmer/statement";
import { startAuthorityHost } from "./authority-process.ts";
import type { MadeFeed } from "./feed-maker.ts";
import type { Stage } from "./scenario.ts";
import { startSidecar } from "./sidecar-process.ts";
import { until } from "./waiting.ts";
import { WATCHED } from "./watcher.ts";

/** What is on a disk: two generations, or one and the frames that came after it. */
export interface HeldGenerations {
  /** The least version that may be left of it. */
  readonly before: string;
  readonly newest: string;
  /** Whether everything may be lost with a file: what there is one of, or what both generations need. */
  readonly isVital: (file: string) => boolean;
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
  return { before: versions[0] ?? "", newest: versions[1] ?? "", isVital: (file) => shared.includes(file) };
}

/** Has a real sidecar follow the stream of a real authority until frames lie beside its generation, and ends it. */
export async function keepStreamed(
  stage: Stage,
  directory: string,
): Promise<HeldGenerations & { readonly trust: string }> {
  const authority = await startAuthorityHost(stage);
  // A start lists at once: the lock is in the list then, and not in a frame that may be damaged.
  await authority.process.end();
  await authority.restart();
  await authority.change(0, "listed");
  const { url, trust, feedTokenFile } = authority;
  const sidecar = await startSidecar(stage, { feed: [url], trust, feedTokenFile, data: directory });
  await until("a kept generation", async () => (await sidecar.status()).disk.state === "ok");
  let newest = "0.0";
  for (let n = 0; n < 20; n++) newest = await authority.change(n, `streamed-${n}`);
  await until(newest, async () => (await sidecar.status()).version === newest);
  const locked = await sidecar.checks([{ tenant: WATCHED.locked, capability: "view", principal: "admin" }]);
  if (locked[0]?.reason !== "locked") throw new Error("the lock was not followed");
  await sidecar.end();
  await authority.process.end();
  const frames = readdirSync(join(directory, "streams"));
  if (frames.length === 0) throw new Error("no frames were kept");
  return { before: "1.1", newest, isVital: (file) => !file.startsWith("streams"), trust };
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
