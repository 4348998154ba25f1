import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readAddress } from "../../src/connect/address.ts";

const read = (value: unknown) => readAddress(value, "connect: feed");

describe("readAddress", () => {
  it("takes a socket path, with and without slashes before it", () => {
    const address = { kind: "unix", socketPath: "/run/dimmer/sidecar.sock", isLocal: true };
    expect(read("unix:/run/dimmer/sidecar.sock")).toEqual(address);
    expect(read("unix:///run/dimmer/sidecar.sock")).toEqual(address);
  });

  it("takes http and https, with a path before /v1 where there is one", () => {
    expect(read("http://127.0.0.1:7301")).toEqual({
      kind: "http",
      origin: "http://127.0.0.1:7301",
      prefix: "",
      isLocal: true,
    });
    expect(read("https://cdn.example.com/feeds/eu/")).toEqual({
      kind: "http",
      origin: "https://cdn.example.com",
      prefix: "/feeds/eu",
      isLocal: false,
    });
  });

  it("takes a directory as a path or a file: URL, and makes it absolute", () => {
    expect(read("feeds/dev")).toEqual({ kind: "directory", path: resolve("feeds/dev"), isLocal: true });
    expect(read("./a:b")).toEqual({ kind: "directory", path: resolve("a:b"), isLocal: true });
    expect(read("file:///srv/a%20feed")).toEqual({ kind: "directory", path: "/srv/a feed", isLocal: true });
  });

  it.each(["http://localhost:1", "http://127.0.0.1:1", "http://127.9.9.9", "http://127.1", "http://[::1]:1"])(
    "knows %s as loopback",
    (value) => expect(read(value).isLocal).toBe(true),
  );

  it.each(["http://10.0.0.1", "http://127.evil.example", "http://127.0.0.1.evil.example", "http://[::2]", "https://a"])(
    "knows %s as another machine",
    (value) => expect(read(value).isLocal).toBe(false),
  );

  it.each([
    [undefined, /connect: feed is missing: give unix:/],
    ["", /feed is "": give unix:/],
    [7, /feed is 7: give unix:/],
    ["ftp://host/feed", /feed is "ftp:\/\/host\/feed": the scheme ftp: is none of unix:/],
    ["unix:run.sock", /feed is "unix:run.sock": give an absolute path/],
    [`unix:/${"x".repeat(107)}`, /a socket path has at most 107 bytes/],
    ["http://", /give a whole URL/],
    ["http://host/?a=1", /give no query and no fragment: http:\/\/host\//],
    ["file://host/feed", /a file: URL names an absolute path on this machine/],
    ["feed\0", /NUL/],
  ])("refuses %j by name, value and fix", (value, message) => {
    expect(() => read(value)).toThrow(TypeError);
    expect(() => read(value)).toThrow(message);
  });

  it("never repeats a password", () => {
    expect(() => read("http://user:hunter2@host")).toThrow(/carries no user or password/);
    expect(() => read("http://user:hunter2@host")).not.toThrow(/hunter2/);
  });
});
