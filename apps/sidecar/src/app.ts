import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Logger } from "pino";
import { type Counters, countRefusal } from "./counters.ts";
import type { Door } from "./doors/door.ts";
import type { HotRoutes } from "./hot-routes.ts";
import { REACHES, type Reach } from "./listen/admission.ts";
import { type Problem, problemOf, problemResponse } from "./problem.ts";

/** What an app needs besides its doors. */
export interface AppOptions {
  readonly doors: readonly Door[];
  /** Doors that are served beside Hono; the app answers for them only where the request does not fit. */
  readonly hot: HotRoutes;
  /** How far the requests that this app serves reach. */
  readonly reach: Reach;
  /** How far a request with the right token would reach here; left out where no token is known. */
  readonly withToken?: Reach | undefined;
  readonly counters: Counters;
  readonly log: Logger;
}

/**
 * Makes the Hono app for one reach. Doors beyond it are there and closed: which door a request comes through is decided
 * by the router alone, so no second reading of its path can open one.
 */
export function createApp(options: AppOptions): Hono {
  const { doors, hot, reach, counters, log } = options;
  const app = new Hono();
  const refuse = (problem: Problem, headers?: Record<string, string>): Response => {
    countRefusal(counters, problem.status);
    return problemResponse(problem, headers);
  };
  const isOpen = (needed: Reach): boolean => holds(reach, needed);
  for (const door of doors) {
    app.on(door.method, door.path, async (c: Context) => {
      if (!isOpen(door.reach)) return refuse(closed(options, door.reach));
      counters.requests[door.counted]++;
      const response = await door.answer(c);
      if (response.status >= 400 && response.status !== 503) countRefusal(counters, response.status);
      return response;
    });
  }
  for (const path of new Set(doors.map((door) => door.path))) {
    const allow = doors
      .filter((door) => door.path === path)
      .map((door) => (door.method === "GET" ? "GET, HEAD" : door.method));
    app.all(path, () =>
      refuse(problemOf("method_not_allowed", `takes ${allow.join(", ")}`), { allow: allow.join(", ") }),
    );
  }
  for (const { path, method } of hot.routes) {
    if (method === "any") continue;
    app.all(path.endsWith("/") ? `${path}*` : path, () =>
      refuse(isOpen("checks") ? problemOf("method_not_allowed", "takes POST") : closed(options, "checks"), {
        allow: "POST",
      }),
    );
  }
  app.notFound(() => refuse(problemOf("not_found", "no door is here: see /openapi.json for those there are")));
  app.onError((error) => refuse(faultOf(error, log)));
  return app;
}

/** Logs a fault of the sidecar's own and gives the problem that names the log line and nothing else. Never throws. */
export function faultOf(error: unknown, log: Logger): Problem {
  const correlation = randomUUID();
  log.error({ err: error, correlation }, "a door failed");
  return problemOf("internal", "the fault is the sidecar's own and stands in its log under this correlation", {
    correlation,
  });
}

function closed({ reach, withToken }: AppOptions, needed: Reach): Problem {
  if (withToken !== undefined && holds(withToken, needed)) {
    return problemOf("token_required", "send the token of --token-file as Authorization: Bearer …");
  }
  const how = needed === "feed" ? "--tcp full and --token-file FILE" : "--tcp full";
  return problemOf(
    "door_closed",
    `TCP reaches ${reach} here: ask over the Unix socket, or start the sidecar with ${how}`,
  );
}

function holds(reach: Reach, needed: Reach): boolean {
  return REACHES.indexOf(reach) >= REACHES.indexOf(needed);
}
