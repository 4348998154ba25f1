import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { type AppOptions, createApp } from "../src/app.ts";
import { createCounters } from "../src/counters.ts";
import type { Door } from "../src/doors/door.ts";
import { HotRoutes } from "../src/hot-routes.ts";
import { REACHES, type Reach } from "../src/listen/admission.ts";

const doorAt = (reach: Reach): Door => ({
  method: "GET",
  path: `/${reach}`,
  reach,
  counted: "other",
  answer: () => new Response("open"),
});
const failing: Door = {
  ...doorAt("health"),
  path: "/failing",
  answer: () => {
    throw new Error("secret of the implementation");
  },
};

function app(options: Partial<AppOptions>): {
  get: (path: string, method?: string) => Promise<Response>;
  logged: string[];
} {
  const logged: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void logged.push(line) });
  const doors = [...REACHES.map(doorAt), failing];
  const hot = new HotRoutes([]);
  const made = createApp({ doors, hot, reach: "feed", counters: createCounters(), log, ...options });
  return { get: async (path, method = "GET") => await made.request(path, { method }), logged };
}

describe("createApp", () => {
  it.each(REACHES)("opens to the reach %s its doors and those before it", async (reach) => {
    const { get } = app({ reach });
    const open = await Promise.all(REACHES.map(async (door) => (await get(`/${door}`)).status === 200));
    expect(REACHES.filter((_, index) => open[index])).toEqual(REACHES.slice(0, REACHES.indexOf(reach) + 1));
  });

  it("asks for a token where one would open the door, and says else how to open it", async () => {
    const { get } = app({ reach: "health", withToken: "checks" });
    const [checks, feed] = [await get("/checks"), await get("/feed")];
    expect([checks.status, checks.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="dimmer"']);
    expect([feed.status, ((await feed.json()) as { detail: string }).detail]).toEqual([
      403,
      "TCP reaches health here: ask over the Unix socket, or start the sidecar with --tcp full and --token-file FILE",
    ]);
    expect((await app({ reach: "tenants" }).get("/feed")).status).toBe(403);
  });

  it("reads a path once: no second reading opens a closed door", async () => {
    const { get } = app({ reach: "checks" });
    for (const path of [
      "/feed",
      "/%66eed",
      "/feed/",
      "//feed",
      "/checks/../feed",
      "/checks/%2e%2e/feed",
      "/feed?x=/checks",
    ]) {
      expect((await get(path)).status, path).not.toBe(200);
    }
  });

  it("answers HEAD where it answers GET, and 405 to the rest with what it takes", async () => {
    const { get } = app({});
    expect((await get("/health", "HEAD")).status).toBe(200);
    const answer = await get("/health", "POST");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("answers 404 as a problem, without the path", async () => {
    const answer = await app({}).get("/<script>");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect(await answer.text()).not.toContain("script");
  });

  it("tells a stranger nothing of what failed inside but a correlation, and the log the rest", async () => {
    const { get, logged } = app({});
    const answer = await get("/failing");
    const text = await answer.text();
    const { correlation } = JSON.parse(text) as { correlation: string };
    expect([answer.status, answer.headers.get("content-type")]).toEqual([500, "application/problem+json"]);
    expect(text).not.toMatch(/secret|at |\.ts/);
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? "")).toMatchObject({
      correlation,
      err: { message: "secret of the implementation" },
    });
  });
});
