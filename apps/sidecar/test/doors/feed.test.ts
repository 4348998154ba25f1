import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { followFeed } from "@dimmer/feed/follow";
import { httpSource } from "@dimmer/feed/node";
import type { HeadPayload } from "@dimmer/statement";
import { describe, expect, it, onTestFinished } from "vitest";
import { runSidecar, stoppedClock, testFeed } from "../running-sidecar.ts";

const payloadOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as unknown;

describe("/v1/feed", () => {
  it("serves every part byte for byte as the directory has it", async () => {
    const feed = await testFeed();
    const { ask } = await runSidecar(feed);
    const head = await ask("/v1/feed/head");
    expect(head.bytes).toEqual(readFileSync(join(feed.directory, "head.jws")));
    expect(head.headers).toMatchObject({ "content-type": "application/jose", "cache-control": "private, no-cache" });
    for (const kind of ["index", "policy", "locks", "chunks"]) {
      const files = readdirSync(join(feed.directory, kind));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        const part = await ask(`/v1/feed/${kind}/${file.split(".")[0]}`);
        expect([part.status, part.bytes]).toEqual([200, readFileSync(join(feed.directory, kind, file))]);
        expect(part.headers).toMatchObject({
          "cache-control": "private, max-age=31536000, immutable",
          "content-type": kind === "chunks" ? "application/x-ndjson" : "application/jose",
        });
      }
    }
    const keysets = readdirSync(join(feed.directory, "keysets")).sort();
    expect((await ask("/v1/feed/keysets")).json()).toEqual({
      keysets: keysets.map((file) => readFileSync(join(feed.directory, "keysets", file), "utf8")),
    });
  });

  it("answers 304 to who has the head, and the new one once there is one", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    const { etag = "" } = (await ask("/v1/feed/head")).headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const same = await ask("/v1/feed/head", { headers: { "if-none-match": tags } });
      expect([same.status, same.text, same.headers.etag], tags).toEqual([304, "", etag]);
    }
    expect((await ask("/v1/feed/head", { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    await feed.publish({ locks: [] });
    await replica.refresh();
    const next = await ask("/v1/feed/head", { headers: { "if-none-match": etag } });
    expect([next.status, payloadOf(next.text)]).toEqual([200, expect.objectContaining({ epoch: 1, seq: 2 })]);
  });

  it("serves only what is verified: a half-copied generation is not served", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    const before = (await ask("/v1/feed/head")).text;
    const next = await testFeed();
    const { cpSync, writeFileSync } = await import("node:fs");
    cpSync(join(next.directory, "head.jws"), join(feed.directory, "head.jws"));
    await replica.refresh();
    expect((await ask("/v1/feed/head")).text).toBe(before);
    writeFileSync(join(feed.directory, "chunks", `${"a".repeat(43)}.ndjson`), "{}\n");
    expect((await ask(`/v1/feed/chunks/${"a".repeat(43)}`)).status).toBe(404);
  });

  it("is followed by a replica over the socket, which answers alike", async () => {
    const feed = await testFeed();
    const { socketPath, replica } = await runSidecar(feed);
    const follower = followFeed({
      sources: [httpSource(`unix:${socketPath}`)],
      trust: [feed.trust],
      clock: stoppedClock(),
      pollMs: 50,
    });
    onTestFinished(() => follower.close());
    await follower.ready();
    expect(follower.version).toEqual(replica.version);
    for (const tenant of ["acme", "unpaid", "locked", "nobody"]) {
      expect(follower.check(tenant, "create", "member")).toEqual(replica.check(tenant, "create", "member"));
    }
  });

  it("refuses what is no digest, and tells what is not held", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const digest of ["x", "..%2f..%2fhead", "a".repeat(44), `${"a".repeat(42)}%2f`]) {
      const answer = await ask(`/v1/feed/chunks/${digest}`);
      expect([answer.status, answer.json()], digest).toEqual([400, expect.objectContaining({ field: "digest" })]);
    }
    expect((await ask(`/v1/feed/index/${"b".repeat(43)}`)).status).toBe(404);
    expect((await ask(`/v1/feed/heads/${"b".repeat(43)}`)).status).toBe(404);
  });

  it("asks to come again before a generation is verified", async () => {
    const feed = await testFeed();
    const { ask } = await runSidecar(
      { directory: `${feed.directory}-not-there`, trust: feed.trust },
      { isAwaited: false },
    );
    for (const path of ["/v1/feed/head", "/v1/feed/keysets"]) {
      const answer = await ask(path);
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
    }
  });

  it("goes on serving what is held when the directory is gone", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    const head = (await ask("/v1/feed/head")).text;
    const { index } = payloadOf(head) as HeadPayload;
    const { rmSync } = await import("node:fs");
    rmSync(feed.directory, { recursive: true });
    await replica.refresh();
    expect((await ask("/v1/feed/head")).text).toBe(head);
    expect((await ask(`/v1/feed/index/${index}`)).status).toBe(200);
  });
});
