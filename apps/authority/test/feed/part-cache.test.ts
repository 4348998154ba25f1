import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { FeedSource } from "@dimmer/feed/follow";
import { describe, expect, it } from "vitest";
import { codingFor, PartCache } from "../../src/feed/part-cache.ts";

const line = '{"tenant":"acme","plan":"pro"}\n';
function source(): FeedSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    name: "test",
    kind: "network",
    head: () => Promise.reject(new Error("unused")),
    keysets: () => Promise.reject(new Error("unused")),
    part: (_, digest) => {
      asked.push(digest);
      if (digest === "none") return Promise.reject(new Error("there is none"));
      return Promise.resolve(Buffer.from(line.repeat(digest === "small" ? 1 : 1_000)));
    },
  };
}

describe("parts as they are sent", () => {
  it("are packed once however many ask at once, and kept", async () => {
    const from = source();
    const cache = new PartCache(from);
    const all = await Promise.all(Array.from({ length: 50 }, () => cache.part("chunks", "a", "br")));
    expect(new Set(all).size).toBe(1);
    expect(brotliDecompressSync(all[0]?.bytes as Uint8Array).toString()).toBe(line.repeat(1_000));
    const gzip = await cache.part("chunks", "a", "gzip");
    expect(gunzipSync(gzip.bytes).toString()).toBe(line.repeat(1_000));
    await cache.part("chunks", "a", "br");
    expect(from.asked).toEqual(["a", "a"]);
  });

  it("F7 · take no more memory than they may, the oldest making room", async () => {
    const from = source();
    const cache = new PartCache(from, 70_000);
    for (const digest of ["a", "b", "a", "c"]) await cache.part("chunks", digest, "identity");
    expect(cache.bytes).toBeLessThanOrEqual(70_000);
    await cache.part("chunks", "a", "identity");
    expect(from.asked).toEqual(["a", "b", "c"]);
    await cache.part("chunks", "b", "identity");
    expect(from.asked).toEqual(["a", "b", "c", "b"]);
  });

  it("are sent as they are where they are small, and a fault is not kept", async () => {
    const from = source();
    const cache = new PartCache(from);
    expect((await cache.part("locks", "small", "br")).coding).toBe("identity");
    await expect(cache.part("locks", "none", "br")).rejects.toThrow("none");
    await expect(cache.part("locks", "none", "br")).rejects.toThrow("none");
    expect(from.asked).toEqual(["small", "none", "none"]);
  });

  it.each([
    [undefined, "identity"],
    ["gzip", "gzip"],
    ["gzip, deflate, br", "br"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["GZIP; q=1", "gzip"],
    ["*", "identity"],
    ["gzip;q=0", "identity"],
    ["identity", "identity"],
  ])("go in the coding that the reader takes: %s", (accepted, coding) => {
    expect(codingFor(accepted)).toBe(coding);
  });
});
