import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { followFeed } from "@dimmer/feed/follow";
import { httpSource } from "@dimmer/feed/node";
import { expect, it, onTestFinished } from "vitest";
import { AUD, build, NOW_MS, tenants } from "../build/fixture.ts";
import { FakeClock } from "../follow/fake-clock.ts";
import { nameOf } from "../follow/forge.ts";
import type { ServedFeed } from "../follow/memory-source.ts";
import { signers, trust } from "../follow/replica-fixture.ts";
import { type Handler, open, serve } from "./http-server.ts";

const feed = await build(signers, { entitlements: tenants(20) });

/** Serves a feed as a sidecar or an authority does. */
function handlerOf(served: ServedFeed, seen: string[] = []): Handler {
  return (request, response) => {
    const path = request.url ?? "";
    seen.push(`${path} ${request.headers["if-none-match"] ?? ""}`.trim());
    if (path === "/v1/feed/head") {
      if (request.headers["if-none-match"] === '"1"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"1"' }).end(served.head);
    } else if (path === "/v1/feed/keysets") response.end(JSON.stringify({ keysets: served.keysets }));
    else {
      const bytes = served.parts.get(path.replace("/v1/feed/", ""));
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    }
  };
}

it.each(["a port", "a socket"])("follows a feed from %s, with one conditional question a poll", async (where) => {
  const directory = await mkdtemp(join(tmpdir(), "dimmer-http-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const seen: string[] = [];
  const url = await serve(handlerOf(feed, seen), where === "a socket" ? join(directory, "feed.sock") : undefined);
  const replica = followFeed({
    sources: [httpSource(url)],
    trust: [trust],
    audience: AUD,
    clock: new FakeClock(NOW_MS),
  });
  onTestFinished(() => replica.close());
  await replica.refresh();
  expect(replica.status().sources[0]).toMatchObject({ name: url, state: "ok" });
  expect(replica.value("tenant-1", "seats")).toBe(25);
  seen.length = 0;
  await replica.refresh();
  expect(seen).toEqual(['/v1/feed/head "1"']);
});

it("asks below a path where the feed has one", async () => {
  const seen: string[] = [];
  const url = await serve((request, response) => {
    seen.push(request.url ?? "");
    response.end("token");
  });
  await open(`${url}/eu/`).head();
  expect(seen).toEqual(["/eu/v1/feed/head"]);
});

it("sends the bearer token, and says what is wrong with it", async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(request.headers.authorization === "Bearer good" ? 200 : 401).end("token");
  });
  expect(await open(url, { token: "good" }).head()).toEqual({ token: "token" });
  await expect(open(url).head()).rejects.toThrow(/401, it asks for a bearer token/);
  await expect(open(url, { token: "bad" }).head()).rejects.toThrow(/401, it does not accept the bearer token/);
  expect(seen).toEqual(["Bearer good", undefined, "Bearer bad"]);
});

const answers: [string, Handler, string, RegExp][] = [
  [
    "a redirect",
    (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
    "feed_refused",
    /redirects are not followed/,
  ],
  [
    "a compressed body",
    (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x")),
    "feed_refused",
    /is encoded \(gzip\)/,
  ],
  [
    "a length that is too much",
    (_, response) => response.writeHead(200, { "content-length": "5000" }).end("x".repeat(5_000)),
    "feed_refused",
    /has 5000 bytes, at most 4096/,
  ],
  [
    "a body without end",
    (_, response) => void setInterval(() => response.write("x".repeat(3_000)), 1).unref(),
    "feed_refused",
    /more than 4096 bytes/,
  ],
  ["an error of the server", (_, response) => response.writeHead(500).end(), "feed_unreachable", /answered 500/],
  [
    "a connection that is cut",
    (request) => request.socket.destroy(),
    "feed_unreachable",
    /other side closed|ECONNRESET/,
  ],
];
it.each(answers)("takes %s for no head", async (_, handler, code, message) => {
  const source = open(await serve(handler));
  await expect(source.head()).rejects.toMatchObject({ code });
  await expect(source.head()).rejects.toThrow(message);
  await expect(source.head()).rejects.toThrow(source.name);
});

it("asks for lists compressed where it is told to, and then takes gzip, br and what is as it was", async () => {
  const index = nameOf(feed, "index").slice("index/".length);
  const bytes = feed.parts.get(`index/${index}`) as Uint8Array;
  const bodies = { gzip: gzipSync(bytes), br: brotliCompressSync(bytes), identity: bytes };
  const seen: unknown[] = [];
  for (const [encoding, body] of Object.entries(bodies)) {
    const url = await serve(({ headers }, response) => {
      seen.push(headers["accept-encoding"]);
      response.writeHead(200, encoding === "identity" ? {} : { "content-encoding": encoding }).end(body);
    });
    expect(Buffer.from(await open(url, { isCompressed: true }).part("index", index))).toEqual(Buffer.from(bytes));
    await open(url)
      .part("index", index)
      .catch(() => undefined);
  }
  expect(seen).toEqual(Array.from({ length: 3 }, () => ["br, gzip", "identity"]).flat());
});

it("reads no more of what is compressed than of what is not", async () => {
  const bomb = Buffer.alloc(8 * 1024 * 1024);
  const nothing = Buffer.concat(Array(1_000).fill(gzipSync("")));
  const damaged = gzipSync("token").subarray(0, 20);
  const bodies: [string, Uint8Array, RegExp][] = [
    ["gzip", gzipSync(bomb), /has (?:more than (?:4096|8192)|\d+) bytes/],
    ["gzip", gzipSync(bomb.subarray(0, 1024 * 1024)), /has more than 4096 bytes/],
    ["br", brotliCompressSync(bomb), /has more than 4096 bytes/],
    ["gzip", nothing, /has (?:more than 8192|\d+) bytes/],
    ["gzip", damaged, /is no whole gzip/],
    ["br", Buffer.from("what is this"), /is no whole br/],
    ["zstd", Buffer.from("x"), /is encoded \(zstd\)/],
  ];
  for (const [encoding, body, message] of bodies) {
    for (const isChunked of [false, true]) {
      const url = await serve((_, response) => {
        response.writeHead(200, { "content-encoding": encoding });
        if (isChunked) response.write(body.subarray(0, 1));
        response.end(isChunked ? body.subarray(1) : body);
      });
      const reading = open(url, { isCompressed: true }).head();
      await expect(reading).rejects.toMatchObject({ code: "feed_refused", retryable: false });
      await expect(reading).rejects.toThrow(message);
    }
  }
});

it("takes for keysets only what is a list of tokens", async () => {
  for (const body of ["", "[]", '{"keysets":"x"}', '{"keysets":[1]}', '"x"', "null"]) {
    const source = open(await serve((_, response) => response.end(body)));
    await expect(source.keysets()).rejects.toThrow(/must be \{"keysets"/);
  }
});

it("gives up when no headers come, when the body stops, and when it drips", async () => {
  const silent = open(await serve(() => undefined), { headersTimeoutMs: 30 });
  await expect(silent.head()).rejects.toMatchObject({ code: "feed_unreachable" });
  const stopping = await serve((_, response) => response.write("x"));
  await expect(open(stopping, { bodyTimeoutMs: 30 }).head()).rejects.toMatchObject({ code: "feed_unreachable" });
  const dripping = await serve((_, response) => void setInterval(() => response.write("x"), 2).unref());
  await expect(open(dripping, { totalTimeoutMs: 100 }).head()).rejects.toThrow(/no whole answer in 100 ms/);
});

it("says that nobody answers", async () => {
  const source = open("unix:/nowhere/at-all.sock");
  await expect(source.head()).rejects.toMatchObject({ code: "feed_unreachable", retryable: true });
  await expect(source.head()).rejects.toThrow(/unix:\/nowhere\/at-all\.sock\/v1\/feed\/head: .*ENOENT/);
});

it("hands on how long it is to be left alone", async () => {
  const url = await serve((_, response) => response.writeHead(503, { "retry-after": "7" }).end());
  await expect(open(url).head()).rejects.toMatchObject({ code: "feed_unreachable", retryAfterMs: 7_000 });
});

it("stops when told to", async () => {
  const source = open(await serve(() => undefined));
  const abort = new AbortController();
  const reading = source.part("index", nameOf(feed, "index").slice("index/".length), abort.signal);
  abort.abort(new Error("closed"));
  await expect(reading).rejects.toMatchObject({ code: "feed_unreachable" });
});

it("refuses addresses that it cannot read, naming the fix", () => {
  for (const url of [
    "ftp://x",
    "feed.example",
    "unix:relative.sock",
    "http://user:secret@x/",
    "http://x/?token=secret",
  ]) {
    expect(() => httpSource(url)).toThrow(TypeError);
    expect(() => httpSource(url)).toThrow(/^feed: /);
  }
  expect(() => httpSource("http://user:secret@x/")).toThrow(/^(?!.*secret)/);
});
