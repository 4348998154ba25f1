import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PolicyDocument } from "@dimmer/core";
import { createKeyDirectory, type KeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement, WireLock } from "@dimmer/statement";

/** What a feed of these tests says. */
export interface FeedContent {
  readonly entitlements?: readonly WireEntitlement[];
  readonly locks?: readonly WireLock[];
  readonly policy?: PolicyDocument;
  readonly nowMs?: number;
  readonly freshForMs?: number;
  /** Other keys than the feed's own: a rotation. */
  readonly signers?: KeyDirectory["signers"];
}

/** A signed feed in a directory of its own, as `dimmer feed build` writes it. Dispose of it to remove the directory. */
export class LiveFeed implements AsyncDisposable {
  readonly root: string;
  readonly directory: string;
  readonly audience: string;
  readonly keys: KeyDirectory;

  private constructor(root: string, audience: string, keys: KeyDirectory) {
    this.root = root;
    this.directory = join(root, "feed");
    this.audience = audience;
    this.keys = keys;
  }

  static async create(content: FeedContent = {}, audience = "development"): Promise<LiveFeed> {
    const root = await mkdtemp(join(tmpdir(), "dimmer-sdk-"));
    const feed = new LiveFeed(root, audience, await createKeyDirectory(join(root, "keys")));
    await feed.publish(content);
    return feed;
  }

  get trust(): string {
    return this.keys.trust;
  }

  /** A path for a socket: short, as a socket's must be. */
  socketPath(name: string): string {
    return join(this.root, name);
  }

  /** Signs the next generation over the one there is. */
  async publish({ entitlements = [], locks = [], nowMs = Date.now(), signers, ...more }: FeedContent): Promise<void> {
    const { directory: outDir, audience } = this;
    const keys = { trust: this.trust, signers: signers ?? this.keys.signers };
    await publishFeed({ outDir, audience, keys, entitlements, locks, nowMs, allowInvalid: true, ...more });
  }

  readHead(): Promise<string> {
    return readFile(join(this.directory, "head.jws"), "utf8");
  }

  /** Puts any text where the head stands, whole at any moment. */
  async writeHead(text: string): Promise<void> {
    const aside = join(this.root, "head.tmp");
    await writeFile(aside, text);
    await rename(aside, join(this.directory, "head.jws"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Whole Unix seconds from now. */
export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

/** A tenant in `pro`, restricted by nonpayment to a mode since an hour ago where one is named. */
export function tenant(id: string, mode?: string): WireEntitlement {
  if (mode === undefined) return { tenant: id, plan: "pro" };
  const steps = [{ at: secondsFromNow(-3_600), mode }];
  return { tenant: id, plan: "pro", restrictions: [{ cause: "nonpayment", case: `case_${id}`, steps }] };
}

/** A security lock. */
export function lock(id: string, allow: readonly string[] = []): WireLock {
  return { tenant: id, cause: "security", case: `INC-${id}`, since: secondsFromNow(-60), allow };
}
