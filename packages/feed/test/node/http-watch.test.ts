import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { SourceFault, WatchEvent } from "@dimmer/feed/follow";
import { describe, expect, it, onTestFinished } from "vitest";
import { collect, type Handler, open, serve } from "./http-server.ts";

const FROM = { epoch: 3, seq: 42 };
const STREAM = { "content-type": "text/event-stream" };
const live = (): AbortSignal => new AbortController().signal;

/** Reads a watch to its end. */
async function eventsOf(url: string, options?: Parameters<typeof open>[1]): Promise<WatchEvent[]> {
  return await collect(open(url, options).watch(FROM, { tenants: true }, live()));
}

async function faultOf(url: string, options?: Parameters<typeof open>[1]): Promise<SourceFault> {
  return await eventsOf(url, options).then(
    () => expect.unreachable("the watch must fail"),
    (error: SourceFault) => error,
  );
}

/** Answers with a stream that says this and ends. */
const saying =
  (text: string): Handler =>
  (_, response) =>
    response.writeHead(200, STREAM).end(text);

describe("watch", () => {
  it.each(["a port", "a socket"])("gives the events of a stream from %s until it ends", async (where) => {
    const directory = await mkdtemp(join(tmpdir(), "dimmer-watch-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const text = ": hb\n\nevent: locks\ndata: aaa\n\nevent: delta\nid: 3.43\ndata: bbb\n\nevent: head\ndata: ccc\n\n";
    const url = await serve(saying(text), where === "a socket" ? join(directory, "s") : undefined);
    expect(await eventsOf(url)).toEqual([
      { event: "beat" },
      { event: "locks", data: "aaa" },
      { event: "delta", data: "bbb" },
      { event: "head", data: "ccc" },
    ]);
  });

  it("asks from the version held, with the token, for locks, policy and heads alone where nothing else is wanted", async () => {
    const seen: unknown[] = [];
    const url = await serve(({ method, url: path, headers }, response) => {
      seen.push([method, path, headers.authorization, headers.accept, headers["accept-encoding"]]);
      response.writeHead(200, STREAM).end();
    });
    const source = open(`${url}/eu`, { token: "good", isCompressed: true });
    await collect(source.watch(FROM, { tenants: true }, live()));
    await collect(source.watch(FROM, { tenants: false }, live()));
    const common = ["Bearer good", "text/event-stream", "identity"];
    expect(seen).toEqual([
      ["GET", "/eu/v1/feed/watch?epoch=3&seq=42", ...common],
      ["GET", "/eu/v1/feed/watch?epoch=3&seq=42&tenants=none", ...common],
    ]);
  });

  it("passes over events that it does not know, and what is cut off at the end", async () => {
    const text = `event: future\ndata: ${"x".repeat(100_000)}\n\ndata: unnamed\n\nevent: head\ndata: a\n\nevent: head\ndata: b`;
    expect(await eventsOf(await serve(saying(text)))).toEqual([{ event: "head", data: "a" }]);
  });

  it("ends at a goodbye, and tells until when", async () => {
    for (const [data, afterMs] of [
      ['{"afterMs":7000}', 7_000],
      ['{"afterMs":1e12}', 3_600_000],
      ['{"afterMs":-1}', 1_000],
      ["soon", 1_000],
    ] as const) {
      const url = await serve((_, response) =>
        response.writeHead(200, STREAM).write(`event: goaway\ndata: ${data}\n\nevent: head\ndata: a\n\n`),
      );
      expect(await eventsOf(url)).toEqual([{ event: "goaway", afterMs }]);
    }
  });

  it("refuses an event that is larger than a token of its kind may be", async () => {
    const fault = await faultOf(await serve(saying(`event: head\ndata: ${"x".repeat(4_097)}\n\n`)));
    expect(fault).toMatchObject({ code: "feed_refused", retryable: false });
    expect(fault.message).toMatch(/watch\?epoch=3&seq=42: an event "head" has more than 4096 bytes/);
  });

  const statuses: [number, Partial<SourceFault>][] = [
    [410, { code: "feed_unreachable", isGone: true, isUnsupported: false }],
    [404, { code: "feed_unreachable", isGone: false, isUnsupported: true }],
    [405, { isUnsupported: true }],
    [501, { isUnsupported: true }],
    [401, { code: "feed_unreachable", retryable: true, isGone: false, isUnsupported: false, retryAfterMs: 7_000 }],
    [403, { code: "feed_unreachable", retryable: true, retryAfterMs: 7_000 }],
    [429, { code: "feed_unreachable", retryable: true, retryAfterMs: 7_000 }],
    [503, { code: "feed_unreachable", retryable: true, retryAfterMs: 7_000, isUnsupported: false }],
    [302, { code: "feed_refused", retryable: false, isUnsupported: false }],
  ];
  it.each(statuses)("takes %i for what it is", async (status, expected) => {
    const headers = { "retry-after": "7", location: "/elsewhere" };
    expect(await faultOf(await serve((_, response) => response.writeHead(status, headers).end()))).toMatchObject(
      expected,
    );
  });

  it("takes a page for no stream, and refuses one that is encoded", async () => {
    const page = await serve((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"));
    expect(await faultOf(page)).toMatchObject({ isUnsupported: true });
    const encoded = { ...STREAM, "content-encoding": "gzip" };
    const url = await serve((_, response) => response.writeHead(200, encoded).end(gzipSync("event: head\n")));
    expect(await faultOf(url)).toMatchObject({ code: "feed_refused", isUnsupported: false });
  });

  it("gives up a stream that falls silent, and one that never begins", async () => {
    const silent = await serve((_, response) => response.writeHead(200, STREAM).write(": hb\n\n"));
    expect(await faultOf(silent, { silenceMs: 50 })).toMatchObject({ code: "feed_unreachable", retryable: true });
    expect((await faultOf(silent, { silenceMs: 50 })).message).toMatch(/fell silent/);
    const mute = await serve(() => undefined);
    expect(await faultOf(mute, { headersTimeoutMs: 50 })).toMatchObject({ retryable: true });
    expect(await faultOf("unix:/nowhere/at-all.sock")).toMatchObject({ code: "feed_unreachable", retryable: true });
  });

  it("fails, retryable, when the connection is cut", async () => {
    const url = await serve((request, response) => {
      response.writeHead(200, STREAM).write("event: head\ndata: a\n\n", () => request.socket.destroy());
    });
    expect(await faultOf(url)).toMatchObject({ code: "feed_unreachable", retryable: true });
  });

  it("ends when told to, and closes its connection also when it is left early", async () => {
    const closed: Promise<unknown>[] = [];
    const opened: ServerResponse[] = [];
    const url = await serve((_, response) => {
      opened.push(response);
      closed.push(once(response, "close"));
      response.writeHead(200, STREAM).write(": hb\n\n");
    });
    const abort = new AbortController();
    for await (const event of open(url).watch(FROM, { tenants: true }, abort.signal)) {
      expect(event).toEqual({ event: "beat" });
      abort.abort();
    }
    for await (const event of open(url).watch(FROM, { tenants: true }, live())) {
      expect(event).toEqual({ event: "beat" });
      break;
    }
    await Promise.all(closed);
    expect(opened).toHaveLength(2);
    expect(await collect(open(url).watch(FROM, { tenants: true }, AbortSignal.abort()))).toEqual([]);
  });

  it("leaves lists their connections, however many streams are open", async () => {
    const url = await serve((request, response) => {
      if (request.url?.startsWith("/v1/feed/watch")) response.writeHead(200, STREAM).write(": hb\n\n");
      else response.end("token");
    });
    const source = open(url, { totalTimeoutMs: 5_000 });
    const streams = Array.from({ length: 20 }, () => source.watch(FROM, { tenants: true }, live()));
    const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
    await Promise.all(iterators.map((iterator) => iterator.next()));
    expect(await source.head()).toEqual({ token: "token" });
    for (const iterator of iterators) await iterator.return?.();
  });

  it("does not keep a process alive", async () => {
    const url = await serve((_, response) => response.writeHead(200, STREAM).write(": hb\n\n"));
    const script = fileURLToPath(new URL("watching-process.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=@dimmer/source", script, url], { stdio: "inherit" });
    onTestFinished(() => void child.kill("SIGKILL"));
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

describe("ack", () => {
  const ACK = { replica: "r_1", epoch: 3, seq: 42, followers: 2, quarantine: 1, refusals: 0 };

  it("tells what is enforced, as JSON, with the token", async () => {
    const seen: unknown[] = [];
    const url = await serve((request, response) => {
      request.setEncoding("utf8").on("data", (body: string) => {
        const { method, url: path, headers } = request;
        seen.push([method, path, headers.authorization, headers["content-type"], JSON.parse(body)]);
        response.writeHead(204).end();
      });
    });
    await open(url, { token: "good" }).ack(ACK, live());
    expect(seen).toEqual([["POST", "/v1/feed/ack", "Bearer good", "application/json", ACK]]);
  });

  it("says that nobody takes it, or when to come back", async () => {
    const ackTo = async (status: number): Promise<void> =>
      await open(await serve((_, response) => response.writeHead(status, { "retry-after": "7" }).end())).ack(
        ACK,
        live(),
      );
    await expect(ackTo(404)).rejects.toMatchObject({ code: "feed_unreachable", isUnsupported: true });
    await expect(ackTo(503)).rejects.toMatchObject({ code: "feed_unreachable", retryAfterMs: 7_000 });
    await expect(open("unix:/nowhere.sock").ack(ACK, live())).rejects.toMatchObject({ code: "feed_unreachable" });
  });
});
