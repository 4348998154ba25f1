import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { questionDoors } from "../remote/question-doors.ts";
import { feedDoor, TestServer } from "./feed-server.ts";
import { keeper } from "./kept.ts";
import { LiveFeed, tenant } from "./live-feed.ts";

const kept = keeper();
const PROGRAM = join(import.meta.dirname, "product-process.ts");
/** A product that does not end is ended, so that the test fails by its signal and not by the runner's time. */
const ENDS_WITHIN_MS = 20_000;

/** Runs a product, and returns what it printed when it has ended by itself. `meanwhile` begins at its first line. */
async function run(what: string, feed: string, trust: string, meanwhile = async () => {}): Promise<string[]> {
  const args = ["--conditions=@dimmer/source", PROGRAM, what, feed, trust];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: ENDS_WITHIN_MS });
  const begun = once(child.stdout, "data").then(meanwhile);
  const [printed, [code, signal]] = await Promise.all([text(child.stdout), once(child, "exit"), begun]);
  expect({ code, signal }, printed).toEqual({ code: 0, signal: null });
  return printed.trim().split("\n");
}

describe("a product's process", { timeout: 30_000 }, () => {
  const entitlements = [tenant("acme")];

  it.each([
    ["closes", "directory"],
    ["closes", "socket"],
    ["disposes", "socket"],
    ["forgets", "directory"],
    ["forgets", "socket"],
  ])("ends by itself when it %s a Dimmer over a %s", async (what, over) => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const server = kept(await TestServer.listen([feedDoor(feed.directory)], feed.socketPath("s")));
    expect(await run(what, over === "socket" ? server.url : feed.directory, feed.trust)).toEqual(["granted"]);
  });

  it("boots and ends by itself with the feed down", async () => {
    const feed = kept(await LiveFeed.create());
    expect(await run("boots", `unix:${feed.socketPath("none")}`, feed.trust)).toEqual(["no_data"]);
  });

  it("stays alive while it waits to be ready", async () => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const path = feed.socketPath("s");
    const printed = await run("waits", `unix:${path}`, feed.trust, async () => {
      kept(await TestServer.listen([feedDoor(feed.directory)], path));
    });
    expect(printed).toEqual(["no_data", "granted"]);
  });

  it.each(["asks", "asks and forgets"])("ends by itself when it %s a sidecar", async (what) => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const doors = [feedDoor(feed.directory), questionDoors(() => ({ entitlements }))];
    const server = kept(await TestServer.listen(doors, feed.socketPath("s")));
    expect(await run(what, server.url, feed.trust)).toEqual(["granted"]);
  });
});
