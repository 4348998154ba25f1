import type { Replica } from "@dimmer/feed/follow";
import { parseVersion, type Version } from "@dimmer/statement";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { FeedStreams } from "../feed-streams.ts";
import { type Problem, problemOf, problemResponse } from "../problem.ts";
import type { Door } from "./door.ts";

/** Followers that find no room come back within this, each at a time of its own. */
const RETRY_SPREAD_S = 30;

interface Wanted {
  readonly from: Version;
  readonly tenants: boolean;
}

/**
 * `GET /v1/feed/watch?epoch=…&seq=…[&tenants=none]`: the stream of the feed, as the authority serves it, of what this
 * sidecar holds. Services on this host follow it and never the authority.
 */
export function watchDoor(replica: Replica, streams: FeedStreams): Door {
  return {
    method: "GET",
    path: "/v1/feed/watch",
    reach: "feed",
    counted: "feed",
    answer: (c) => answer(c, replica, streams),
  };
}

function answer(c: Context, replica: Replica, streams: FeedStreams): Response {
  const wanted = read(new URL(c.req.url).searchParams);
  if ("status" in wanted) return problemResponse(wanted);
  if (replica.version === undefined) {
    return problemResponse(problemOf("not_ready", "no generation is verified yet: ask again in a moment"));
  }
  if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
  const opened = streams.serve((c.env as HttpBindings).outgoing, wanted.from, wanted);
  switch (opened) {
    case "open":
      return RESPONSE_ALREADY_SENT;
    case "list again":
      return problemResponse(
        problemOf(
          "gone",
          "the changes since that version are not kept: list the feed again, then watch from its version",
        ),
      );
    case "full": {
      const retryAfterS = 1 + Math.floor(Math.random() * RETRY_SPREAD_S);
      const problem = problemOf("busy", "no more streams are opened here at present: come back later");
      return problemResponse(problem, { "retry-after": String(retryAfterS) });
    }
  }
}

function read(query: URLSearchParams): Wanted | Problem {
  const from = parseVersion(`${query.get("epoch") ?? ""}.${query.get("seq") ?? ""}`);
  const tenants = query.get("tenants");
  if (from === undefined) {
    const detail = "give the version that is held, as ?epoch=1&seq=42";
    return problemOf("malformed_request", detail, { field: "epoch" });
  }
  if (tenants !== null && tenants !== "none") {
    return problemOf("malformed_request", "tenants must be none, or left out", { field: "tenants" });
  }
  return { from, tenants: tenants === null };
}
