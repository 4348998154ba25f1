import { standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { type ConnectOptions, checkOptions } from "../../src/connect/options.ts";

const TRUST = `SHA256:${"A".repeat(43)}`;
const check = (options: object) => checkOptions({ feed: "/srv/feed", trust: TRUST, ...options } as ConnectOptions);

describe("checkOptions", () => {
  it("fills in what is left out", () => {
    expect(check({})).toMatchObject({ audience: "development", waitMs: 2_000, trust: [TRUST] });
  });

  it("takes several feeds and several roots", () => {
    const { addresses, trust } = check({ feed: ["/srv/feed", "unix:/s"], trust: [TRUST, TRUST] });
    expect(addresses.map(({ kind }) => kind)).toEqual(["directory", "unix"]);
    expect(trust).toHaveLength(2);
  });

  it.each([
    [{ audiance: "production" }, /connect: audiance is no option:.* known are feed, trust, audience/],
    [{ feed: [] }, /connect: feed is an empty list/],
    [{ feed: "gopher://x" }, /connect: feed is "gopher:\/\/x"/],
    [{ trust: undefined }, /connect: trust is missing: give SHA256:/],
    [{ trust: "SHA256:short" }, /connect: trust is "SHA256:short"/],
    [{ trust: `SHA256:${"A".repeat(42)}B` }, /connect: trust is/],
    [{ trust: [TRUST, "sha256:x"] }, /connect: trust is "sha256:x"/],
    [{ trust: [] }, /connect: trust is an empty list/],
    [{ audience: "two words" }, /connect: audience is "two words"/],
    [{ waitMs: -1 }, /connect: waitMs is -1: give milliseconds from 0 to 3600000/],
    [{ waitMs: Number.NaN }, /connect: waitMs is NaN/],
    [{ pollMs: 1 }, /connect: pollMs is 1: give milliseconds from 50/],
    [{ pollMs: "5s" }, /connect: pollMs is "5s"/],
    [{ data: "" }, /connect: data is "": give the path of a directory/],
    [{ log: {} }, /connect: log is an object: give an object with info, warn and error/],
    [{ fallbackPolicy: { ...standardPolicy, modes: [] } }, /connect: fallbackPolicy does not lint: modes/],
    [{ fallbackPolicy: null }, /connect: fallbackPolicy does not lint/],
  ])("refuses %j by field, value and fix", (options, message) => {
    expect(() => check(options)).toThrow(TypeError);
    expect(() => check(options)).toThrow(message);
    expect(() => check(options)).toThrow(expect.objectContaining({ code: "options_invalid" }));
  });

  it("refuses what is no object", () => {
    expect(() => checkOptions(undefined as unknown as ConnectOptions)).toThrow(/connect: options is missing/);
    expect(() => checkOptions([] as unknown as ConnectOptions)).toThrow(/connect: options is a list/);
  });

  it("never repeats a token", () => {
    expect(() => check({ token: "hunter2 " })).toThrow(/connect: token is no bearer token/);
    expect(() => check({ token: "hunter2 " })).not.toThrow(/hunter2/);
  });

  it("refuses the audience development from anything but loopback, a socket or a directory", () => {
    const feed = "https://authority.example.com";
    expect(() => check({ feed })).toThrow(
      /connect: audience is "development": not accepted from https:\/\/authority.example.com/,
    );
    expect(() => check({ feed: ["/srv/feed", feed] })).toThrow(/audience/);
    expect(check({ feed, audience: "production" }).audience).toBe("production");
    for (const local of ["/srv/feed", "unix:/s", "http://127.0.0.1:7301"])
      expect(() => check({ feed: local })).not.toThrow();
  });
});
