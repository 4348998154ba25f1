import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { WatchEvent } from "@dimmer/feed/follow";
import { httpSource } from "@dimmer/feed/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";

const payloadOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

/** A stream of a sidecar as it comes, byte by byte. */
async function open(
  { socketPath }: Pick<RunningSidecar, "socketPath">,
  query: string,
): Promise<{ readonly answer: IncomingMessage; readonly text: () => string; readonly ended: Promise<void> }> {
  const asked = request({ socketPath, path: `/v1/feed/watch?${query}`, agent: false }).end();
  onTestFinished(() => void asked.destroy());
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  answer.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  answer.on("error", () => undefined);
  return { answer, text: () => text, ended: new Promise((done) => answer.once("close", () => done())) };
}

describe("/v1/feed/watch", () => {
  it("gives the head that is held, then each as it comes into force, byte for byte", async () => {
    const feed = await testFeed();
    const sidecar = await runSidecar(feed);
    const { answer, text } = await open(sidecar, "epoch=1&seq=1");
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "text/event-stream"]);
    const first = `: hb\n\nevent: head\ndata: ${sidecar.replica.readHead()?.token}\n\n`;
    await expect.poll(text).toBe(first);
    await feed.publish({ locks: [] });
    await sidecar.replica.refresh();
    const second = `event: head\ndata: ${sidecar.replica.readHead()?.token}\n\n`;
    await expect.poll(text).toBe(first + second);
    expect(payloadOf(sidecar.replica.readHead()?.token ?? "")).toMatchObject({ epoch: 1, seq: 2 });
  });

  it("asks who holds what is not kept, or not known, to list again", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const version of ["epoch=1&seq=0", "epoch=1&seq=2", "epoch=2&seq=1", "epoch=0&seq=1"]) {
      const answer = await ask(`/v1/feed/watch?${version}`);
      expect([answer.status, answer.json()], version).toEqual([
        410,
        expect.objectContaining({ type: "urn:dimmer:problem:gone" }),
      ]);
    }
  });

  it("refuses a version that is none, naming the field", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const [query, field] of [
      ["", "epoch"],
      ["?epoch=1", "epoch"],
      ["?epoch=1&seq=x", "epoch"],
      ["?epoch=1&seq=-1", "epoch"],
      ["?epoch=1&seq=1&tenants=all", "tenants"],
    ]) {
      const answer = await ask(`/v1/feed/watch${query}`);
      expect([answer.status, answer.json()], query).toEqual([400, expect.objectContaining({ field })]);
    }
    expect((await ask("/v1/feed/watch", { method: "POST", body: "" })).status).toBe(405);
  });

  it("is for those alone who may read the feed", async () => {
    const feed = await testFeed();
    const closed = await runSidecar(feed);
    expect((await closed.askTcp("/v1/feed/watch?epoch=1&seq=1")).status).toBe(403);
    const { json, status } = await closed.askTcp("/v1/feed/ack", { body: {} });
    expect([status, json()]).toEqual([403, expect.objectContaining({ type: "urn:dimmer:problem:door_closed" })]);
  });

  it("opens as many streams as it is told to, and asks more to come back later", async () => {
    const sidecar = await runSidecar(await testFeed(), { flags: { maxStreams: 2 } });
    const streams = [await open(sidecar, "epoch=1&seq=1"), await open(sidecar, "epoch=1&seq=1&tenants=none")];
    const full = await sidecar.ask("/v1/feed/watch?epoch=1&seq=1");
    expect([full.status, full.json()]).toEqual([503, expect.objectContaining({ type: "urn:dimmer:problem:busy" })]);
    expect(Number(full.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(Number(full.headers["retry-after"])).toBeLessThanOrEqual(30);
    expect((await sidecar.ask("/metrics")).text).toContain("\ndimmer_streams_open 2\n");
    streams[0]?.answer.destroy();
    await expect.poll(async () => (await sidecar.ask("/metrics")).text).toContain("\ndimmer_streams_open 1\n");
    expect((await open(sidecar, "epoch=1&seq=1")).answer.statusCode).toBe(200);
  });

  it("asks to come again before a generation is verified", async () => {
    const feed = await testFeed();
    const missing = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const { ask } = await runSidecar(missing, { isAwaited: false });
    const answer = await ask("/v1/feed/watch?epoch=1&seq=1");
    expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
  });

  it("sends its followers away when it stops, within its time to drain", async () => {
    const sidecar = await runSidecar(await testFeed(), { flags: { drainMs: 60_000 } });
    const source = httpSource(`unix:${sidecar.socketPath}`);
    onTestFinished(() => source.close?.());
    const watch = source.watch?.({ epoch: 1, seq: 1 }, { tenants: true }, new AbortController().signal);
    const events: WatchEvent[] = [];
    for await (const event of watch ?? []) {
      events.push(event);
      if (events.length === 2) void sidecar.close();
    }
    expect(events).toEqual([
      { event: "beat" },
      { event: "head", data: sidecar.replica.readHead()?.token },
      { event: "goaway", afterMs: expect.any(Number) as unknown },
    ]);
    await sidecar.close();
  });

  it("answers HEAD without a stream that nobody would read", async () => {
    const sidecar = await runSidecar(await testFeed());
    const answer = await sidecar.ask("/v1/feed/watch?epoch=1&seq=1", { method: "HEAD" });
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect((await sidecar.ask("/metrics")).text).toContain("\ndimmer_streams_open 0\n");
  });
});
