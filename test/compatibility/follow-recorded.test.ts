import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { httpSource } from "@dimmer/feed/node";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { fromTheFuture } from "./from-the-future.ts";
import { answersOf, clockAt, NOW_MS, type RecordedFeed, readRecorded } from "./recording.ts";
import { serveRecorded } from "./serve-recorded.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const RECORDED = readdirSync(here).filter((name) => /^feed-\d+$/.test(name));
const POLL_MS = 3_600_000;
const PATIENCE = { timeout: 10_000 };

async function replicaOf(feed: RecordedFeed, url: string): Promise<Replica> {
  const { trust, audience } = feed;
  const clock = clockAt(NOW_MS);
  const replica = followFeed({ sources: [httpSource(url)], trust: [trust], audience, clock, pollMs: POLL_MS });
  onTestFinished(() => replica.close());
  await replica.ready();
  return replica;
}

async function sidecarOf(feed: RecordedFeed, url: string): Promise<Replica> {
  const { trust, audience } = feed;
  const config = readSidecarConfig({ flags: { feed: url, trust, audience, port: 0, pollMs: POLL_MS }, env: {} });
  const sidecar = await startSidecar(config, { clock: clockAt(NOW_MS), log: pino({ level: "silent" }) });
  onTestFinished(() => sidecar.close());
  await sidecar.replica.ready();
  return sidecar.replica;
}

/** Follows a feed to the end of its stream. */
async function expectFollowed(feed: RecordedFeed, replica: Replica): Promise<void> {
  await expect.poll(() => replica.version, PATIENCE).toEqual(feed.to);
  expect(answersOf(replica)).toEqual(feed.answers.streamed);
  const { policy, refusals, quarantine } = replica.status();
  expect({ policy, refusals: refusals.last, quarantine: quarantine.count }).toEqual({
    policy: feed.policy,
    refusals: undefined,
    quarantine: 0,
  });
  // Looking at the list again, which is older than the stream, takes nothing back (F1).
  await replica.refresh();
  expect(replica.version).toEqual(feed.to);
  expect(answersOf(replica)).toEqual(feed.answers.streamed);
}

describe.each(RECORDED)("%s, which an authority of its time recorded", (name) => {
  const recorded = readRecorded(`${here}${name}`);

  it("has every cause, a lock, an exception, overrides and a tombstone, in its list and in its stream", () => {
    const chunks = [...recorded.parts].filter(([part]) => part.startsWith("chunks/"));
    const list = chunks.map(([, bytes]) => new TextDecoder().decode(bytes)).join("");
    for (const what of ['"nonpayment"', '"breach"', '"offboarding"', '"manual"', '"exception"', '"features"', '"gone"'])
      expect(list).toContain(what);
    const events = [...recorded.watch.matchAll(/^event: (\w+)$/gm)].map(([, event]) => event);
    expect(new Set(events)).toEqual(new Set(["head", "delta", "locks", "policy"]));
    expect(events.filter((event) => event === "delta")).toHaveLength(recorded.to.seq - recorded.from.seq);
    expect(recorded.answers.listed).not.toEqual(recorded.answers.streamed);
  });

  it("is listed to the answers that were recorded", async () => {
    const { url } = await serveRecorded({ ...recorded, watch: "" });
    const replica = await replicaOf(recorded, url);
    expect(replica.version).toEqual(recorded.from);
    expect(answersOf(replica)).toEqual(recorded.answers.listed);
  });

  it("is followed through its stream to the answers that were recorded", async () => {
    const { url, watched } = await serveRecorded(recorded);
    await expectFollowed(recorded, await replicaOf(recorded, url));
    expect(watched[0]).toBe(`${recorded.from.epoch}.${recorded.from.seq}`);
  });

  it("is followed by a sidecar where every statement has fields, and the stream has events, that nobody knows", async () => {
    const future = await fromTheFuture(recorded);
    expect(future.head).not.toBe(recorded.head);
    const { url } = await serveRecorded(future);
    await expectFollowed(future, await sidecarOf(future, url));
  });
});
