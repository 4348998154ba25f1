import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeFrame, type WatchFrame, WatchHub, type WatchHubOptions } from "@dimmer/feed/node";
import { expect, it, onTestFinished } from "vitest";

/** A reader of a hub: what it has read, and how it stops reading. */
interface Reader {
  readonly answer: IncomingMessage;
  readonly text: () => string;
  readonly ended: Promise<unknown>;
}

interface Hub {
  readonly hub: WatchHub;
  readonly read: (
    backlog?: readonly WatchFrame[],
    options?: { readonly isWithoutTenants?: boolean },
  ) => Promise<Reader>;
}

const delta = (seq: number, data = "ddd"): WatchFrame => ({ event: "delta", data, version: { epoch: 1, seq } });
const head = (data = "hhh"): WatchFrame => ({ event: "head", data });

/** A hub behind a real server. */
async function hubOf(options: WatchHubOptions = {}): Promise<Hub> {
  const hub = new WatchHub(options);
  const waiting: ((response: ServerResponse) => void)[] = [];
  const server = createServer((_, response) => waiting.shift()?.(response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const read: Hub["read"] = async (backlog = [], opened = {}) => {
    waiting.push((response) => hub.open(response, backlog, opened));
    const asked = request({ port, host: "127.0.0.1", agent: false }).end();
    onTestFinished(() => void asked.destroy());
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    let text = "";
    answer.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    answer.on("error", () => undefined);
    return { answer, text: () => text, ended: new Promise((done) => answer.once("close", done)) };
  };
  return { hub, read };
}

it("gives what happened before, then what happens, each as the same bytes to all", async () => {
  const { hub, read } = await hubOf();
  const readers = [await read([delta(1), head()]), await read([head()])];
  expect(readers[0]?.answer.headers).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "no-store",
  });
  hub.broadcast([{ event: "locks", data: "lll" }, delta(2), head("iii")]);
  hub.beat();
  const news = "event: locks\ndata: lll\n\nevent: delta\nid: 1.2\ndata: ddd\n\nevent: head\ndata: iii\n\n: hb\n\n";
  const before = ": hb\n\nevent: delta\nid: 1.1\ndata: ddd\n\nevent: head\ndata: hhh\n\n";
  await expect
    .poll(() => readers.map(({ text }) => text()))
    .toEqual([before + news, `: hb\n\nevent: head\ndata: hhh\n\n${news}`]);
});

it("gives no delta to who wants none, neither of before nor after", async () => {
  const { hub, read } = await hubOf();
  const reader = await read([{ event: "policy", data: "ppp" }, delta(1), head()], { isWithoutTenants: true });
  hub.broadcast([delta(2)]);
  hub.broadcast([delta(3), head("iii")]);
  await expect
    .poll(reader.text)
    .toBe(": hb\n\nevent: policy\ndata: ppp\n\nevent: head\ndata: hhh\n\nevent: head\ndata: iii\n\n");
});

it("drops who does not keep up, and nobody else", async () => {
  const { hub, read } = await hubOf({ maxBehindBytes: 64 * 1024 });
  const quick = await read();
  const slow = await read();
  slow.answer.pause();
  const big = delta(1, "x".repeat(32 * 1024));
  await expect
    .poll(
      () => {
        hub.broadcast([big]);
        return hub.dropped;
      },
      { interval: 1 },
    )
    .toBe(1);
  slow.answer.resume();
  await slow.ended;
  expect(hub.size).toBe(1);
  hub.broadcast([head("last")]);
  await expect.poll(() => quick.text().endsWith("event: head\ndata: last\n\n")).toBe(true);
});

it("gives a reader the time for a backlog, or one batch, that is larger than it may be behind", async () => {
  const { hub, read } = await hubOf({ maxBehindBytes: 1_024 });
  const large = delta(1, "x".repeat(16 * 1024 * 1024));
  const late = await read([large]);
  hub.broadcast([head("next")]);
  await expect.poll(() => late.text().endsWith("event: head\ndata: next\n\n")).toBe(true);
  const reader = await read();
  await expect.poll(reader.text).toBe(": hb\n\n");
  hub.broadcast([large]);
  hub.broadcast([head("after")]);
  await expect.poll(() => reader.text().endsWith("event: head\ndata: after\n\n")).toBe(true);
  late.answer.destroy();
  await expect.poll(() => hub.size).toBe(1);
  expect(hub.dropped).toBe(0);
  reader.answer.pause();
  hub.broadcast([large]);
  hub.broadcast([large]);
  hub.broadcast([head("never")]);
  expect(hub.dropped).toBe(1);
});

it("sends everybody away to a time of their own, and forgets who leaves", async () => {
  const { hub, read } = await hubOf({ maxStreams: 2 });
  const first = await read();
  expect(hub.hasRoom).toBe(true);
  const second = await read([], { isWithoutTenants: true });
  expect([hub.size, hub.hasRoom]).toEqual([2, false]);
  first.answer.destroy();
  await expect.poll(() => hub.size).toBe(1);
  hub.sendAway(10_000, () => 0.25);
  await second.ended;
  expect(second.text()).toBe(': hb\n\nevent: goaway\ndata: {"afterMs":2500}\n\n');
  expect(hub.size).toBe(0);
});

it("writes an event so that it is one, whatever its version", () => {
  expect(encodeFrame(delta(7)).toString()).toBe("event: delta\nid: 1.7\ndata: ddd\n\n");
  expect(encodeFrame(head()).toString()).toBe("event: head\ndata: hhh\n\n");
});
