import { describe, expect, it } from "vitest";
import { sourcesOf } from "../src/feed-sources.ts";

describe("sourcesOf", () => {
  it("reads addresses over the network and everything else from a directory", () => {
    const feed = [
      "./feed",
      "file:///srv/feed",
      "unix:/run/dimmer.sock",
      "http://127.0.0.1:7301",
      "https://feed.example.com",
    ];
    expect(sourcesOf({ feed }).map(({ kind }) => kind)).toEqual([
      "directory",
      "directory",
      "network",
      "network",
      "network",
    ]);
  });

  it.each([
    ["unix:relative.sock", "must name an absolute path"],
    ["http://", "must be http://"],
    ["file://elsewhere/feed", "--feed file://elsewhere/feed: "],
  ])("refuses %s", (feed, message) => {
    expect(() => sourcesOf({ feed: [feed] })).toThrow(message);
  });

  it("shows no password that stands in an address", () => {
    const read = (): unknown => sourcesOf({ feed: ["https://user:hunter2@feed.example.com"] });
    expect(read).toThrow("--feed https://…@feed.example.com: https://feed.example.com must be given without user name");
    expect(read).not.toThrow("hunter2");
  });
});
