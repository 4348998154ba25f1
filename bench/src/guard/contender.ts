import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Dimmer } from "@dimmer/sdk";
import { honoGuard } from "@dimmer/sdk/hono";
import type { ProtectedRoutes, RouteRule } from "@dimmer/sdk/routes";
import { Hono } from "hono";
import { buildBenchFeed } from "../bench-feed.ts";

/**
 * The same Hono product bare, with an empty middleware and with a guard, in one process so that all share its heap:
 * `node contender.ts TENANTS COUNT ROUNDS` prints nanoseconds per request for each round, the three in turn.
 */
export interface GuardRound {
  readonly bare: number;
  readonly middleware: number;
  readonly guard: number;
}

const WARM_UP_ROUNDS = 20;

const routes: readonly RouteRule[] = [
  { path: "/health", capability: "open" },
  { method: "POST", path: "/login", capability: "login" },
  { method: "GET", path: "/session", capability: "login" },
  { method: "GET", path: "/exports/:id", capability: "export" },
  { method: "GET", path: "/api/**", capability: "api.read" },
  { path: "/api/**", capability: "api.write" },
  { path: "/billing/**", capability: "pay" },
  { path: "/contact", capability: "contact" },
  { method: "POST", path: "/cancel", capability: "leave" },
];

const ways: ProtectedRoutes = {
  login: [{ method: "POST", path: "/login" }],
  pay: [{ path: "/billing/**" }],
  export: [{ method: "GET", path: "/exports/:id" }],
  contact: [{ path: "/contact" }],
  leave: [{ method: "POST", path: "/cancel" }],
};

/** One allowed request in ten tenants' turn: a member reads a note, which asks `view` and `login`. */
function products(dimmer: Dimmer): readonly Hono[] {
  let turn = 0;
  const tenant = (): string => `tenant-${(turn++ % 9) + 1}`;
  const guard = honoGuard({ dimmer, tenant, principal: () => "member", routes, protected: ways });
  const bare = new Hono();
  const withMiddleware = new Hono().use((_c, next) => next());
  const guarded = new Hono().use(guard);
  return [bare, withMiddleware, guarded].map((app) => app.get("/notes/:id", (c) => c.text("a note")));
}

async function nsPerRequest(app: Hono, count: number): Promise<number> {
  const requests = Array.from({ length: count }, (_, i) => new Request(`http://localhost/notes/${i}?full=1`));
  const start = process.hrtime.bigint();
  for (const request of requests) {
    const response = await app.fetch(request);
    if (response.status !== 200) throw new Error(`a request was answered ${response.status}`);
  }
  return Number(process.hrtime.bigint() - start) / count;
}

async function main(): Promise<void> {
  const [tenants, count, rounds] = process.argv.slice(2).map(Number) as [number, number, number];
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  try {
    const { directory, trust } = await buildBenchFeed(folder, tenants);
    await using dimmer = await connect({ feed: directory, trust });
    await dimmer.ready();
    const [bare, middleware, guard] = products(dimmer) as [Hono, Hono, Hono];
    const results: GuardRound[] = [];
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      const timed = {
        bare: await nsPerRequest(bare, count),
        middleware: await nsPerRequest(middleware, count),
        guard: await nsPerRequest(guard, count),
      };
      if (round >= 0) results.push(timed);
    }
    process.stdout.write(`${JSON.stringify(results)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
