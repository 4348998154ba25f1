import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import {
  type BuiltFeed,
  buildFeed,
  type FeedSigners,
  readPreviousFeed,
  signEntitlementToken,
  sourceOf,
} from "@dimmer/feed/build";
import { connectEdge, type EdgeClock, type EdgeDimmer, type EdgeOptions } from "@dimmer/sdk/edge";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";

export const AUD = "production";
const ISS = "https://dimmer.example";
/** 22 November 2026, 00:00 UTC. */
export const NOW_MS = 1_795_305_600_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Four new keys. */
export async function newSigners(): Promise<FeedSigners> {
  const [root, policy, locks, feed] = await Promise.all(Array.from({ length: 4 }, () => generateSigner()));
  if (!root || !policy || !locks || !feed) throw new Error("no keys");
  return { root: root.signer, policy: policy.signer, locks: locks.signer, feed: feed.signer };
}

/** Clocks that stand until a test moves them. */
export class StoppedClock implements EdgeClock {
  wall = NOW_MS;
  monotonic = 1_000;
  wallMs(): number {
    return this.wall;
  }
  monotonicMs(): number {
    return this.monotonic;
  }
  /** Lets time pass on both. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

/** What a feed of these tests says. */
export interface EdgeContent {
  readonly entitlements?: readonly (WireEntitlement | WireTombstone)[];
  readonly locks?: readonly WireLock[];
  readonly policy?: PolicyDocument;
}

/** Answers a request in the place of the door that it is for; `undefined` leaves it to that. */
export type Before = (path: string) => Promise<Response> | Response | undefined;

/** A signed feed in memory, the doors that serve it, and tokens of what it says. */
export class EdgeWorld {
  readonly clock: StoppedClock = new StoppedClock();
  readonly signers: FeedSigners;
  readonly trust: string;
  /** Requests by path. */
  readonly requests: string[] = [];
  before: Before = () => undefined;
  content: EdgeContent = {};
  /** The true time, which an authority signs by; not the clock of who asks. */
  trueMs = NOW_MS;
  #feed: BuiltFeed | undefined;
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();

  private constructor(signers: FeedSigners, trust: string) {
    this.signers = signers;
    this.trust = trust;
  }

  static async create(content: EdgeContent = {}, signers?: FeedSigners): Promise<EdgeWorld> {
    const keys = signers ?? (await newSigners());
    const world = new EdgeWorld(keys, await trustStringOf(keys.root.publicKey));
    await world.publish(content);
    return world;
  }

  get feed(): BuiltFeed {
    return this.#feed as BuiltFeed;
  }

  set feed(feed: BuiltFeed) {
    this.#feed = feed;
  }

  /** Lets time pass, for everybody. */
  pass(ms: number): void {
    this.trueMs += ms;
    this.clock.pass(ms);
  }

  /** Open streams. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Signs the next version of the feed, and tells who streams. */
  async publish(content: EdgeContent): Promise<void> {
    this.content = { ...this.content, ...content };
    const { entitlements = [], locks = [], policy = standardPolicy } = this.content;
    const trusting = { trust: [this.trust], audience: AUD };
    this.#feed = await buildFeed({
      entitlements,
      locks,
      policy,
      signers: this.signers,
      iss: ISS,
      aud: AUD,
      nowMs: this.trueMs,
      freshForMs: 60_000,
      allowInvalid: true,
      ...(this.#feed === undefined ? {} : { previous: await readPreviousFeed(sourceOf(this.#feed), trusting) }),
    });
    const part = (kind: "locks" | "policy", digest: string): string =>
      `event: ${kind}\ndata: ${text(this.feed.parts.get(`${kind}/${digest}`))}\n\n`;
    const { policy: policyDigest, locks: named } = this.feed.headPayload;
    this.say(`${part("policy", policyDigest)}${part("locks", named.digest)}event: head\ndata: ${this.feed.head}\n\n`);
  }

  /** Writes to every open stream. */
  say(events: string): void {
    for (const stream of this.#streams) stream.enqueue(new TextEncoder().encode(events));
  }

  /** Ends every open stream. */
  endStreams(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  /** The token of a tenant as it is published. */
  async tokenOf(tenant: string, changes: Partial<Parameters<typeof signEntitlementToken>[0]> = {}): Promise<string> {
    const entitlement = this.content.entitlements?.find((item) => item.tenant === tenant);
    const lock = this.content.locks?.find((item) => item.tenant === tenant);
    return await signEntitlementToken({
      entitlement: entitlement as WireEntitlement,
      ...(lock === undefined ? {} : { lock }),
      version: this.feed.version,
      policy: this.feed.headPayload.policy,
      iss: ISS,
      aud: AUD,
      signer: this.signers.feed,
      nowMs: this.trueMs,
      ...changes,
    });
  }

  /** The doors, as a runtime's `fetch`. */
  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    init.signal?.throwIfAborted();
    const { pathname, search } = new URL(url);
    this.requests.push(pathname + search);
    const given = await this.before(pathname);
    return given ?? (await this.serve(pathname, init));
  };

  /** What the doors answer by themselves. */
  async serve(path: string, init: RequestInit = {}): Promise<Response> {
    const { feed } = this;
    const [, , door, kind = "", digest] = path.split("/");
    if (door === "entitlements") return await this.#answerToken(kind);
    if (kind === "head") {
      const etag = `"${feed.head.slice(-43)}"`;
      const known = new Headers(init.headers).get("if-none-match");
      return known === etag ? new Response(null, { status: 304 }) : new Response(feed.head, { headers: { etag } });
    }
    if (kind === "keysets") return Response.json({ keysets: feed.keysets });
    if (kind === "watch") return this.#stream(init.signal ?? undefined);
    const bytes = feed.parts.get(`${kind}/${digest}`);
    return bytes === undefined ? problem(404, "not_found") : new Response(bytes as Uint8Array<ArrayBuffer>);
  }

  async #answerToken(tenant: string): Promise<Response> {
    const entitlement = this.content.entitlements?.find((item) => item.tenant === tenant);
    if (entitlement === undefined) return problem(404, "tenant_unknown");
    if ("gone" in entitlement) return problem(404, "tenant_gone");
    return new Response(await this.tokenOf(tenant), { headers: { "content-type": "application/jwt" } });
  }

  #stream(signal: AbortSignal | undefined): Response {
    const streams = this.#streams;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        streams.add(controller);
        controller.enqueue(new TextEncoder().encode(": hb\n\n"));
        signal?.addEventListener("abort", () => {
          if (!streams.delete(controller)) return;
          controller.error(signal.reason);
        });
      },
      cancel() {
        streams.clear();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  /** A client of this feed that looks when it is asked, by clocks that stand. */
  async connect(options: Partial<EdgeOptions> = {}): Promise<EdgeDimmer> {
    const { fetch, trust, clock } = this;
    const how = { follow: "on-use", pollMs: 1_000, ...options } as const;
    return await connectEdge({ feed: "https://feed.test", fetch, trust, audience: AUD, clock, ...how });
  }
}

/** A problem document. */
export function problem(status: number, name: string): Response {
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ type: `urn:dimmer:problem:${name}`, status }), { status, headers });
}

/** No door of tokens, as in a bucket. */
export const withoutTokens: Before = (path) =>
  path.startsWith("/v1/entitlements/") ? new Response("no such page", { status: 404 }) : undefined;

/** Whole Unix seconds from the first instant of these tests. */
export function secondsFrom(ms: number): number {
  return (NOW_MS + ms) / 1_000;
}

/** A tenant in `pro`, restricted by nonpayment to a mode from an instant on where one is named. */
export function tenant(id: string, mode?: string, fromMs = -HOUR_MS): WireEntitlement {
  if (mode === undefined) return { tenant: id, plan: "pro" };
  const steps = [{ at: secondsFrom(fromMs), mode }];
  return { tenant: id, plan: "pro", restrictions: [{ cause: "nonpayment", case: `case_${id}`, steps }] };
}

/** A security lock. */
export function lock(id: string, allow: readonly string[] = []): WireLock {
  return { tenant: id, cause: "security", case: `INC-${id}`, since: secondsFrom(-MINUTE_MS), allow };
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
