import type { PartKind, Replica } from "@dimmer/feed/follow";
import { namesTag } from "../entity-tag.ts";
import { problemOf, problemResponse } from "../problem.ts";
import type { Door } from "./door.ts";

const STATEMENT = "application/jose";
const LINES = "application/x-ndjson";
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
const KINDS = ["index", "policy", "locks", "chunks"] as const satisfies readonly PartKind[];

/** What a digest names never changes; it is for its reader alone, since the feed is a list of debtors. */
const FOREVER = "private, max-age=31536000, immutable";
/** What may change is asked for again each time. */
const ASK_AGAIN = "private, no-cache";

/**
 * `/v1/feed/…`: the verified feed, byte for byte as it was received, so that services on this host follow the sidecar
 * and never the authority. Only what is in force (and the generation before it) is served: nothing here is unverified.
 */
export function feedDoors(replica: Replica): Door[] {
  return [
    {
      method: "GET",
      path: "/v1/feed/head",
      reach: "feed",
      counted: "feed",
      answer: (c) => head(replica, c.req.header("if-none-match")),
    },
    { method: "GET", path: "/v1/feed/keysets", reach: "feed", counted: "feed", answer: () => keysets(replica) },
    ...KINDS.map(
      (kind): Door => ({
        method: "GET",
        path: `/v1/feed/${kind}/:digest`,
        reach: "feed",
        counted: "feed",
        answer: (c) => part(replica, kind, c.req.param("digest") ?? ""),
      }),
    ),
  ];
}

function head(replica: Replica, ifNoneMatch: string | undefined): Response {
  const held = replica.readHead();
  if (held === undefined) return notReady();
  const headers = { etag: held.etag, "cache-control": ASK_AGAIN, "content-type": STATEMENT };
  if (namesTag(ifNoneMatch, held.etag)) return new Response(null, { status: 304, headers });
  return new Response(held.token, { headers });
}

function keysets(replica: Replica): Response {
  const tokens = replica.readKeysets();
  if (tokens.length === 0) return notReady();
  return Response.json({ keysets: tokens }, { headers: { "cache-control": ASK_AGAIN } });
}

async function part(replica: Replica, kind: PartKind, digest: string): Promise<Response> {
  if (!DIGEST.test(digest)) {
    return problemResponse(
      problemOf("malformed_request", "a digest is a SHA-256 in base64url, 43 characters", { field: "digest" }),
    );
  }
  const bytes = await replica.readPart(kind, digest);
  if (bytes === undefined) {
    return problemResponse(
      problemOf("not_found", `no ${kind} of this digest is held: fetch the head again, it names those that are`),
    );
  }
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: { "cache-control": FOREVER, "content-type": kind === "chunks" ? LINES : STATEMENT },
  });
}

function notReady(): Response {
  return problemResponse(problemOf("not_ready", "no generation is verified yet: ask again in a moment"));
}
